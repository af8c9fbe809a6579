// SPDX-License-Identifier: BSD-3-Clause
// Makes a SignatureSet. Control path: seconds for ten thousand signatures that are not in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/acceleration/dpi/database_cache.h"
#include "common/base/result.h"
#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/signature.h"
#include "vnfs/firewall/inspection/signature_set.h"

namespace millrace::firewall::inspection {

struct CompiledSet {
  // A signature that can not be used, and why; the others can.
  struct LeftOut {
    std::size_t signature = 0;  // its place in the list
    std::string reason;
  };
  struct Report {
    std::size_t signatures = 0;  // of use
    std::size_t by_content = 0;  // found by a fast pattern
    std::size_t always = 0;      // evaluated whenever their buffer has more
    std::size_t by_header = 0;   // look at no buffer
    std::size_t patterns = 0;
    std::size_t databases = 0;
    std::size_t database_bytes = 0;
    std::size_t compiled = 0;  // of the databases; the others were in the cache
    std::string not_cached;    // why the next time will take as long; or empty
  };

  std::shared_ptr<const SignatureSet> set;
  std::vector<LeftOut> left_out;
  Report report;
};

// `cache` may be null. An error is one of Hyperscan or of memory, not of a signature.
[[nodiscard]] Result<CompiledSet> compile_signatures(std::vector<Signature> signatures, FlowBitNames& names,
                                                     const dpi::DatabaseCache* cache = nullptr);

}  // namespace millrace::firewall::inspection
