// SPDX-License-Identifier: BSD-3-Clause
// From the `nat:` section to the policy the workers have.
#pragma once

#include <memory>

#include "vnfs/nat/address_book.h"
#include "vnfs/nat/policy.h"
#include "vnfs/nat/profile.h"

namespace millrace::nat {

struct PolicyContext {
  const core::Network& network;  // its interfaces and domains and their ids
  AddressBook& book;             // outside addresses are looked up, or made, here
  std::uint64_t generation = 0;
  bool draining = false;
};

// `profile` has passed its checks. Fails when an interface or a domain is not in the network, or when there
// have been too many outside addresses. Any thread but a worker's, one at a time.
[[nodiscard]] Result<std::shared_ptr<const Policy>> compile_policy(const profile::Section& profile,
                                                                   const PolicyContext& context);

// What the network needs for it: the addresses that the policy answers for, and the inside interfaces of
// other domains than the outside, where no route is needed.
void shape_network(const profile::Section& profile, core::Network& network);

}  // namespace millrace::nat
