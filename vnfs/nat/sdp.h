// SPDX-License-Identifier: BSD-3-Clause
// Where a session description (RFC 8866) says to which addresses and ports media go. Nothing is allocated;
// numbers are in host order.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/net/address.h"
#include "vnfs/nat/text_reader.h"

namespace millrace::nat::sdp {

inline constexpr unsigned kMostMedia = 8;

// What is written, and what it says; `place` is of no length where nothing is.
template <class Value>
struct Written {
  Place place;
  Value value{};

  [[nodiscard]] bool there() const noexcept { return place.length != 0; }
};
using WrittenAddress = Written<net::Ipv4Address>;
using WrittenPort = Written<std::uint16_t>;

// RTP goes with RTCP (RFC 3550 section 11); UDP may carry other things too, such as UDPTL.
enum class Carriage : std::uint8_t { kOther, kUdp, kRtp };

// A media description, section 5.14.
struct Media {
  WrittenPort port;           // 0: none wanted, or refused (RFC 3264 section 6)
  std::uint32_t ports = 1;    // this one and those after it
  WrittenAddress connection;  // its own
  bool has_connection = false;
  WrittenPort rtcp;             // RFC 3605
  WrittenAddress rtcp_address;  // likewise, where one is written
  bool rtcp_elsewhere = false;  // at one that is not of IPv4
  Carriage carriage = Carriage::kOther;
  std::size_t end = 0;  // behind its last line
};

// Addresses of IPv4 only; what has others, or names, is not there.
struct Description {
  WrittenAddress origin;
  WrittenAddress connection;  // of all media that have none of their own
  unsigned count = 0;
  std::array<Media, kMostMedia> media;

  [[nodiscard]] const WrittenAddress& connection_of(const Media& one) const noexcept {
    return one.has_connection ? one.connection : connection;
  }
};

// Reads the part `body` of `text`; places are of `text`. Nothing when it is no session description, or has
// more media than fit.
[[nodiscard]] std::optional<Description> read(std::string_view text, Place body) noexcept;

}  // namespace millrace::nat::sdp
