// SPDX-License-Identifier: BSD-3-Clause
// Looks once a second at what the workers' watches counted, tells of anomalies, and shuts sources out where
// the profile says so. What was learnt outlives reloads and workers.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/inspection/anomaly_detector.h"
#include "vnfs/firewall/inspection/anomaly_format.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall {

// Control thread, but for blocked_sources().
class AnomalyKeeper {
 public:
  // A line for the event log.
  using WriteEvent = std::function<void(std::string line)>;

  explicit AnomalyKeeper(WriteEvent write_event) : write_event_(std::move(write_event)) {}

  // Before that nobody is looked for.
  void begin(std::function<Tick()> tick, std::function<void()> synchronize);
  // The profile is in force. Without `anomalies` nothing is remembered and nobody blocked.
  void follow(const std::string& appliance, const profile::Section& profile, const core::Network& network);
  // Every few milliseconds. The workers whose functions were made for such a profile have watches.
  void look(appliance::Workers workers);

  // For policies. Any thread.
  [[nodiscard]] std::shared_ptr<const inspection::BlockDirectory> blocked_sources() const { return blocked_; }
  // Of the workers' clock; 0 before begin().
  [[nodiscard]] Tick now() const { return tick_ ? tick_() : 0; }
  // The source, an address or prefix, may open sessions again, wherever it is blocked, until it goes on. An
  // error, whose `where` is "name" when it is neither of these, when it is not blocked.
  Result<void> lift(std::string_view source);

  // {watched, anomalies: [...], blocks: [...], untold}.
  [[nodiscard]] boost::json::object report() const;
  [[nodiscard]] std::vector<control::Metric> metrics() const;

 private:
  void tell(const inspection::Anomaly& anomaly, inspection::AnomalyChange change);
  void tell_worse();
  void publish_blocks();
  [[nodiscard]] inspection::AnomalyContext context() const;

  WriteEvent write_event_;
  std::function<Tick()> tick_;
  std::function<void()> synchronize_;
  std::string appliance_;
  std::vector<std::string> domains_;
  std::uint8_t ipv6_source_bits_ = 64;
  std::unique_ptr<inspection::AnomalyDetector> detector_;  // null: nobody is watched
  std::shared_ptr<inspection::BlockDirectory> blocked_ = std::make_shared<inspection::BlockDirectory>();
  std::map<std::string, inspection::Severity> told_;  // of the open anomalies, by what tells them apart
  std::map<std::string, std::uint64_t> raised_;       // by kind
  std::uint64_t evicted_ = 0;                         // by the workers' watches
  Tick looked_ = 0;
};

}  // namespace millrace::firewall
