// SPDX-License-Identifier: BSD-3-Clause
// Which of many address groups is an address in? One longest-prefix match answers for all of them.
//
// Prefixes are nested or disjoint, so an address is in exactly the groups of the longest prefix around it and
// of the prefixes around that. Addresses that are in the same groups form a class; a million prefixes of one
// group are one class. Built off the data path.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/net/address.h"
#include "common/net/prefix_table.h"

namespace millrace::firewall {

class AddressClasses {
 public:
  using Group = std::span<const net::Prefix>;

  explicit AddressClasses(std::span<const Group> groups);

  [[nodiscard]] std::size_t count() const noexcept { return groups_of_.size(); }
  // The groups, by place in the list and rising, that the addresses of this class are in. Class 0 is in none.
  [[nodiscard]] std::span<const std::uint32_t> groups_of(std::uint32_t class_id) const noexcept {
    return groups_of_[class_id];
  }
  // From an address to the value of its class. Every address has one: the table never says kNoMatch.
  [[nodiscard]] net::PrefixTable table(std::span<const std::uint32_t> value_of_class) const;

 private:
  struct Member {
    net::Prefix prefix;
    std::uint32_t class_id;
  };

  std::vector<Member> members_;
  std::vector<std::vector<std::uint32_t>> groups_of_;
};

}  // namespace millrace::firewall
