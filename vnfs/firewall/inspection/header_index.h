// SPDX-License-Identifier: BSD-3-Clause
// The signatures whose addresses and ports a packet has, of thousands that look at nothing else: one row of
// bits for each class of addresses and ports, and the bits that all rows have in common. Immutable; built off
// the data path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "vnfs/firewall/bit_rows.h"
#include "vnfs/firewall/inspection/address_sets.h"

namespace millrace::firewall::inspection {

class HeaderIndex {
 public:
  // One direction of one signature.
  struct Header {
    std::uint32_t signature = 0;
    std::uint32_t source = 0;  // of the address sets
    std::uint32_t destination = 0;
    PortSpec destination_ports;
  };

  HeaderIndex(std::span<const Header> headers, const AddressSets& addresses);

  // Calls `on_signature(number)` for each signature that has these; some for both of its directions. Source
  // ports are not looked at.
  template <class OnSignature>
  void find(std::uint32_t source_class, std::uint32_t destination_class, std::uint16_t destination_port,
            OnSignature&& on_signature) const noexcept {
    if (signatures_.empty()) return;
    const BitRows::Block* const rows[] = {rows_.row(source_rows_[source_class]),
                                          rows_.row(destination_rows_[destination_class]),
                                          rows_.row(port_row(destination_port))};
    rows_.each_common(rows, 3, [&](std::uint32_t bit) noexcept {
      on_signature(signatures_[bit]);
      return true;
    });
  }
  [[nodiscard]] bool empty() const noexcept { return signatures_.empty(); }

 private:
  void add_address_rows(std::span<const Header> headers, const AddressSets& addresses);
  void add_port_rows(std::span<const Header> headers);
  [[nodiscard]] std::uint32_t port_row(std::uint16_t port) const noexcept {
    const auto behind = std::ranges::upper_bound(port_starts_, std::uint32_t{port});
    return port_rows_[static_cast<std::size_t>(behind - port_starts_.begin()) - 1];
  }

  BitRows rows_;
  std::vector<std::uint32_t> signatures_;        // by bit
  std::vector<std::uint32_t> source_rows_;       // by class
  std::vector<std::uint32_t> destination_rows_;  // by class
  std::vector<std::uint32_t> port_starts_;       // where the row of ports changes, rising from 0
  std::vector<std::uint32_t> port_rows_;         // from each of them on
};

}  // namespace millrace::firewall::inspection
