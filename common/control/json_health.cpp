// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/json_health.h"

#include <boost/json.hpp>

namespace millrace::control {

boost::json::object to_json(const WorkerStatus& worker) {
  return {{"id", worker.id},
          {"cpu", worker.cpu},
          {"alive", worker.alive},
          {"heartbeat", worker.heartbeat},
          {"busy_ratio", worker.busy_ratio},
          {"backlog", worker.backlog}};
}

boost::json::object to_json(const Health& health) {
  boost::json::array workers;
  for (const WorkerStatus& worker : health.workers) workers.emplace_back(to_json(worker));
  boost::json::array ports;
  for (const PortStatus& port : health.ports) {
    ports.emplace_back(boost::json::object{{"name", port.name},
                                           {"driver", port.driver},
                                           {"link_up", port.link_up},
                                           {"speed_mbps", port.speed_mbps},
                                           {"offloads", boost::json::value_from(port.offloads)}});
  }
  return {{"live", health.live},
          {"ready", health.ready},
          {"reasons", boost::json::value_from(health.reasons)},
          {"workers", std::move(workers)},
          {"ports", std::move(ports)},
          {"uptime_ms", health.uptime_ms},
          {"policy_generation", health.policy_generation}};
}

boost::json::object to_json(const DrainStatus& status) {
  return {
      {"draining", status.draining}, {"sessions_left", status.sessions_left}, {"since_ms", status.since_ms}};
}

}  // namespace millrace::control
