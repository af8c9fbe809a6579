// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/reports.h"

#include <array>
#include <boost/json.hpp>

#include "common/appliance/common_reports.h"
#include "common/appliance/table_slices.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/lookup.h"

namespace millrace::nat {
namespace {

using boost::json::array;
using boost::json::object;
using control::Metric;

// More are not listed at once; the metrics count all.
constexpr std::size_t kMostSubscribers = 10'000;

const Policy& policy_of(const core::Snapshot& snapshot) {
  return static_cast<const Policy&>(*snapshot.policy);
}

std::string domain_name(const core::Network& network, std::uint16_t domain) {
  return domain < network.domains.size() ? network.domains[domain].name : std::string();
}

struct PoolUse {
  std::uint64_t runs = 0;
  std::uint64_t free_runs = 0;

  explicit PoolUse(const Pool& pool) {
    const unsigned each = pool.ports().end_run() - pool.ports().first_run();
    for (const OutsideAddress* address : pool.addresses) {
      runs += each;
      for (unsigned run = pool.ports().first_run(); run < pool.ports().end_run(); ++run) {
        const auto port = static_cast<std::uint16_t>(run * OutsideAddress::kRunPorts);
        free_runs += address->bucket_of(port) ? 0 : 1;
      }
    }
  }
  [[nodiscard]] std::uint64_t ports() const noexcept { return runs * OutsideAddress::kRunPorts; }
  [[nodiscard]] std::uint64_t ports_given() const noexcept {
    return (runs - free_runs) * OutsideAddress::kRunPorts;
  }
};

array pools(const core::Snapshot& snapshot) {
  array list;
  for (const Pool& pool : policy_of(snapshot).pools) {
    const PoolUse use(pool);
    object one{{"name", pool.name},
               {"domain", domain_name(*snapshot.network, pool.domain)},
               {"addresses", pool.addresses.size()},
               {"ports", use.ports()},
               {"ports_given", use.ports_given()},
               {"block", nullptr},
               {"paired", pool.paired}};
    if (pool.block_runs != 0) one["block"] = pool.block_runs * OutsideAddress::kRunPorts;
    list.push_back(std::move(one));
  }
  return list;
}

array subscribers(appliance::Workers workers, const core::Snapshot& snapshot) {
  std::vector<Subscriber> found;
  found.reserve(kMostSubscribers);
  for (core::Worker* worker : workers) {
    const BindingTable& bindings = bindings_of(*worker);
    appliance::visit_slices(*worker, 0, bindings.subscribers().capacity(), [&](SubscriberIndex index) {
      if (bindings.subscribers().in_use(index)) found.push_back(bindings.subscriber(index));
      return found.size() < kMostSubscribers;
    });
  }
  const AddressBook& book = bindings_of(*workers[0]).book();
  array list;
  for (const Subscriber& subscriber : found) {
    array blocks;
    for (unsigned i = 0; i < subscriber.block_count; ++i) {
      const Block& block = subscriber.blocks[i];
      const unsigned first = block.first_run * OutsideAddress::kRunPorts;
      blocks.push_back(object{{"address", book[block.address].address().to_string()},
                              {"first_port", first},
                              {"last_port", first + block.runs * OutsideAddress::kRunPorts - 1},
                              {"idle", block.idle}});
    }
    list.push_back(object{{"address", subscriber.address.to_string()},
                          {"domain", domain_name(*snapshot.network, subscriber.domain)},
                          {"mappings", subscriber.mappings},
                          {"sessions", subscriber.sessions},
                          {"tcp_ports", subscriber.ports[0]},
                          {"udp_ports", subscriber.ports[1]},
                          {"icmp_identifiers", subscriber.ports[2]},
                          {"blocks", std::move(blocks)}});
  }
  return list;
}

object policy_report(const Policy& policy) {
  return {{"generation", policy.generation},
          {"draining", policy.draining},
          {"hairpin", policy.hairpin},
          {"pools", policy.pools.size()},
          {"rules", policy.rules.size()}};
}

// Messages that application gateways have read, by the gateway's name in the profile.
void add_alg_metrics(appliance::Workers workers, std::vector<Metric>& metrics) {
  Metric rewritten{"nat_alg_messages_rewritten_total",
                   "Messages that got an outside address or port.",
                   Metric::Type::kCounter,
                   {}};
  Metric refused{
      "nat_alg_messages_refused_total",
      "Messages that name another host, that can not be read, or for which no port could be opened; they "
      "pass as they are.",
      Metric::Type::kCounter,
      {}};
  Metric unwatched{"nat_alg_sessions_unwatched_total",
                   "Sessions whose messages are not read: there was no room to remember them.",
                   Metric::Type::kCounter,
                   {}};
  constexpr std::array<std::pair<AlgKind, std::string_view>, 3> kNames{
      {{AlgKind::kFtp, "ftp"}, {AlgKind::kSip, "sip"}, {AlgKind::kPptp, "pptp"}}};
  for (const auto& [kind, name] : kNames) {
    const auto add = [&, alg = kind, label = name](Metric& metric, Counter AlgRecords::Counts::*count) {
      double sum = 0;
      for (core::Worker* worker : workers)
        sum += static_cast<double>((bindings_of(*worker).algs().counts(alg).*count).read());
      metric.samples.push_back({.labels = {{"alg", std::string(label)}}, .value = sum});
    };
    add(rewritten, &AlgRecords::Counts::rewritten);
    add(refused, &AlgRecords::Counts::refused);
    add(unwatched, &AlgRecords::Counts::unwatched);
  }
  for (Metric* metric : {&rewritten, &refused, &unwatched}) metrics.push_back(std::move(*metric));
}

}  // namespace

std::optional<boost::json::value> report(appliance::Workers workers, const core::Snapshot& snapshot,
                                         std::string_view what, control::Members& query) {
  if (what == "lookup") return lookup(workers, snapshot, query);
  if (what == "pools") return pools(snapshot);
  if (what == "subscribers") return subscribers(workers, snapshot);
  if (what == "drops") return appliance::drops_report(workers, drop_reasons());
  if (what == "stages") return appliance::stages_report(workers, NatFunction::kStageNames);
  if (what == "policy") return policy_report(policy_of(snapshot));
  return std::nullopt;
}

std::span<const std::string_view> report_names() noexcept {
  static constexpr std::array<std::string_view, 6> kNames{"lookup", "pools",  "subscribers",
                                                          "drops",  "stages", "policy"};
  return kNames;
}

std::vector<Metric> nat_metrics(appliance::Workers workers, const core::Snapshot& snapshot) {
  using Type = Metric::Type;
  std::vector<Metric> metrics;
  const auto single = [&](std::string name, std::string help, Type type, auto value) {
    double sum = 0;
    for (core::Worker* worker : workers) sum += static_cast<double>(value(bindings_of(*worker)));
    metrics.push_back({std::move(name), std::move(help), type, {{.labels = {}, .value = sum}}});
  };
  using Table = const BindingTable&;
  single("sessions", "Sessions open now.", Type::kGauge, [](Table t) { return t.open_sessions(); });
  single("sessions_capacity", "Sessions there is room for.", Type::kGauge,
         [](Table t) { return t.sessions().capacity(); });
  single("sessions_created_total", "Sessions ever opened.", Type::kCounter,
         [](Table t) { return t.sessions_opened(); });
  single("nat_mappings", "Mappings, those whose port rests included.", Type::kGauge,
         [](Table t) { return t.open_mappings(); });
  single("nat_mappings_resting", "Mappings without a session, whose port rests.", Type::kGauge,
         [](Table t) { return t.resting_mappings(); });
  single("nat_mappings_created_total", "Mappings ever made.", Type::kCounter,
         [](Table t) { return t.mappings_opened(); });
  single("nat_subscribers", "Subscribers with a mapping or a block of ports.", Type::kGauge,
         [](Table t) { return t.open_subscribers(); });
  single("nat_subscribers_capacity", "Subscribers there is room for.", Type::kGauge,
         [](Table t) { return t.subscribers().capacity(); });
  single("session_memory_bytes", "Memory of the workers' tables.", Type::kGauge,
         [](Table t) { return t.memory_bytes(); });
  Metric unanswered{
      "nat_unanswered_syns_total",
      "Unsolicited SYNs from outside that were dropped without the answer of RFC 5382 REQ-4, for "
      "want of room.",
      Type::kCounter,
      {{.labels = {}, .value = 0}}};
  for (core::Worker* worker : workers)
    unanswered.samples[0].value += static_cast<double>(state_of(*worker).waiting_syns.unanswered());
  metrics.push_back(std::move(unanswered));
  single("nat_alg_sessions", "Sessions whose messages application gateways read.", Type::kGauge,
         [](Table t) { return t.algs().open_records(); });
  add_alg_metrics(workers, metrics);
  Metric ports{"nat_pool_ports", "Ports of a pool, for each protocol.", Type::kGauge, {}};
  Metric given{
      "nat_pool_ports_given", "Of them, those that a subscriber or its neighbours have.", Type::kGauge, {}};
  for (const Pool& pool : policy_of(snapshot).pools) {
    const PoolUse use(pool);
    ports.samples.push_back({.labels = {{"pool", pool.name}}, .value = static_cast<double>(use.ports())});
    given.samples.push_back(
        {.labels = {{"pool", pool.name}}, .value = static_cast<double>(use.ports_given())});
  }
  metrics.push_back(std::move(ports));
  metrics.push_back(std::move(given));
  return metrics;
}

}  // namespace millrace::nat
