// SPDX-License-Identifier: BSD-3-Clause
// The flow log: a file that gets one line of JSON per record.
#pragma once

#include <memory>
#include <string>

#include "common/control/flow_log/flow_sink.h"
#include "common/control/flow_log/line_log.h"

namespace millrace::control {

struct JsonLogOptions {
  std::string path;
  std::string appliance;  // stands in every line
  bool updates = false;   // lines about sessions that go on too
  std::size_t waiting_records = 65'536;
  std::chrono::milliseconds retry{1'000};
};

// See line_log.h.
[[nodiscard]] Result<std::unique_ptr<FlowSink>> open_json_log(JsonLogOptions options);

}  // namespace millrace::control
