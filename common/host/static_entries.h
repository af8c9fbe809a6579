// SPDX-License-Identifier: BSD-3-Clause
// The routes and neighbours that the profile gives, kept in the kernel like any other. The twin's thread.
#pragma once

#include <functional>
#include <optional>

#include "common/base/result.h"
#include "common/host/netlink.h"
#include "common/host/twin.h"

namespace millrace::host {

// The kernel's route table of a domain.
[[nodiscard]] RouteTable table_of(core::DomainId domain);

// The twin's device of an interface; nothing when it has none.
using LinkOf = std::function<std::optional<LinkIndex>(core::InterfaceId)>;

// Takes out what only `before` has, and puts in all of `after`. Entries of interfaces without a device are
// passed over. What the kernel does not put in is an error; what it does not take out is told to `trouble`.
[[nodiscard]] Result<void> change_static_entries(Netlink& netlink, const TwinPlan& before,
                                                 const TwinPlan& after, const LinkOf& link_of,
                                                 const std::function<void(const Error&)>& trouble);

}  // namespace millrace::host
