// SPDX-License-Identifier: BSD-3-Clause
// Which of the address specifications of many signatures hold for an address: one longest-prefix match gives
// the address's class, and each class knows those that hold for it. Immutable; built off the data path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "common/net/prefix_table.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

class AddressSets {
 public:
  explicit AddressSets(std::span<const AddressSpec> specs);

  [[nodiscard]] std::uint32_t class_of(const net::IpAddress& address) const noexcept {
    return classes_.lookup(address);
  }
  [[nodiscard]] std::uint32_t classes() const noexcept {
    return static_cast<std::uint32_t>(first_.size()) - 1;
  }
  // Places in the list that was given, rising.
  [[nodiscard]] std::span<const std::uint32_t> holding(std::uint32_t class_id) const noexcept {
    return std::span(holding_).subspan(first_[class_id], first_[class_id + 1] - first_[class_id]);
  }
  [[nodiscard]] bool holds(std::uint32_t class_id, std::uint32_t spec) const noexcept {
    return std::ranges::binary_search(holding(class_id), spec);
  }

 private:
  net::PrefixTable classes_;
  std::vector<std::uint32_t> first_;  // of each class in holding_, and one more
  std::vector<std::uint32_t> holding_;
};

}  // namespace millrace::firewall::inspection
