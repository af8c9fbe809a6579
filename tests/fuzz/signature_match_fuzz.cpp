// SPDX-License-Identifier: BSD-3-Clause
// Signatures and sessions made from the input. What must hold: the matcher finds what a matcher finds that
// tries everything.
#include <map>

#include "tests/fuzz/input.h"
#include "tests/support/signature_trial.h"

using namespace millrace;
using namespace millrace::firewall::inspection;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  SignatureGenerator generate([&](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(input.u8()) % (most - least + 1);
  });
  std::map<std::uint32_t, Signature> by_id;
  std::vector<Signature> all;
  for (std::uint32_t id = 1 + input.u8() % 4U; id > 0; --id)
    all.push_back(by_id[id] = generate.signature(id));
  SignatureBed bed(all);
  fuzz::require(bed.made.left_out.empty(), "every signature is of use");
  Tally tally;
  for (int sessions = 0; sessions < 4 && !input.empty(); ++sessions) {
    const std::string wrong = difference(bed, by_id, Traffic(generate), tally);
    fuzz::require(wrong.empty(), wrong.c_str());
  }
  return 0;
}
