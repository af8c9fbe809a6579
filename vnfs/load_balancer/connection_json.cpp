// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_json.h"

#include <boost/json.hpp>

#include "common/control/endpoint_text.h"
#include "common/control/protocol.h"
#include "vnfs/load_balancer/connection_ends.h"
#include "vnfs/load_balancer/connection_table.h"
#include "vnfs/load_balancer/names.h"

namespace millrace::load_balancer {
namespace {

std::string_view state_name(const Connection& connection) noexcept {
  using namespace tcp_seen;
  if (connection.protocol() != net::protocol::kTcp) return "open";
  if ((connection.tcp & kReset) != 0) return "reset";
  if (connection.is_closing()) return "closed";
  if ((connection.tcp & kFins) != 0) return "closing";
  return (connection.tcp & kAckOut) != 0 ? "established" : "opening";
}

}  // namespace

boost::json::object to_json(const Connection& connection, Tick now, unsigned worker, const Policy& policy,
                            const core::Network& network) {
  const ConnectionEnds ends = ends_of(connection);
  const Service* service = policy.service(connection.service);
  const Backend* backend = policy.backend(connection.backend);
  boost::json::object json{
      {"protocol", control::protocol_name(ends.protocol)},
      {"client", control::endpoint_text(ends.client, ends.client_port.host())},
      {"service", control::endpoint_text(ends.service, ends.service_port.host())},
      {"service_name", nullptr},
      {"backend", nullptr},
      {"state", state_name(connection)},
      {"age_s", (now - connection.created) / 1000},
      {"idle_s", (now - connection.last_seen) / 1000},
      {"timeout_s", nullptr},
      {"bytes", boost::json::object{{"in", connection.bytes[0]}, {"out", connection.bytes[1]}}},
      {"domain", ends.domain < network.domains.size() ? network.domains[ends.domain].name : ""},
      {"worker", worker}};
  if (service != nullptr) {
    json["service_name"] = service->name;
    json["timeout_s"] = ConnectionTable::timeout_of(connection, service->timeouts) / 1000;
  }
  if (backend != nullptr)
    json["backend"] = control::endpoint_text(backend->address, backend->inward(ends.service_port).host());
  return json;
}

}  // namespace millrace::load_balancer
