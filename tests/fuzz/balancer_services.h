// SPDX-License-Identifier: BSD-3-Clause
// The services that the load balancer's fuzz target plays with: each way of forwarding in both families.
#pragma once

#include "tests/fuzz/balancer_kinds.h"
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::fuzz {

struct ServiceEnd {
  std::string_view address;
  std::uint16_t port;
};
[[nodiscard]] ServiceEnd end_of(ServiceKind kind, bool ipv6);

// Of kVariants: the first; one with other schedulers, forwardings and limits; one with fewer of all that, and
// few source ports.
[[nodiscard]] testing::BalancerSpec balancer_spec(unsigned variant);

}  // namespace millrace::fuzz
