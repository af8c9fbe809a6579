// SPDX-License-Identifier: BSD-3-Clause
// For benchmark_gate: connections of several applications, and of none, through rules that ask for them. Some
// are accepted, some refused, some can not be named, and for some there is no room.
#pragma once

#include <memory>

#include "tests/benchmark/gate.h"

namespace millrace::benchmark {

[[nodiscard]] std::unique_ptr<gate::Trouble> make_application_trouble();

}  // namespace millrace::benchmark
