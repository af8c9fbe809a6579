// SPDX-License-Identifier: BSD-3-Clause
// The same on two workers: every packet may come in by the one that does not own its flow.
#include "tests/fuzz/pipeline_play.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static millrace::fuzz::PipelinePlay firewall(2);
  firewall.play(data, size);
  return 0;
}
