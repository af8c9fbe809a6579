// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/explain_packet.h"

#include <boost/json.hpp>

namespace millrace::load_balancer {

Result<boost::json::object> explain_packet(appliance::Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                           const boost::json::object& /*description*/) {
  return failure("explain the packet", "not there yet");
}

}  // namespace millrace::load_balancer
