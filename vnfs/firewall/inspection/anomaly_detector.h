// SPDX-License-Identifier: BSD-3-Clause
// Finds anomalies in what the workers' watches counted. Control side, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "vnfs/firewall/inspection/block_list.h"
#include "vnfs/firewall/inspection/open_anomalies.h"
#include "vnfs/firewall/inspection/traffic_watch.h"

namespace millrace::firewall::inspection {

// A source that is to be shut out, and what it did.
struct Blocked {
  Block block;
  AnomalyKind kind;
};

class AnomalyDetector {
 public:
  // `ipv6_source_bits`: of the watches' settings; `seed` is secret.
  AnomalyDetector(AnomalySettings settings, const HistoryLimits& limits, std::uint8_t ipv6_source_bits,
                  const SipKey& seed, Tick now);

  // Those of all workers there are. What they saw before is kept.
  void set_watches(std::vector<TrafficWatch*> watches) { watches_ = std::move(watches); }
  void set_settings(AnomalySettings settings) { settings_ = std::move(settings); }

  // Once a second.
  AnomalyChanges poll(Tick now);

  [[nodiscard]] std::vector<Anomaly> open() const { return open_.list(); }
  [[nodiscard]] const AnomalyRules& rules() const noexcept { return rules_; }
  // Anomalies for which there was no room among the open ones.
  [[nodiscard]] std::uint64_t untold() const noexcept { return open_.untold(); }
  // Sources to be shut out, for a BlockList. A block lasts for the time of its kind since the source last
  // went on. blocks_changed(): since the last call of it.
  [[nodiscard]] std::vector<Blocked> blocks() const;
  // The source is free, until it goes on. False when it was.
  bool lift(const flow::SourceKey& source);
  [[nodiscard]] bool blocks_changed() noexcept { return std::exchange(blocks_changed_, false); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return histories_.memory_bytes(); }

 private:
  using SourceName = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;

  void take_in(const WatchPage& page, std::uint32_t second);
  struct Standing {
    std::size_t window;
    double strength;
    double measure;  // when it last went on, or less
    bool went_on;    // at this look
  };

  [[nodiscard]] Standing standing_of(const Suspicion& suspicion) const;
  void block(const std::vector<Suspicion>& found, std::uint32_t second, Tick now);
  [[nodiscard]] bool may_block(const flow::SourceKey& source) const;

  AnomalySettings settings_;
  std::uint8_t ipv6_source_bits_;
  std::vector<TrafficWatch*> watches_;
  Histories histories_;
  AnomalyRules rules_;
  OpenAnomalies open_;
  std::map<SourceName, Blocked> blocks_;
  std::map<AnomalyName, Standing> standings_;  // of what the last look found
  bool blocks_changed_ = false;
  Tick polled_;
  std::uint64_t clock_ms_;  // does not wrap
  std::uint32_t began_;     // seconds of that clock, as is the next
  std::uint32_t last_second_;
};

}  // namespace millrace::firewall::inspection
