// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/common_metrics.h"

#include <fmt/format.h>
#include <rte_cycles.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include "common/control/metrics_text.h"

namespace millrace::appliance {
namespace {

using control::Metric;
using core::WorkerCounters;
using Labels = std::vector<std::pair<std::string, std::string>>;

class Builder {
 public:
  explicit Builder(const DataPlane& plane) : plane_(plane) {}

  void per_worker(std::string name, std::string help, Counter WorkerCounters::*counter) {
    Metric metric{std::move(name), std::move(help), Metric::Type::kCounter, {}};
    for (std::size_t w = 0; w < plane_.counters().size(); ++w) {
      const auto value = ((*plane_.counters()[w]).*counter).read();
      metric.samples.push_back({{{"worker", std::to_string(w)}}, static_cast<double>(value)});
    }
    metrics.push_back(std::move(metric));
  }

  void per_port(std::string name, std::string help, Counter core::PortCounters::*counter) {
    Metric metric{std::move(name), std::move(help), Metric::Type::kCounter, {}};
    for (const core::Port& port : plane_.ports()) {
      std::uint64_t sum = 0;
      for (const auto& worker : plane_.counters()) sum += (worker->ports[port.id().value()].*counter).read();
      metric.samples.push_back({{{"port", port.name()}}, static_cast<double>(sum)});
    }
    metrics.push_back(std::move(metric));
  }

  void single(std::string name, std::string help, Metric::Type type, double value, Labels labels = {}) {
    metrics.push_back({std::move(name), std::move(help), type, {{std::move(labels), value}}});
  }

  std::vector<Metric> metrics;

 private:
  const DataPlane& plane_;
};

std::uint64_t dropped(const DataPlane& plane, const core::DropReason& reason) {
  std::uint64_t sum = 0;
  for (const auto& worker : plane.counters()) sum += worker->dropped[reason.id].read();
  return sum;
}

std::uint64_t missed(const DataPlane& plane) {
  std::uint64_t sum = 0;
  for (const core::Port& port : plane.ports()) sum += port.missed();
  return sum;
}

void add_drops(Builder& builder, const DataPlane& plane, const Vnf& vnf, const host::TwinCounters& twin) {
  Metric metric{"dropped_packets_total", "Packets dropped, by reason.", Metric::Type::kCounter, {}};
  const auto add = [&](const core::DropReason& reason) {
    std::uint64_t sum = dropped(plane, reason);
    if (reason.id == static_cast<std::uint8_t>(core::Drop::kNeighborUnresolved))
      sum += twin.unresolved.read();
    metric.samples.push_back({{{"reason", std::string(reason.name)}}, static_cast<double>(sum)});
  };
  for (const core::DropReason& reason : core::core_drop_reasons().subspan(1)) add(reason);
  for (const core::DropReason& reason : vnf.drop_reasons()) add(reason);
  builder.metrics.push_back(std::move(metric));
}

void add_stages(Builder& builder, const DataPlane& plane, const Vnf& vnf) {
  Metric packets{"stage_packets_total", "Packets that entered a stage.", Metric::Type::kCounter, {}};
  Metric cycles{
      "stage_cycles_total", "Cycles of the time stamp counter spent in a stage.", Metric::Type::kCounter, {}};
  std::vector<std::string> names{"ingress"};
  for (const std::string_view stage : vnf.stage_names()) names.emplace_back(stage);
  names.emplace_back("egress");
  for (std::size_t s = 0; s < names.size(); ++s) {
    std::uint64_t packet_sum = 0;
    std::uint64_t cycle_sum = 0;
    for (const auto& worker : plane.counters()) {
      packet_sum += worker->stages[s].packets.read();
      cycle_sum += worker->stages[s].cycles.read();
    }
    packets.samples.push_back({{{"stage", names[s]}}, static_cast<double>(packet_sum)});
    cycles.samples.push_back({{{"stage", names[s]}}, static_cast<double>(cycle_sum)});
  }
  builder.metrics.push_back(std::move(packets));
  builder.metrics.push_back(std::move(cycles));
}

void add_latency(Builder& builder, const DataPlane& plane) {
  Metric metric{
      "latency_seconds", "Time of a packet from reception to transmission.", Metric::Type::kHistogram, {}};
  const auto hertz = static_cast<double>(rte_get_tsc_hz());
  std::uint64_t count = 0;
  double sum = 0;
  constexpr unsigned kFirst = 8;  // 2^8 cycles, about a tenth of a microsecond
  for (unsigned bucket = 0; bucket < core::LatencyHistogram::kBuckets; ++bucket) {
    std::uint64_t here = 0;
    for (const auto& worker : plane.counters()) here += worker->latency.read(bucket);
    const double bound = static_cast<double>(std::uint64_t{1} << bucket) / hertz;
    count += here;
    sum += static_cast<double>(here) * bound * 0.75;  // the middle of the bucket: its width is half its bound
    if (bucket < kFirst || bucket > 32) continue;
    metric.samples.push_back({{{"le", fmt::format("{}", bound)}}, static_cast<double>(count), "_bucket"});
  }
  metric.samples.push_back({{{"le", "+Inf"}}, static_cast<double>(count), "_bucket"});
  metric.samples.push_back({{}, sum, "_sum"});
  metric.samples.push_back({{}, static_cast<double>(count), "_count"});
  builder.metrics.push_back(std::move(metric));
}

void add_conditioning(Builder& builder, const core::Conditioning& conditioning) {
  static constexpr std::array<const char*, core::kColors> kNames{"green", "yellow", "red"};
  Metric packets{std::string(control::metric::kPolicerPackets),
                 "IP packets that a meter has seen, by color.",
                 Metric::Type::kCounter,
                 {}};
  Metric bytes{
      std::string(control::metric::kPolicerBytes), "Bytes of these packets.", Metric::Type::kCounter, {}};
  for (const core::PolicerUse& policer : conditioning.policers) {
    for (unsigned i = 0; i < core::kColors; ++i) {
      const auto color = static_cast<core::Color>(i);
      const Labels labels{{"policer", policer.name}, {"color", kNames[i]}};
      packets.samples.push_back({labels, static_cast<double>(policer.meter->packets(color))});
      bytes.samples.push_back({labels, static_cast<double>(policer.meter->bytes(color))});
    }
  }
  Metric rule_packets{std::string(control::metric::kTrafficRulePackets),
                      "IP packets that came under a rule of `qos`.",
                      Metric::Type::kCounter,
                      {}};
  Metric rule_bytes{
      std::string(control::metric::kTrafficRuleBytes), "Bytes of these packets.", Metric::Type::kCounter, {}};
  for (const core::Conditioning::Rule& rule : conditioning.rules) {
    const Labels labels{{"rule", rule.name}};
    rule_packets.samples.push_back({labels, static_cast<double>(rule.counters->packets())});
    rule_bytes.samples.push_back({labels, static_cast<double>(rule.counters->bytes())});
  }
  for (Metric* metric : {&packets, &bytes, &rule_packets, &rule_bytes})
    builder.metrics.push_back(std::move(*metric));
}

}  // namespace

std::vector<Metric> common_metrics(const DataPlane& plane, const Vnf& vnf, const host::TwinCounters& twin) {
  Builder builder(plane);
  builder.per_worker("received_packets_total", "Packets taken from the ports.", &WorkerCounters::received);
  builder.per_worker("received_bytes_total", "Bytes taken from the ports.", &WorkerCounters::received_bytes);
  builder.per_worker("transmitted_packets_total", "Received packets sent on.", &WorkerCounters::transmitted);
  builder.per_worker("to_host_packets_total", "Packets given to the Linux twin.", &WorkerCounters::to_host);
  builder.per_worker("from_host_packets_total", "Packets sent by the Linux twin.",
                     &WorkerCounters::from_host);
  builder.per_worker("from_host_transmitted_packets_total", "Packets of the Linux twin sent on.",
                     &WorkerCounters::from_host_transmitted);
  builder.per_worker("originated_packets_total", "Packets made here: ICMP errors, resets.",
                     &WorkerCounters::originated);
  builder.per_worker("originated_transmitted_packets_total", "Packets made here and sent.",
                     &WorkerCounters::originated_transmitted);
  builder.per_worker("originated_suppressed_total", "ICMP errors not sent, for their rate limit.",
                     &WorkerCounters::originated_suppressed);
  builder.per_worker("handed_over_packets_total", "Packets passed to the worker that owns their flow.",
                     &WorkerCounters::handed_over);
  builder.per_worker("passed_unread_packets_total",
                     "Frames that carry neither ARP nor IP and passed in transparent forwarding.",
                     &WorkerCounters::passed_unread);
  builder.per_worker("fragmented_packets_total", "Datagrams sent in more than one piece.",
                     &WorkerCounters::fragmented);
  builder.per_worker("segmented_packets_total",
                     "TCP segments put together by a port and cut again in software.",
                     &WorkerCounters::segmented);
  builder.per_port("port_received_packets_total", "Packets received by a port.",
                   &core::PortCounters::received);
  builder.per_port("port_received_bytes_total", "Bytes received by a port.",
                   &core::PortCounters::received_bytes);
  builder.per_port("port_transmitted_packets_total", "Packets sent by a port.",
                   &core::PortCounters::transmitted);
  builder.per_port("port_transmitted_bytes_total", "Bytes sent by a port.",
                   &core::PortCounters::transmitted_bytes);
  add_drops(builder, plane, vnf, twin);
  add_stages(builder, plane, vnf);
  add_latency(builder, plane);

  Metric missed{"port_missed_packets_total",
                "Packets a port lost before a worker saw them.",
                Metric::Type::kCounter,
                {}};
  Metric link{"port_up", "1 when the port has a link.", Metric::Type::kGauge, {}};
  for (const core::Port& port : plane.ports()) {
    missed.samples.push_back({{{"port", port.name()}}, static_cast<double>(port.missed())});
    link.samples.push_back({{{"port", port.name()}}, port.link().up ? 1.0 : 0.0});
  }
  builder.metrics.push_back(std::move(missed));
  builder.metrics.push_back(std::move(link));

  Metric busy{
      "worker_busy_cycles_total", "Cycles in rounds that found a packet.", Metric::Type::kCounter, {}};
  Metric idle{"worker_idle_cycles_total", "Cycles in rounds that did not.", Metric::Type::kCounter, {}};
  Metric backlog{
      "worker_backlog_packets", "Packets waiting for a worker in its rings.", Metric::Type::kGauge, {}};
  for (const core::Worker* worker : plane.workers()) {
    const Labels labels{{"worker", std::to_string(worker->config().id.value())}};
    busy.samples.push_back({labels, static_cast<double>(worker->counters().busy_cycles.read())});
    idle.samples.push_back({labels, static_cast<double>(worker->counters().idle_cycles.read())});
    backlog.samples.push_back({labels, static_cast<double>(worker->backlog())});
  }
  builder.metrics.push_back(std::move(busy));
  builder.metrics.push_back(std::move(idle));
  builder.metrics.push_back(std::move(backlog));
  builder.single("workers", "Workers that run.", Metric::Type::kGauge,
                 static_cast<double>(plane.workers().size()));
  builder.single("neighbor_waiting_packets", "Packets held until their next hop's MAC address is known.",
                 Metric::Type::kGauge, static_cast<double>(twin.waiting.read()));
  builder.single("host_write_failed_packets_total",
                 "Packets given to the Linux twin that its kernel did not take.", Metric::Type::kCounter,
                 static_cast<double>(twin.delivery_failed.read()));
  builder.single("from_host_lost_packets_total",
                 "Packets of the Linux twin for which there was no buffer, or no room in the worker's ring.",
                 Metric::Type::kCounter, static_cast<double>(twin.from_kernel_lost.read()));
  builder.single("neighbor_requests_refused_total",
                 "Neighbours the kernel did not ask for: its table was full.", Metric::Type::kCounter,
                 static_cast<double>(twin.requests_refused.read()));
  builder.single("netlink_overruns_total",
                 "Times the kernel's changes came faster than they were read; all of it was read again.",
                 Metric::Type::kCounter, static_cast<double>(twin.mirror_overruns.read()));
  builder.single("networks_published_total", "Changes of routes, neighbours and interfaces taken over.",
                 Metric::Type::kCounter, static_cast<double>(twin.networks_published.read()));
  if (const auto network = plane.snapshot().network; network->conditioning != nullptr)
    add_conditioning(builder, *network->conditioning);
  return std::move(builder.metrics);
}

std::vector<Loss> losses(const DataPlane& plane, const Vnf& vnf, const host::TwinCounters& twin) {
  std::vector<Loss> all;
  for (const auto reasons : {core::core_drop_reasons(), vnf.drop_reasons()}) {
    for (const core::DropReason& reason : reasons) {
      if (reason.shortage) all.push_back({reason.name, reason.sentence, dropped(plane, reason)});
    }
  }
  all.push_back({"port_missed", "A port's queue was full before a worker came to it.", missed(plane)});
  all.push_back(
      {"host_write_failed", "The Linux twin's kernel did not take a packet.", twin.delivery_failed.read()});
  all.push_back({"from_host_lost",
                 "A packet of the Linux twin found no buffer, or no room in the worker's ring.",
                 twin.from_kernel_lost.read()});
  all.push_back({"neighbor_requests_refused",
                 "The kernel's neighbour table is full: net.ipv4.neigh.default.gc_thresh3 and IPv6's.",
                 twin.requests_refused.read()});
  all.push_back({"netlink_overruns",
                 "Routes or neighbours changed faster than they were read; all were read again.",
                 twin.mirror_overruns.read()});
  return all;
}

}  // namespace millrace::appliance
