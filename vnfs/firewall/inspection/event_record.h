// SPDX-License-Identifier: BSD-3-Clause
// An event with names in the place of numbers and the time of day in the place of ticks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/control/flow_log/flow_record.h"
#include "common/control/flow_log/record_sink.h"
#include "vnfs/firewall/inspection/inspection_event.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

struct EventRecord {
  InspectionEvent event{};
  control::WallTime time{};
  std::string rule;
  std::string inspection;
  std::string ingress;
  std::string domain;
  std::shared_ptr<const Signature> signature;  // of an alert; null when its set is gone
  std::string list;                            // the threat list's name
  std::string_view reason;                     // of other events; of static storage, as is the next
  std::string_view sentence;
  std::string line{};  // not empty: all that is to be written, less its newline
};

using EventSink = control::RecordSink<EventRecord>;

}  // namespace millrace::firewall::inspection
