// SPDX-License-Identifier: BSD-3-Clause
// The lines of an FTP control connection that name a port for a data connection: RFC 959 section 4.1.2
// and 4.2, RFC 2428, RFC 1123 section 4.1.2.6. Pure, bounds checked, no allocation.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/big_endian.h"
#include "common/base/reader.h"
#include "common/net/address.h"

namespace millrace::nat::ftp {

enum class Sender : std::uint8_t { kClient, kServer };

enum class Form : std::uint8_t {
  kNone,
  kPort,  // h1,h2,h3,h4,p1,p2: PORT, and the reply 227
  kEprt,  // address|port, IPv4 only: EPRT
  kEpsv,  // the port alone: the reply 229
};

// What a line says, and where: `length` bytes from `at` on.
struct Message {
  Form form = Form::kNone;
  std::uint16_t at = 0;
  std::uint16_t length = 0;
  net::Ipv4Address address{};  // not of kEpsv
  be16 port{};
  char delimiter = '|';  // of kEprt
};

// Longer lines name no port.
inline constexpr std::size_t kLongestLine = 512;

// `line` goes to its end, with or without the line's own.
[[nodiscard]] Message read_line(Bytes line, Sender sender) noexcept;
// Whether what has no end yet would be such a line once it has.
[[nodiscard]] bool may_become_message(Bytes line, Sender sender) noexcept;

using Text = std::array<std::uint8_t, 24>;
// What to write in the place of what `message` says; the length.
[[nodiscard]] std::size_t write(Text& text, const Message& message, net::Ipv4Address address,
                                be16 port) noexcept;

}  // namespace millrace::nat::ftp
