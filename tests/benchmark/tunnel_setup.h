// SPDX-License-Identifier: BSD-3-Clause
// How long the gateway takes to put tunnels in force, as key exchange tells them: two associations and a
// policy.
#pragma once

#include "common/acceleration/crypto/engine.h"
#include "tests/benchmark/report.h"

namespace millrace::benchmark {

struct TunnelSetup {
  Samples one_microseconds;     // one more, while `tunnels` are in force
  double all_milliseconds = 0;  // all of them told together, as after a restart
  double bytes_per_tunnel = 0;  // of memory
};

// No worker runs, so that nobody is waited for.
[[nodiscard]] TunnelSetup measure_tunnel_setup(crypto::Library& library, unsigned tunnels, unsigned samples);

}  // namespace millrace::benchmark
