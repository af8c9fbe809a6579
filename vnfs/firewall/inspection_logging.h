// SPDX-License-Identifier: BSD-3-Clause
// The log of the inspection's events that a profile asks for, open and fed.
#pragma once

#include <boost/json/array.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/firewall/capture_log.h"
#include "vnfs/firewall/compile_inspections.h"
#include "vnfs/firewall/inspection/event_reader.h"
#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/rule_slots.h"

namespace millrace::firewall {

// Control thread.
class InspectionLogging {
 public:
  explicit InspectionLogging(const InspectionCompiler& compiler) : compiler_(compiler) {}

  // Opens the file that the profile names if it was not open, closes one that it no longer names.
  Result<void> open(const std::string& appliance, const profile::Section& profile,
                    const core::Network& network, const RuleSlots& slots);
  void write(appliance::Workers workers);
  // No worker runs: waits until the last events are written.
  void end(appliance::Workers workers);
  void reopen();
  // A line for the file, if there is one, that is no worker's.
  void write_line(std::string line);

  // The last events, the oldest first, as the log has them.
  [[nodiscard]] boost::json::array last() const;
  [[nodiscard]] std::vector<control::Metric> metrics() const;

 private:
  const InspectionCompiler& compiler_;
  std::string appliance_;
  std::unique_ptr<inspection::EventReader> reader_;
  std::shared_ptr<inspection::EventSink> file_;
  std::optional<std::string> open_file_;
  std::unique_ptr<CaptureLog> capture_;
};

}  // namespace millrace::firewall
