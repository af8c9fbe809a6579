// SPDX-License-Identifier: BSD-3-Clause
// From the tests of a signature to those that the data path makes. Control path.
#pragma once

#include "common/base/result.h"
#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/signature_set.h"

namespace millrace::firewall::inspection {

// All of a signature but its addresses. The error's reason says what can not be done.
[[nodiscard]] Result<CompiledSignature> compile_checks(const Signature& signature, FlowBitNames& names);

}  // namespace millrace::firewall::inspection
