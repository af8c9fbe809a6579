// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/translation_prefix.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace millrace::net {
namespace {

constexpr std::array<std::uint8_t, 6> kLengths = {32, 40, 48, 56, 64, 96};
// RFC 6052 section 2.2: octet 8, "u", is zero; an IPv4 address that would lie over it goes on behind it.
constexpr std::size_t kReservedOctet = 8;

constexpr Ipv6Address kWellKnown{{0x00, 0x64, 0xff, 0x9b}};

struct Block {
  std::uint32_t address;
  std::uint32_t mask;
};
// RFC 1918, RFC 5735 section 3, and the shared addresses of RFC 6598.
constexpr std::array<Block, 15> kNotGlobal = {{
    {0x00000000, 0xff000000},  // 0.0.0.0/8
    {0x0a000000, 0xff000000},  // 10.0.0.0/8
    {0x64400000, 0xffc00000},  // 100.64.0.0/10
    {0x7f000000, 0xff000000},  // 127.0.0.0/8
    {0xa9fe0000, 0xffff0000},  // 169.254.0.0/16
    {0xac100000, 0xfff00000},  // 172.16.0.0/12
    {0xc0000000, 0xffffff00},  // 192.0.0.0/24
    {0xc0000200, 0xffffff00},  // 192.0.2.0/24
    {0xc0586300, 0xffffff00},  // 192.88.99.0/24
    {0xc0a80000, 0xffff0000},  // 192.168.0.0/16
    {0xc6120000, 0xfffe0000},  // 198.18.0.0/15
    {0xc6336400, 0xffffff00},  // 198.51.100.0/24
    {0xcb007100, 0xffffff00},  // 203.0.113.0/24
    {0xe0000000, 0xf0000000},  // 224.0.0.0/4
    {0xf0000000, 0xf0000000},  // 240.0.0.0/4
}};

}  // namespace

std::optional<TranslationPrefix> TranslationPrefix::of(const Prefix& prefix) noexcept {
  if (prefix.address.is_v4() || std::ranges::find(kLengths, prefix.length) == kLengths.end()) return {};
  const Ipv6Address address = prefix.address.v6();
  if (address.bytes[kReservedOctet] != 0) return {};
  return TranslationPrefix(address, prefix.length);
}

Ipv6Address TranslationPrefix::embed(Ipv4Address address) const noexcept {
  Ipv6Address embedded = address_;  // the suffix stays zero: section 2.2
  std::size_t at = length_ / 8U;
  for (unsigned shift = 32; shift != 0;) {
    shift -= 8;
    if (at == kReservedOctet) ++at;
    embedded.bytes[at++] = static_cast<std::uint8_t>(address.value.host() >> shift);
  }
  return embedded;
}

Ipv4Address TranslationPrefix::extract(const Ipv6Address& address) const noexcept {
  std::uint32_t value = 0;
  std::size_t at = length_ / 8U;
  for (unsigned octet = 0; octet < 4; ++octet) {
    if (at == kReservedOctet) ++at;
    value = value << 8 | address.bytes[at++];
  }
  return Ipv4Address{be32(value)};
}

bool TranslationPrefix::contains(const Ipv6Address& address) const noexcept {
  return std::memcmp(address.bytes.data(), address_.bytes.data(), length_ / 8U) == 0;
}

bool TranslationPrefix::may_embed(Ipv4Address address) const noexcept {
  if (length_ != 96 || address_ != kWellKnown) return true;
  const std::uint32_t value = address.value.host();
  return std::ranges::none_of(kNotGlobal,
                              [value](const Block& block) { return (value & block.mask) == block.address; });
}

}  // namespace millrace::net
