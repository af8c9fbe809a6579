// SPDX-License-Identifier: BSD-3-Clause
// The anomalies that are open: raised, kept up to date, cleared. Control side, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "vnfs/firewall/inspection/anomaly.h"

namespace millrace::firewall::inspection {

// What a poll changed, each with its last numbers.
struct AnomalyChanges {
  std::vector<Anomaly> raised;
  std::vector<Anomaly> cleared;
};

// Tells one anomaly from all others.
using AnomalyName = std::tuple<AnomalyKind, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t>;
[[nodiscard]] AnomalyName name_of(const Suspicion& suspicion);

// An anomaly opens at a strength of 1 and stays while its subject does something at half of that; it is
// cleared when it has not for `clear_after_s`. No more than `most` are open: the weakest gives way to a
// stronger one.
class OpenAnomalies {
 public:
  explicit OpenAnomalies(std::uint8_t ipv6_source_bits) : ipv6_source_bits_(ipv6_source_bits) {}

  [[nodiscard]] AnomalyChanges update(const std::vector<Suspicion>& found, const AnomalySettings& settings,
                                      std::uint32_t second, Tick now);

  // In the order of their kinds and subjects.
  [[nodiscard]] std::vector<Anomaly> list() const;
  [[nodiscard]] std::size_t size() const noexcept { return open_.size(); }
  // Those that were too weak to be opened, or gave way.
  [[nodiscard]] std::uint64_t untold() const noexcept { return untold_; }

 private:
  struct Open {
    Anomaly anomaly;
    std::uint32_t last_second;
  };

  void refresh(Open& open, const Suspicion& suspicion, std::uint32_t second, Tick now) const;
  [[nodiscard]] bool make_room(double strength, std::size_t most, AnomalyChanges& changes);

  std::uint8_t ipv6_source_bits_;
  std::map<AnomalyName, Open> open_;
  std::uint64_t untold_ = 0;
};

}  // namespace millrace::firewall::inspection
