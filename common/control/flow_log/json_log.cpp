// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/json_log.h"

#include "common/control/flow_log/json_format.h"

namespace millrace::control {

Result<std::unique_ptr<FlowSink>> open_json_log(JsonLogOptions options) {
  auto print = [appliance = std::move(options.appliance)](std::string& out, const FlowRecord& record) {
    append_json_line(out, record, appliance);
  };
  auto wanted = [updates = options.updates](const FlowRecord& record) {
    return updates || record.kind != FlowEventKind::kUpdated;
  };
  return LineLog<FlowRecord>::open({.name = "flow_log",
                                    .path = std::move(options.path),
                                    .print = std::move(print),
                                    .wanted = std::move(wanted),
                                    .waiting_records = options.waiting_records,
                                    .retry = options.retry});
}

}  // namespace millrace::control
