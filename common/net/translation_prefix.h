// SPDX-License-Identifier: BSD-3-Clause
// IPv4 addresses inside IPv6 addresses (RFC 6052). Data path but for of().
#pragma once

#include <cstdint>
#include <optional>

#include "common/net/address.h"

namespace millrace::net {

// The prefix that stands for the IPv4 Internet in IPv6 addresses, or for hosts of IPv6 that have an IPv4
// address.
class TranslationPrefix {
 public:
  // RFC 6052 section 2.2: of 32, 40, 48, 56, 64 or 96 bits, and with bits 64 to 71 zero. Nothing for any
  // other.
  [[nodiscard]] static std::optional<TranslationPrefix> of(const Prefix& prefix) noexcept;

  [[nodiscard]] Ipv6Address embed(Ipv4Address address) const noexcept;
  // Of an address that the prefix contains.
  [[nodiscard]] Ipv4Address extract(const Ipv6Address& address) const noexcept;
  [[nodiscard]] bool contains(const Ipv6Address& address) const noexcept;
  // RFC 6052 section 3.1: the well-known prefix 64:ff9b::/96 must not stand for addresses that are not
  // global, and a packet with such an address is dropped. Any other prefix may.
  [[nodiscard]] bool may_embed(Ipv4Address address) const noexcept;

  [[nodiscard]] Prefix prefix() const noexcept { return Prefix::of(address_, length_); }
  bool operator==(const TranslationPrefix&) const noexcept = default;

 private:
  TranslationPrefix(const Ipv6Address& address, std::uint8_t length) noexcept
      : address_(address), length_(length) {}

  Ipv6Address address_;  // zero past the length
  std::uint8_t length_;
};

}  // namespace millrace::net
