// SPDX-License-Identifier: BSD-3-Clause
// Reads what the workers noted of what they found, gives numbers their names, and hands the records on: to a
// file, and to those who ask for the last ones. Control side, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vnfs/firewall/inspection/event_record.h"
#include "vnfs/firewall/inspection/signature_set.h"

namespace millrace::firewall::inspection {

// By number. One that is not there is told as "#7".
struct EventNames {
  std::vector<std::string> rules;  // by counter slot
  std::vector<std::string> lists;  // the same
  std::vector<std::string> interfaces;
  std::vector<std::string> domains;
};

// What events of one inspection are about.
struct InspectionNames {
  std::string name;
  std::shared_ptr<const SignatureSet> set;
};

class EventReader {
 public:
  static constexpr std::size_t kRemembered = 1000;  // of the last records
  static constexpr std::size_t kInspections = 64;   // whose names are known, the newest

  using FindInspection = std::function<std::optional<InspectionNames>(std::uint32_t serial)>;

  EventReader(std::uint64_t tsc_per_second, FindInspection find)
      : tsc_per_second_(tsc_per_second), find_(std::move(find)) {}

  void set_names(EventNames names) { names_ = std::move(names); }
  void set_sink(std::shared_ptr<EventSink> sink) { sink_ = std::move(sink); }

  // Takes what is there, at most kMostPerPoll; returns how many.
  unsigned poll(InspectionEvents& events);

  // The oldest first.
  [[nodiscard]] const std::deque<EventRecord>& last() const noexcept { return last_; }

 private:
  static constexpr unsigned kMostPerPoll = 4096;

  [[nodiscard]] EventRecord to_record(const InspectionEvent& event) const;

  std::uint64_t tsc_per_second_;
  FindInspection find_;
  EventNames names_;
  std::shared_ptr<EventSink> sink_;
  std::vector<InspectionEvent> events_;
  std::vector<EventRecord> records_;
  std::deque<EventRecord> last_;
};

}  // namespace millrace::firewall::inspection
