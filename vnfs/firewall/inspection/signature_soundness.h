// SPDX-License-Identifier: BSD-3-Clause
// What the parts of a signature say together.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

// The signature is about what is spoken so; an error when it is about something else already. `keyword` is
// who asks.
[[nodiscard]] Result<void> claim_speech(Speech speech, std::string_view keyword, Signature& signature);

// Puts in what its tests imply: speech and protocol. One that contradicts itself, or can never match, is an
// error that names the keyword.
[[nodiscard]] Result<void> make_sound(Signature& signature);

}  // namespace millrace::firewall::inspection
