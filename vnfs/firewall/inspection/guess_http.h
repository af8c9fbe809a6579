// SPDX-License-Identifier: BSD-3-Clause
// Whether a connection speaks HTTP/1, from what its client says first.
#pragma once

#include <cstdint>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

enum class Guess : std::uint8_t { kNotYet, kNo, kYes };

// `client_start`: the client's first bytes, as many as there are. Of the first 256 it is always known.
[[nodiscard]] Guess guess_http(Bytes client_start) noexcept;

}  // namespace millrace::firewall::inspection
