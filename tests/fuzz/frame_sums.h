// SPDX-License-Identifier: BSD-3-Clause
// Whether the checksums of a frame are right (RFC 1071), summed word by word and without the project's
// parser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::fuzz {

enum class Sums : std::uint8_t {
  kRight,
  kWrong,    // one of them
  kUnknown,  // what it carries has none, or is a fragment, or not all there
};

namespace frame_sums {

using Octets = std::span<const std::uint8_t>;

inline unsigned word(Octets octets, std::size_t at) {
  return unsigned{octets[at]} << 8U | (at + 1 < octets.size() ? unsigned{octets[at + 1]} : 0U);
}

inline unsigned sum(Octets octets) {
  unsigned total = 0;
  for (std::size_t at = 0; at < octets.size(); at += 2) total += word(octets, at);
  return total;
}

inline bool is_right(unsigned total) {
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16U);
  return total == 0xffff;
}

// What an IP header of these addresses says it carries, all of it.
inline Sums of_transport(Octets octets, unsigned protocol, Octets addresses) {
  constexpr unsigned kIcmp = 1;
  constexpr unsigned kTcp = 6;
  constexpr unsigned kUdp = 17;
  constexpr unsigned kIcmpv6 = 58;
  const bool six = addresses.size() == 32;
  const bool known = protocol == kTcp || protocol == kUdp || protocol == (six ? kIcmpv6 : kIcmp);
  if (!known || octets.size() < (protocol == kTcp ? 20 : 8)) return Sums::kUnknown;
  if (protocol == kUdp && (word(octets, 4) != octets.size() || word(octets, 6) == 0)) return Sums::kUnknown;
  const unsigned pseudo =
      protocol == kIcmp ? 0 : sum(addresses) + protocol + static_cast<unsigned>(octets.size());
  return is_right(pseudo + sum(octets)) ? Sums::kRight : Sums::kWrong;
}

// From the IP header on; empty when it is no frame with an IP header.
inline Octets datagram_of(Octets frame) {
  std::size_t at = 12;
  while (at + 4 <= frame.size() && word(frame, at) == 0x8100) at += 4;
  if (at + 2 > frame.size()) return {};
  const unsigned type = word(frame, at);
  const Octets ip = frame.subspan(at + 2);
  const bool is_ip = !ip.empty() && type == (ip[0] >> 4U == 6 ? 0x86dd : 0x0800);
  return is_ip ? ip : Octets{};
}

}  // namespace frame_sums

inline Sums sums_of_datagram(frame_sums::Octets ip) {
  using namespace frame_sums;
  if (ip.size() >= 40 && ip[0] >> 4U == 6) {
    const std::size_t length = word(ip, 4);
    if (length > ip.size() - 40) return Sums::kUnknown;
    return of_transport(ip.subspan(40, length), ip[6], ip.subspan(8, 32));
  }
  if (ip.size() < 20 || ip[0] >> 4U != 4) return Sums::kUnknown;
  const std::size_t header = std::size_t{ip[0] & 15U} * 4;
  const std::size_t length = word(ip, 2);
  if (header < 20 || length < header || length > ip.size()) return Sums::kUnknown;
  if (!is_right(sum(ip.first(header)))) return Sums::kWrong;
  if ((word(ip, 6) & 0x3fff) != 0) return Sums::kUnknown;
  return of_transport(ip.first(length).subspan(header), ip[9], ip.subspan(12, 8));
}

inline Sums sums_of(frame_sums::Octets frame) { return sums_of_datagram(frame_sums::datagram_of(frame)); }

}  // namespace millrace::fuzz
