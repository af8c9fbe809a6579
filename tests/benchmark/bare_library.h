// SPDX-License-Identifier: BSD-3-Clause
// What the crypto library alone needs: buffers that lie as packets do, and nothing else done with them.
#pragma once

#include "common/acceleration/crypto/engine.h"
#include "tests/benchmark/report.h"

namespace millrace::benchmark {

// TSC cycles of one buffer of `bytes`, sealed or opened in bursts of 32; `samples` of them.
[[nodiscard]] Samples sample_library(crypto::Library& library, crypto::Suite suite, unsigned bytes, bool open,
                                     unsigned samples);

}  // namespace millrace::benchmark
