// SPDX-License-Identifier: BSD-3-Clause
// Who a connection is between, in addresses: for people, streams and other workers.
#pragma once

#include "vnfs/load_balancer/records.h"

namespace millrace::load_balancer {

struct ConnectionEnds {
  net::IpAddress client;
  net::IpAddress service;
  be16 client_port;
  be16 service_port;
  std::uint8_t protocol = 0;
  std::uint16_t domain = 0;

  bool operator==(const ConnectionEnds&) const noexcept = default;
};

[[nodiscard]] ConnectionEnds ends_of(const Connection& connection) noexcept;

// As the client's packets show it.
[[nodiscard]] flow::FlowLookup lookup_of(const ConnectionEnds& ends, std::uint64_t seed) noexcept;

// Of a worker's owners (common/core/owner.h).
[[nodiscard]] unsigned bucket_of(const ConnectionEnds& ends) noexcept;

}  // namespace millrace::load_balancer
