// SPDX-License-Identifier: BSD-3-Clause
// Whether a session that another policy allowed may go on.
#pragma once

#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/policy.h"

namespace millrace::nat {

// It may when this policy would give its mapping the same outside end, or one of the same pool. `arrival`:
// the interface its packets come in by from inside; none where that is not known.
[[nodiscard]] bool is_allowed(const Session& session, core::InterfaceId arrival, const BindingTable& bindings,
                              const Policy& policy) noexcept;

}  // namespace millrace::nat
