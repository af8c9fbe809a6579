// SPDX-License-Identifier: BSD-3-Clause
// What records of one kind consist of, in memory and by which templates they are sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace millrace::control {

struct IpfixElement {
  const char* name;  // in IANA's registry
  std::uint16_t bytes;
  std::uint32_t layout = 0;  // goes into the templates whose layout has all these bits
};

struct IpfixTemplate {
  std::uint16_t id;  // data sets begin at 256, RFC 7011 section 3.4.1
  std::uint32_t layout;
};

struct IpfixSchema {
  static constexpr std::uint16_t kFirstId = 0x0100;
  static constexpr std::uint16_t kEndId = 0x0180;  // the encoder's own begin here

  std::vector<IpfixElement> elements;  // the members of a record in memory: in order, without gaps
  std::vector<IpfixTemplate> templates;
  std::size_t record_bytes = 0;  // in memory
};

// A record as libfixbuf takes it: the members its schema names, integers in host byte order.
struct IpfixRecord {
  std::uint32_t layout;  // of the template it goes out by
  alignas(8) std::array<std::uint8_t, 128> members;

  template <class Members>
  [[nodiscard]] static IpfixRecord of(std::uint32_t layout, const Members& members) noexcept {
    static_assert(std::is_trivially_copyable_v<Members> && sizeof(Members) <= sizeof(IpfixRecord::members));
    IpfixRecord record{.layout = layout, .members = {}};
    std::memcpy(record.members.data(), &members, sizeof members);
    return record;
  }
};

}  // namespace millrace::control
