// SPDX-License-Identifier: BSD-3-Clause
// How often signatures have matched of late, for those that are not to tell each time.
//
// One worker's own, of fixed capacity, nothing allocated after construction; lives longer than any set of
// signatures. Counts lie in groups of eight by a hash with a secret seed, and in a full group the one begun
// longest ago gives way: its counting begins anew.
#pragma once

#include <cstdint>

#include "common/base/clock.h"
#include "common/base/counter.h"
#include "common/base/page_array.h"
#include "common/base/siphash.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

class Thresholds {
 public:
  // `most` counts, rounded up to a power of two.
  Thresholds(std::uint32_t most, const SipKey& seed);

  // A match of the signature `key` between these two. Whether it is to be told; of kFilter, whether it is
  // one.
  [[nodiscard]] bool passes(const Threshold& threshold, std::uint32_t key, const net::IpAddress& source,
                            const net::IpAddress& destination, Tick now) noexcept;

  [[nodiscard]] std::uint64_t evicted() const noexcept { return evicted_.read(); }

 private:
  static constexpr std::size_t kGroup = 8;
  struct Count {
    std::uint64_t name;  // 0: not in use
    Tick begun;
    std::uint32_t count;
  };

  [[nodiscard]] std::uint64_t name_of(const Threshold& threshold, std::uint32_t key,
                                      const net::IpAddress& source,
                                      const net::IpAddress& destination) const noexcept;
  [[nodiscard]] Count& find_or_add(std::uint64_t name, Tick now) noexcept;

  SipKey seed_;
  PageArray<Count> counts_;
  std::uint64_t mask_;
  Counter evicted_;
};

}  // namespace millrace::firewall::inspection
