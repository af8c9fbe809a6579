// SPDX-License-Identifier: BSD-3-Clause
// The names that a DNS message asks for (RFC 1035 section 4.1).
#pragma once

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/field_reader.h"
#include "vnfs/firewall/inspection/room.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kLongestDnsName = 255;
inline constexpr unsigned kMostDnsQuestions = 8;  // of a message; servers take one

// Writes the name at the reader's place as "www.example.org"; bytes are as they were sent, but a dot or a
// backslash within a label has a backslash in front. Names in questions are not compressed. False when it is
// none.
[[nodiscard]] bool read_dns_name(FieldReader& reader, RoomWriter& out) noexcept;

// Calls `bool sink(Bytes name, std::uint16_t type) noexcept` for each question of a query, until it returns
// false. False when the bytes are no query.
template <class Sink>
bool read_dns_query(Bytes message, Room& room, Sink&& sink) noexcept {
  constexpr std::uint32_t kAnswer = 0x8000;
  constexpr std::uint32_t kOperation = 0x7800;
  FieldReader reader(message);
  reader.skip(2);
  const std::uint32_t flags = reader.number(2);
  const std::uint32_t questions = reader.number(2);
  reader.skip(6);
  if (!reader.good() || (flags & (kAnswer | kOperation)) != 0 || questions == 0 ||
      questions > kMostDnsQuestions)
    return false;
  for (std::uint32_t i = 0; i < questions; ++i) {
    RoomWriter out(room, 2 * kLongestDnsName);
    if (!read_dns_name(reader, out)) return false;
    const auto type = static_cast<std::uint16_t>(reader.number(2));
    reader.skip(2);
    if (!reader.good() || out.full()) return false;
    if (!sink(Bytes(out.take()), type)) return true;
  }
  return true;
}

}  // namespace millrace::firewall::inspection
