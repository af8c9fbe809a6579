// SPDX-License-Identifier: BSD-3-Clause
// The whole firewall on one worker, routed and transparent, from bytes: see pipeline_play.h.
#include "tests/fuzz/pipeline_play.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static millrace::fuzz::PipelinePlay firewall(1);
  firewall.play(data, size);
  return 0;
}
