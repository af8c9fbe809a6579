// SPDX-License-Identifier: BSD-3-Clause
// Trace and capture: a job for the workers, and the wait for it.
#include <algorithm>
#include <boost/json.hpp>
#include <chrono>

#include <fmt/format.h>
#include <rte_cycles.h>

#include "common/appliance/runtime.h"
#include "common/core/capture_file.h"

namespace millrace::appliance {
namespace {

constexpr auto kLookEvery = std::chrono::milliseconds(10);

std::string_view reason_text(const Vnf& vnf, std::uint8_t id, std::string_view core::DropReason::*text) {
  const auto reasons = id < core::kFirstFunctionReason ? core::core_drop_reasons() : vnf.drop_reasons();
  for (const core::DropReason& reason : reasons) {
    if (reason.id == id) return reason.*text;
  }
  return "unknown";
}

// What the packet was when it left a stage, in a few words.
std::string summary(const core::TraceEvent& event, const core::Network& network) {
  const net::Headers& headers = event.state.headers;
  const auto interface = [&](core::InterfaceId id) -> std::string_view {
    if (!id.valid() || id.value() >= network.interfaces.size()) return "?";
    return network.interfaces[id.value()].name;
  };
  const auto at = [&](std::size_t offset, std::size_t length) {
    return headers.l3_offset + offset + length <= event.byte_count
               ? event.bytes.data() + headers.l3_offset + offset
               : nullptr;
  };
  std::string tags;
  if (headers.inner_vlan != 0) {
    tags = fmt::format("vlan {}.{} ", headers.outer_vlan, headers.inner_vlan);
  } else if (headers.outer_vlan != 0) {
    tags = fmt::format("vlan {} ", headers.outer_vlan);
  }
  std::string source = "?";
  std::string destination = "?";
  if (headers.is_ipv4()) {
    if (const auto* bytes = at(0, sizeof(net::Ipv4Header))) {
      const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(bytes);
      source = ip.source.to_string();
      destination = ip.destination.to_string();
    }
  } else if (headers.is_ipv6()) {
    if (const auto* bytes = at(0, sizeof(net::Ipv6Header))) {
      const auto& ip = *reinterpret_cast<const net::Ipv6Header*>(bytes);
      source = ip.source.to_string();
      destination = ip.destination.to_string();
    }
  } else {
    return fmt::format("{}in by {}", tags, interface(event.state.ingress)) +
           (headers.family == net::Headers::kOther
                ? fmt::format(", unread to {}", interface(event.state.egress))
                : std::string());
  }
  std::string text = fmt::format("{}{} > {} protocol {}", tags, source, destination, headers.protocol);
  if (headers.has_ports) {
    text += fmt::format(" ports {} > {}", headers.source_port.host(), headers.destination_port.host());
  }
  text += fmt::format(", {} to {}", interface(event.state.ingress), interface(event.state.egress));
  return text;
}

}  // namespace

struct TraceRun {
  std::vector<std::unique_ptr<core::TraceJob>> jobs;  // by worker
  boost::asio::steady_timer timer;
  std::chrono::steady_clock::time_point until;
  std::function<bool()> wanted;
  std::function<void(Result<boost::json::array>)> done;
};

Result<core::PacketFilter> Runtime::filter_of(const control::PacketMatch& match) const {
  core::PacketFilter filter;
  filter.source = match.source;
  filter.destination = match.destination;
  filter.protocol = match.protocol;
  filter.port = match.port;
  filter.vlan = match.vlan;
  filter.outer_vlan = match.outer_vlan;
  if (match.interface) {
    const auto& interfaces = plane_->snapshot().network->interfaces;
    const auto found = std::find_if(interfaces.begin(), interfaces.end(), [&](const core::Interface& each) {
      return each.name == *match.interface;
    });
    if (found == interfaces.end())
      return failure("find interface " + *match.interface, "the profile has none of that name");
    filter.interface = core::InterfaceId(static_cast<std::uint16_t>(found - interfaces.begin()));
  }
  return filter;
}

void Runtime::trace(const control::PacketMatch& match, const Patience& patience,
                    std::function<void(Result<boost::json::array>)> done) {
  if (inspecting_)
    return done(failure("trace packets", "another trace or capture is running; try again when it is done"));
  const auto filter = filter_of(match);
  if (!filter) return done(tl::unexpected(filter.error()));
  inspecting_ = true;
  auto run = std::make_shared<TraceRun>(
      TraceRun{{}, boost::asio::steady_timer(io_), {}, patience.wanted, std::move(done)});
  run->until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience.timeout_ms);
  for (core::Worker* worker : plane_->workers()) {
    run->jobs.push_back(std::make_unique<core::TraceJob>(*filter, patience.packets));
    worker->tracer().set(run->jobs.back().get());
  }
  trace_left_ = patience.packets;
  auto look = std::make_shared<std::function<void()>>();
  *look = [this, run, look] {
    std::uint32_t finished = 0;
    for (const auto& job : run->jobs) finished += job->done ? job->packets : job->started.load();
    const bool enough =
        finished >= trace_left_ && std::all_of(run->jobs.begin(), run->jobs.end(), [](const auto& job) {
          return job->done || job->started.load() < job->packets;
        });
    if (enough || std::chrono::steady_clock::now() >= run->until || !run->wanted()) {
      finish_trace(run);
      *look = nullptr;
      return;
    }
    run->timer.expires_after(kLookEvery);
    run->timer.async_wait([look](const auto& error) {
      if (!error && *look) (*look)();
    });
  };
  (*look)();
}

void Runtime::finish_trace(const std::shared_ptr<TraceRun>& run) {
  for (core::Worker* worker : plane_->workers()) worker->tracer().set(nullptr);
  plane_->synchronize();
  inspecting_ = false;
  const core::Snapshot snapshot = plane_->snapshot();
  const double ns_per_cycle = 1e9 / static_cast<double>(rte_get_tsc_hz());
  boost::json::array packets;
  for (std::size_t w = 0; w < run->jobs.size(); ++w) {
    const core::TraceJob& job = *run->jobs[w];
    std::vector<const core::TraceEvent*> events;
    for (std::uint32_t e = 0; e < job.used; ++e) events.push_back(&job.events[e]);
    std::stable_sort(events.begin(), events.end(),
                     [](const auto* a, const auto* b) { return a->packet < b->packet; });
    for (std::size_t at = 0; at < events.size() && packets.size() < trace_left_;) {
      const std::uint32_t number = events[at]->packet;
      const std::uint64_t began = events[at]->tsc;
      boost::json::array steps;
      for (; at < events.size() && events[at]->packet == number; ++at) {
        const core::TraceEvent& event = *events[at];
        boost::json::object step;
        step["stage"] = std::string(event.stage);
        const bool sent = event.taken && event.stage == core::Egress::kName;
        const bool host = event.taken && event.stage == core::Ingress::kName;
        step["verdict"] = event.drop_reason != 0 ? "dropped"
                          : sent                 ? "sent"
                          : host                 ? "to_host"
                          : event.taken          ? "taken"
                                                 : "passed";
        if (event.drop_reason != 0) {
          step["reason"] = std::string(reason_text(vnf_, event.drop_reason, &core::DropReason::name));
          step["sentence"] = std::string(reason_text(vnf_, event.drop_reason, &core::DropReason::sentence));
        }
        if (event.byte_count != 0) step["summary"] = summary(event, *snapshot.network);
        step["nanoseconds"] =
            static_cast<std::uint64_t>(static_cast<double>(event.tsc - began) * ns_per_cycle);
        steps.push_back(std::move(step));
      }
      packets.push_back({{"packet", packets.size()}, {"worker", w}, {"events", std::move(steps)}});
    }
  }
  run->done(std::move(packets));
}

void Runtime::capture(const control::PacketMatch& match, const Patience& patience, unsigned snap_length,
                      std::function<void(Result<std::string>)> done) {
  if (inspecting_)
    return done(failure("capture packets", "another trace or capture is running; try again when it is done"));
  const auto filter = filter_of(match);
  if (!filter) return done(tl::unexpected(filter.error()));
  inspecting_ = true;
  auto job = std::make_shared<core::CaptureJob>(*filter, patience.packets, snap_length);
  auto timer = std::make_shared<boost::asio::steady_timer>(io_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(patience.timeout_ms);
  const core::CaptureClock clock = core::CaptureClock::now();
  for (core::Worker* worker : plane_->workers()) worker->capturer().set(job.get());
  auto look = std::make_shared<std::function<void()>>();
  *look = [this, job, timer, until, clock, look, wanted = patience.wanted, done = std::move(done)] {
    if (!job->done() && std::chrono::steady_clock::now() < until && wanted()) {
      timer->expires_after(kLookEvery);
      timer->async_wait([look](const auto& error) {
        if (!error && *look) (*look)();
      });
      return;
    }
    for (core::Worker* worker : plane_->workers()) worker->capturer().set(nullptr);
    plane_->synchronize();
    inspecting_ = false;
    std::vector<core::CapturePort> ports;
    for (const core::Port& port : plane_->ports()) ports.push_back({port.id(), port.name()});
    const auto file = core::capture_file(*job, ports, vnf_.drop_reasons(), clock);
    const auto finished = done;
    *look = nullptr;
    finished(std::string(file.begin(), file.end()));
  };
  (*look)();
}

}  // namespace millrace::appliance
