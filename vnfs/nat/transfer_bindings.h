// SPDX-License-Identifier: BSD-3-Clause
// Bindings out of one instance and into another (binding_stream.h).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/appliance/vnf.h"

namespace millrace::nat {

// All on the control thread, while the workers carry traffic.

// The stream piece by piece, an empty one last. Bindings that begin or end meanwhile may be missed.
[[nodiscard]] std::function<Result<std::string>()> export_bindings(appliance::Workers workers,
                                                                   const core::Snapshot& snapshot);

// Takes what the policy allows and whose outside port is free here; all else is counted as refused. Nothing
// of a stream that is damaged. Calls `between` now and then, before the workers have noted more than their
// logs hold.
[[nodiscard]] Result<control::Appliance::Imported> import_bindings(appliance::Workers workers,
                                                                   const core::Snapshot& snapshot,
                                                                   std::string_view stream,
                                                                   const std::function<void()>& between);

}  // namespace millrace::nat
