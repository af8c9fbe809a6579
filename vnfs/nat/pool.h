// SPDX-License-Identifier: BSD-3-Clause
// Outside addresses and ports for subscribers, as the policy has them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/core/port_runs.h"
#include "vnfs/nat/outside_address.h"

namespace millrace::nat {

struct Pool {
  std::string name;
  std::vector<OutsideAddress*> addresses;  // by address; they outlive every policy
  std::uint16_t domain = 0;                // of the outside interfaces
  std::uint16_t first_port = 1024;
  std::uint16_t last_port = 65535;
  std::uint16_t block_runs = 0;  // runs in a block that is one subscriber's alone; 0: ports are shared
  std::uint8_t blocks_per_subscriber = 4;
  bool paired = true;
  bool lists_remotes = false;  // a rule filters by address (session.h)
  std::uint32_t ports_per_subscriber = std::numeric_limits<std::uint32_t>::max();  // of each PortSpace
  std::uint32_t sessions_per_subscriber = std::numeric_limits<std::uint32_t>::max();
  Tick quarantine = 120'000;
  // RFC 7422: blocks by arithmetic alone, the n-th inside address having the n-th block of the addresses.
  struct Arithmetic {
    std::uint32_t first_inside = 0;  // host order
    std::uint32_t insides = 0;
  };
  std::optional<Arithmetic> arithmetic;

  [[nodiscard]] bool has(net::Ipv4Address address) const noexcept {
    return std::ranges::binary_search(addresses, address, {}, &OutsideAddress::address);
  }
  [[nodiscard]] core::PortSpan ports() const noexcept { return {.first = first_port, .last = last_port}; }
  [[nodiscard]] bool has_port(std::uint16_t port) const noexcept { return ports().has(port); }
  // Whole blocks of an address: the number of the first, and one past the last.
  [[nodiscard]] unsigned first_block() const noexcept {
    return (first_port + block_runs * OutsideAddress::kRunPorts - 1U) /
           (block_runs * OutsideAddress::kRunPorts);
  }
  [[nodiscard]] unsigned end_block() const noexcept {
    return (last_port + 1U) / (block_runs * OutsideAddress::kRunPorts);
  }
};

}  // namespace millrace::nat
