// SPDX-License-Identifier: BSD-3-Clause
// The flow logs that a profile asks for, open and fed.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/appliance/vnf.h"
#include "common/control/flow_log/ipfix_exporter.h"
#include "vnfs/firewall/flow_log_reader.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

// Control thread.
class FlowLogging {
 public:
  // Opens what the profile names and was not open, closes what it no longer names.
  Result<void> open(const control::Profile& profile, const core::Network& network, const RuleSlots& slots);
  void write(appliance::Workers workers);
  // No worker runs, and none will: ends all sessions and tells of it, as far as the sinks take it within
  // kEndMs.
  void end(appliance::Workers workers);
  void reopen();
  [[nodiscard]] std::vector<control::Metric> metrics() const;

 private:
  static constexpr std::chrono::milliseconds kEndMs{2'000};

  std::unique_ptr<FlowLogReader> reader_;
  struct OpenFile {
    std::string path;
    bool updates = false;
    bool operator==(const OpenFile&) const = default;
  };
  std::shared_ptr<control::FlowSink> file_;
  std::optional<OpenFile> open_file_;
  std::shared_ptr<control::IpfixExporter> exporter_;
  std::string exporter_target_;
};

}  // namespace millrace::firewall
