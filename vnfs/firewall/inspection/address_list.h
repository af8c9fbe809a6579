// SPDX-License-Identifier: BSD-3-Clause
// Addresses that are listed: of both families, one by one, by prefix or by range. Built off the data path,
// then only read.
#pragma once

#include <cstddef>
#include <vector>

#include "common/base/siphash.h"
#include "common/net/prefix_table.h"

namespace millrace::firewall::inspection {

class AddressList {
 public:
  // From the first to the last, which is of the same family and not before it.
  struct Entry {
    net::IpAddress first;
    net::IpAddress last;
  };
  // What entries take.
  struct Room {
    std::size_t v4 = 0;
    std::size_t v6 = 0;

    void add(const Entry& entry) noexcept { ++(entry.first.is_v4() ? v4 : v6); }
  };

  AddressList() : v4_(kAbsent), v6_(kAbsent) {}
  // The key is not used. This, add() and seal() throw std::bad_alloc.
  AddressList(const Room& room, const SipKey& seed);

  void add(const Entry& entry);
  // After the last entry. Nothing is found before.
  void seal();

  // Data path.
  [[nodiscard]] bool matches(const net::IpAddress& address) const noexcept {
    return address.is_v4() ? v4_.lookup(integer(address.v4())) == kPresent
                           : v6_.lookup(integer(address.v6())) == kPresent;
  }

  // Entries; those that overlap count once.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return v4_.memory_bytes() + v6_.memory_bytes(); }

 private:
  using V4 = net::RangeTable<std::uint32_t>;
  using V6 = net::RangeTable<net::Uint128>;

  static constexpr std::uint32_t kAbsent = 0;
  static constexpr std::uint32_t kPresent = 1;

  [[nodiscard]] static std::uint32_t integer(net::Ipv4Address address) noexcept {
    return address.value.host();
  }
  [[nodiscard]] static net::Uint128 integer(const net::Ipv6Address& address) noexcept {
    return (net::Uint128{address.high()} << 64U) | address.low();
  }

  V4 v4_;
  V6 v6_;
  std::vector<V4::Interval> v4_entries_;  // until sealed
  std::vector<V6::Interval> v6_entries_;
  std::size_t count_ = 0;
};

}  // namespace millrace::firewall::inspection
