// SPDX-License-Identifier: BSD-3-Clause
// Reads what the workers noted of their flows, gives numbers their names and ticks their time of day, and
// hands the records to the sinks. Control side.
//
//   reader.set_sinks({json_log, ipfix});        // at start, and when the profile's telemetry changed
//   reader.set_names(names);                    // with every policy or network
//   for (each worker) reader.poll(function.state().flow_log);   // again and again, every few milliseconds
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/control/flow_log/event_clock.h"
#include "common/control/flow_log/flow_sink.h"
#include "vnfs/firewall/flow_event_log.h"

namespace millrace::firewall {

// By number. One that is not there is told as "#7".
struct FlowNames {
  std::vector<std::string> rules;  // by counter slot
  std::vector<std::string> interfaces;
  std::vector<std::string> domains;
};

[[nodiscard]] control::FlowRecord to_record(const FlowEvent& event, const control::EventClock& clock,
                                            const FlowNames& names);

// All calls by one thread, which need not be the workers'. A worker's log must outlive the call only.
class FlowLogReader {
 public:
  explicit FlowLogReader(std::uint64_t tsc_per_second) : tsc_per_second_(tsc_per_second), events_(kAtOnce) {}

  void set_names(FlowNames names) { names_ = std::move(names); }
  void set_sinks(std::vector<std::shared_ptr<control::FlowSink>> sinks) { sinks_ = std::move(sinks); }

  // Takes what is there, at most kMostPerPoll; returns how many events. With no sink they are read and
  // forgotten.
  unsigned poll(FlowEventLog& log);

 private:
  static constexpr std::size_t kAtOnce = 256;
  static constexpr unsigned kMostPerPoll = 16'384;

  std::uint64_t tsc_per_second_;
  FlowNames names_;
  std::vector<std::shared_ptr<control::FlowSink>> sinks_;
  std::vector<FlowEvent> events_;
  std::vector<control::FlowRecord> records_;
};

}  // namespace millrace::firewall
