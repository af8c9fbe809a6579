// SPDX-License-Identifier: BSD-3-Clause
// A control connection of FTP from a client inside to a server outside, segment by segment.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing::ftp {

inline constexpr std::string_view kFtpClient = "10.0.0.10";
inline constexpr std::string_view kFtpServer = "93.184.216.34";
inline constexpr std::string_view kFtpStranger = "8.8.8.8";
inline constexpr std::uint32_t kClientFirst = 1001;  // sequence numbers of the first bytes
inline constexpr std::uint32_t kServerFirst = 0xffffffe0;

inline NatSpec ftp_spec() {
  NatSpec spec;
  spec.algs.add(nat::AlgKind::kFtp);
  return spec;
}

// All ports are 2048 to 2111: in PORT they are "8,0" to "8,63".
inline NatSpec short_ports() {
  NatSpec spec = ftp_spec();
  spec.pools[0].first_port = 2048;
  spec.pools[0].last_port = 2048 + 63;
  spec.pools[0].ports_per_subscriber = 64;
  return spec;
}

inline std::string text_of(const Seen& seen) { return {seen.payload.begin(), seen.payload.end()}; }

inline std::uint32_t word_of(const Seen& seen, std::size_t at) {  // of the TCP header
  const std::size_t l4 = 14 + 20;
  const Frame& f = seen.frame;
  return std::uint32_t{f.at(l4 + at)} << 24 | std::uint32_t{f.at(l4 + at + 1)} << 16 |
         std::uint32_t{f.at(l4 + at + 2)} << 8 | f.at(l4 + at + 3);
}
inline std::uint32_t seq_of(const Seen& seen) { return word_of(seen, 4); }
inline std::uint32_t ack_of(const Seen& seen) { return word_of(seen, 8); }

inline std::vector<unsigned> numbers_in(std::string_view text) {
  std::vector<unsigned> numbers;
  for (std::size_t at = 0; at < text.size();) {
    unsigned value = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (read.ec == std::errc{}) {
      numbers.push_back(value);
      at = static_cast<std::size_t>(read.ptr - text.data());
    } else {
      ++at;
    }
  }
  return numbers;
}

// A control connection from the client's port 40000.
struct Control {
  NatBed& bed;
  std::string outside{};
  std::uint16_t port = 0;

  [[nodiscard]] static PacketBuilder out(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside(kFtpClient, kFtpServer).tcp(40000, 21).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] PacketBuilder in(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return NatBed::outside(kFtpServer, outside).tcp(21, port).flags(flags).seq(seq).ack(ack);
  }
  void open() {
    const auto syn = bed.one(kInside, out("S", kClientFirst - 1, 0));
    ASSERT_TRUE(syn);
    outside = syn->source;
    port = syn->source_port;
    ASSERT_TRUE(bed.one(kOutside, in("SA", kServerFirst - 1, kClientFirst)));
    ASSERT_TRUE(bed.one(kInside, out("A", kClientFirst, kServerFirst)));
  }
  // The client says something from this number on.
  [[nodiscard]] std::optional<Seen> say(std::uint32_t seq, std::string_view text,
                                        std::uint32_t ack = kServerFirst) const {
    return bed.one(kInside, out("PA", seq, ack).payload(text));
  }
};

inline PacketBuilder data_syn(std::string_view source, std::string_view outside, unsigned port,
                              std::uint16_t from = 20) {
  return NatBed::outside(source, outside).tcp(from, static_cast<std::uint16_t>(port)).flags("S");
}

}  // namespace millrace::testing::ftp
