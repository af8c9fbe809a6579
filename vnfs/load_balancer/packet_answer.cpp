// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/packet_answer.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "vnfs/load_balancer/connection_json.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/names.h"

namespace millrace::load_balancer {

using boost::json::object;

PacketAnswer::PacketAnswer(const core::Network& network, const Policy& policy)
    : appliance::PacketAnswer(network, drop_reasons()), policy_(policy) {}

void PacketAnswer::service(ServiceId id) {
  const Service& service = policy_.services[id];
  set("service", object{{"name", service.name},
                        {"address", service.address.to_string()},
                        {"scheduler", name_of(service.scheduler)},
                        {"forwarding", name_of(service.forwarding)}});
}

void PacketAnswer::not_eligible(ServiceId id, const PoolKeeper& pools) {
  set("not_eligible", describe_not_eligible(policy_, id, pools));
}

void PacketAnswer::connection(const Connection& connection, Tick now, unsigned worker) {
  set("connection", to_json(connection, now, worker, policy_, network()));
}

void PacketAnswer::backend(BackendId id, unsigned worker, std::string_view why) {
  const Backend& backend = policy_.backends[id];
  set("backend", object{{"address", name_of(backend)},
                        {"state", name_of(backend.state)},
                        {"worker", worker},
                        {"why", why}});
}

void PacketAnswer::way_to_backend(const core::NextHop& hop) { set("way", way(hop, hop.interface)); }

void PacketAnswer::no_service(std::string_view why) { set("no_service", boost::json::value(why)); }

void PacketAnswer::leave(const core::NextHop& hop, std::string_view action, std::string_view summary) {
  using Kind = core::NextHop::Kind;
  if (const auto refused = appliance::refused_at_egress(network(), hop)) return drop(*refused);
  if (hop.kind == Kind::kHost || hop.kind == Kind::kFunction)
    return verdict("to_host", fmt::format("given to the Linux twin: {}", summary));
  verdict(action, summary);
}

}  // namespace millrace::load_balancer
