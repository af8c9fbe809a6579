// SPDX-License-Identifier: BSD-3-Clause
// The metrics that every appliance has.
#pragma once

#include <vector>

#include "common/appliance/dataplane.h"
#include "common/appliance/loss_log.h"
#include "common/appliance/vnf.h"
#include "common/host/twin.h"

namespace millrace::appliance {

[[nodiscard]] std::vector<control::Metric> common_metrics(const DataPlane& plane, const Vnf& vnf,
                                                          const host::TwinCounters& twin);

// Those of them that tell of a shortage of the appliance's own.
[[nodiscard]] std::vector<Loss> losses(const DataPlane& plane, const Vnf& vnf,
                                       const host::TwinCounters& twin);

}  // namespace millrace::appliance
