// SPDX-License-Identifier: BSD-3-Clause
// Where records of flows go.
#pragma once

#include "common/control/flow_log/flow_record.h"
#include "common/control/flow_log/record_sink.h"

namespace millrace::control {

using FlowSink = RecordSink<FlowRecord>;
using FlowSinkStatus = SinkStatus;

}  // namespace millrace::control
