// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/reports.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "common/appliance/common_reports.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/names.h"
#include "vnfs/load_balancer/totals.h"

namespace millrace::load_balancer {
namespace {

using boost::json::array;
using boost::json::object;
using control::Metric;

double milliseconds_of(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

std::string text_of(health::WallTime time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", std::chrono::time_point_cast<std::chrono::milliseconds>(time));
}

boost::json::value health_of(const BackendKey& key, const PoolKeeper& pools) {
  const health::Status* status = pools.status(key);
  if (status == nullptr) return nullptr;
  array history;
  for (const health::Change& change : status->history) {
    history.push_back(object{{"at", text_of(change.at)},
                             {"from", health::to_string(change.from)},
                             {"to", health::to_string(change.to)},
                             {"why", change.reason}});
  }
  object json{{"state", health::to_string(status->state)},
              {"last", status->last.text},
              {"latency_ms", milliseconds_of(status->latency)},
              {"average_latency_ms", milliseconds_of(status->average_latency)},
              {"checks", status->checks},
              {"failures", status->failures},
              {"history", std::move(history)}};
  return json;
}

BackendKey key_of(const Backend& backend, const Policy& policy) {
  return {policy.services[backend.service].name, backend.address, backend.port};
}

// Those of one service, in the order of their addresses.
std::vector<BackendId> backends_of(ServiceId id, const Policy& policy) {
  std::vector<BackendId> ids;
  for (std::size_t i = 0; i < policy.backends.size(); ++i) {
    if (policy.backends[i].keeps() && policy.backends[i].service == id)
      ids.push_back(static_cast<BackendId>(i));
  }
  std::ranges::sort(ids, [&](BackendId a, BackendId b) {
    const auto place = [&](BackendId one) {
      return std::pair(policy.backends[one].address, policy.backends[one].port);
    };
    return place(a) < place(b);
  });
  return ids;
}

object backend_report(BackendId id, appliance::Workers workers, const Policy& policy,
                      const PoolKeeper& pools) {
  const Backend& backend = policy.backends[id];
  const auto& choices = policy.services[backend.service].choices;
  const auto choice = std::ranges::find(choices, id, &Choice::backend);
  std::uint64_t sum = 0;
  for (const Choice& one : choices) sum += one.weight;
  const BackendTotals totals = totals_of(id, workers);
  object json{
      {"address", backend.address.to_string()},
      {"port", nullptr},
      {"state", name_of(backend.state)},
      {"share",
       choice == choices.end() ? 0.0 : static_cast<double>(choice->weight) / static_cast<double>(sum)},
      {"connections", totals.connections},
      {"open", totals.open},
      {"packets", object{{"in", totals.packets[0]}, {"out", totals.packets[1]}}},
      {"bytes", object{{"in", totals.bytes[0]}, {"out", totals.bytes[1]}}},
      {"handshakes_failed", totals.failed},
      {"health", health_of(key_of(backend, policy), pools)}};
  if (backend.port != 0) json["port"] = backend.port;
  return json;
}

array services(appliance::Workers workers, const Policy& policy, const PoolKeeper& pools,
               const std::optional<std::string>& name) {
  array list;
  for (std::size_t i = 0; i < policy.services.size(); ++i) {
    const auto id = static_cast<ServiceId>(i);
    const Service* service = policy.service(id);
    if (service == nullptr || (name && *name != service->name)) continue;
    array backends;
    for (const BackendId backend : backends_of(id, policy))
      backends.push_back(backend_report(backend, workers, policy, pools));
    const ServiceTotals totals = totals_of_service(id, workers);
    list.push_back(object{{"name", service->name},
                          {"address", service->address.to_string()},
                          {"scheduler", name_of(service->scheduler)},
                          {"forwarding", name_of(service->forwarding)},
                          {"connections", totals.connections},
                          {"open", totals.open},
                          {"without_record", totals.without_record},
                          {"refused", totals.refused},
                          {"over_limit", object{{"client_connections", totals.over_client_connections},
                                                {"client_rate", totals.over_client_rate},
                                                {"connections", totals.over_connections}}},
                          {"without_source", totals.without_source},
                          {"toa_left_out", totals.toa_left_out},
                          {"backends", std::move(backends)}});
  }
  return list;
}

}  // namespace

std::optional<boost::json::value> report(appliance::Workers workers, const Policy& policy,
                                         const PoolKeeper& pools, std::string_view what,
                                         control::Members& query) {
  if (what == "services") return services(workers, policy, pools, query.text("name"));
  if (what == "drops") return appliance::drops_report(workers, drop_reasons());
  if (what == "stages") return appliance::stages_report(workers, LoadBalancerFunction::kStageNames);
  return std::nullopt;
}

std::span<const std::string_view> report_names() noexcept {
  static constexpr std::array<std::string_view, 3> kNames{"services", "drops", "stages"};
  return kNames;
}

std::vector<Metric> balancer_metrics(appliance::Workers workers, const Policy& policy,
                                     const PoolKeeper& pools) {
  using Type = Metric::Type;
  std::vector<Metric> metrics;
  const auto single = [&](std::string name, std::string help, Type type, auto value) {
    double sum = 0;
    for (core::Worker* worker : workers) sum += static_cast<double>(value(connections_of(*worker)));
    metrics.push_back({std::move(name), std::move(help), type, {{.labels = {}, .value = sum}}});
  };
  using Table = const ConnectionTable&;
  single("sessions", "Connections open now.", Type::kGauge, [](Table t) { return t.open_now(); });
  single("sessions_capacity", "Connections there is room for.", Type::kGauge,
         [](Table t) { return t.flows().capacity(); });
  single("sessions_created_total", "Connections ever opened.", Type::kCounter,
         [](Table t) { return t.opened(); });
  single("session_memory_bytes", "Memory of the workers' tables.", Type::kGauge,
         [](Table t) { return t.memory_bytes(); });

  Metric begun{"service_connections_total", "Connections of a service ever begun.", Type::kCounter, {}};
  Metric unrecorded{"service_connections_without_record_total",
                    "Packets of a service balanced by their hash alone: the table was full.",
                    Type::kCounter,
                    {}};
  Metric refused{"service_connections_refused_total",
                 "Connections of a service that no backend was up for.",
                 Type::kCounter,
                 {}};
  Metric over{"service_connections_over_limit_total",
              "Connections of a service that a limit of its profile was against.",
              Type::kCounter,
              {}};
  Metric sourceless{"service_connections_without_source_total",
                    "Connections of a service that no port of its source pool was free for.",
                    Type::kCounter,
                    {}};
  Metric untold{"service_toa_left_out_total",
                "Segments to a backend that had no room for the client's address.",
                Type::kCounter,
                {}};
  for (std::size_t i = 0; i < policy.services.size(); ++i) {
    const auto id = static_cast<ServiceId>(i);
    if (policy.service(id) == nullptr) continue;
    const ServiceTotals totals = totals_of_service(id, workers);
    const auto add = [&](Metric& metric, std::uint64_t value, std::string_view limit = {}) {
      Metric::Sample sample{.labels = {{"service", policy.services[i].name}},
                            .value = static_cast<double>(value)};
      if (!limit.empty()) sample.labels.emplace_back("limit", limit);
      metric.samples.push_back(std::move(sample));
    };
    add(begun, totals.connections);
    add(unrecorded, totals.without_record);
    add(refused, totals.refused);
    add(over, totals.over_client_connections, "client_connections");
    add(over, totals.over_client_rate, "client_rate");
    add(over, totals.over_connections, "connections");
    if (policy.services[i].forwarding == Forwarding::kFullNat) add(sourceless, totals.without_source);
    if (policy.services[i].client_address == ClientAddress::kToa) add(untold, totals.toa_left_out);
  }
  for (Metric* metric : {&begun, &unrecorded, &refused, &over, &sourceless, &untold})
    metrics.push_back(std::move(*metric));

  Metric connections{
      "backend_connections_total", "Connections a backend was ever given.", Type::kCounter, {}};
  Metric open{"backend_connections", "Of them, those that are open.", Type::kGauge, {}};
  Metric packets{"backend_packets_total", "Packets to a backend (in) and from it (out).", Type::kCounter, {}};
  Metric bytes{"backend_bytes_total", "Their bytes, as IP datagrams.", Type::kCounter, {}};
  Metric active{"backend_active", "Whether a backend gets new connections.", Type::kGauge, {}};
  Metric checks{"backend_checks_total", "Health checks of a backend.", Type::kCounter, {}};
  Metric failures{"backend_check_failures_total", "Of them, those that failed.", Type::kCounter, {}};
  Metric latency{"backend_check_seconds", "How long the last health check took.", Type::kGauge, {}};
  for (std::size_t i = 0; i < policy.backends.size(); ++i) {
    const Backend& backend = policy.backends[i];
    if (!backend.keeps()) continue;
    const BackendKey key = key_of(backend, policy);
    const std::string name = to_string(key).substr(key.service.size() + 1);
    const auto add = [&](Metric& metric, double value, std::string_view direction = {}) {
      Metric::Sample sample{.labels = {{"service", key.service}, {"backend", name}}, .value = value};
      if (!direction.empty()) sample.labels.emplace_back("direction", direction);
      metric.samples.push_back(std::move(sample));
    };
    const BackendTotals totals = totals_of(static_cast<BackendId>(i), workers);
    add(connections, static_cast<double>(totals.connections));
    add(open, static_cast<double>(totals.open));
    add(packets, static_cast<double>(totals.packets[0]), "in");
    add(packets, static_cast<double>(totals.packets[1]), "out");
    add(bytes, static_cast<double>(totals.bytes[0]), "in");
    add(bytes, static_cast<double>(totals.bytes[1]), "out");
    add(active, backend.state == Backend::State::kActive ? 1 : 0);
    if (const health::Status* status = pools.status(key); status != nullptr) {
      add(checks, static_cast<double>(status->checks));
      add(failures, static_cast<double>(status->failures));
      add(latency, static_cast<double>(status->latency.count()) / 1e6);
    }
  }
  for (Metric* metric : {&connections, &open, &packets, &bytes, &active, &checks, &failures, &latency})
    metrics.push_back(std::move(*metric));
  return metrics;
}

}  // namespace millrace::load_balancer
