// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/event_logging.h"

#include <algorithm>
#include <optional>

#include "common/core/eal.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/nat_ipfix.h"
#include "vnfs/nat/nat_syslog.h"

namespace millrace::nat {
namespace {

// A subscriber gives up to Subscriber::kMostBlocks blocks back: fewer than the rings and the sinks hold.
constexpr unsigned kEndedAtOnce = 1024;
static_assert(kEndedAtOnce * Subscriber::kMostBlocks < WorkerState::kEvents);

// Ends everything in a table; `tell()` now and then, until it says no.
template <class Tell>
bool end_all(BindingTable& bindings, Tell&& tell) {
  const Tick now = bindings.now();
  unsigned ended = 0;
  const auto each = [&](const auto& pool, auto&& end) {
    for (std::uint32_t i = 0; i < pool.reach(); ++i) {
      if (!pool.in_use(i)) continue;
      end(i);
      if (++ended % kEndedAtOnce == 0 && !tell()) return false;
    }
    return true;
  };
  return each(bindings.sessions(),
              [&](SessionIndex i) { bindings.close_session(i, SessionEnd::kStopped, 0, now); }) &&
         each(bindings.mappings(), [&](MappingIndex i) { bindings.close_mapping(i, now); }) &&
         each(bindings.subscribers(), [&](SubscriberIndex i) { bindings.tidy_subscriber(i, 0, now); }) &&
         tell();
}

std::string target_of(const std::optional<control::Endpoint>& collector) {
  return collector ? collector->host + " " + std::to_string(collector->port) : std::string();
}

}  // namespace

template <class Start>
Result<void> EventLogging::follow(Open& open, const std::string& target, Start&& start) {
  if (open.target == target) return {};
  open = {};
  if (target.empty()) return {};
  auto sink = start();
  if (!sink) return tl::unexpected<Error>(std::move(sink.error()));
  open = {std::move(*sink), target};
  return {};
}

Result<void> EventLogging::open(const control::Profile& profile, const profile::Section& own,
                                const core::Network& network) {
  tsc_per_second_ = core::tsc_per_second();
  names_ = {};
  for (const core::Domain& domain : network.domains) names_.domains.push_back(domain.name);
  for (const profile::Pool& pool : own.pools) names_.pools.push_back(*pool.name);

  std::optional<control::Endpoint> ipfix;
  if (*own.log.ipfix && profile.telemetry.ipfix) ipfix = *profile.telemetry.ipfix->collector;
  auto opened = follow(ipfix_, target_of(ipfix),
                       [&] { return NatExporter::start({.host = ipfix->host, .port = ipfix->port}); });
  if (!opened) return opened;
  std::optional<control::Endpoint> syslog;
  if (own.log.syslog) syslog = *own.log.syslog->collector;
  return follow(syslog_, target_of(syslog), [&] {
    return NatSyslog::start(control::SyslogOrigin::here("vnf-nat"),
                            {.host = syslog->host, .port = syslog->port});
  });
}

std::vector<NatSink*> EventLogging::sinks() const {
  std::vector<NatSink*> open;
  for (const Open* each : {&ipfix_, &syslog_}) {
    if (each->sink != nullptr) open.push_back(each->sink.get());
  }
  return open;
}

void EventLogging::poll(NatEventLog& log) {
  for (unsigned total = 0; total < kMostPerPoll;) {
    const std::size_t count = log.events().pop(events_);
    if (count == 0) return;
    total += static_cast<unsigned>(count);
    const auto clock = control::EventClock::now(tsc_per_second_);
    records_.clear();
    for (std::size_t i = 0; i < count; ++i) records_.push_back(to_record(events_[i], clock, names_));
    for (NatSink* sink : sinks()) sink->write(records_);
  }
}

void EventLogging::write(appliance::Workers workers) {
  if (tsc_per_second_ == 0) return;  // not open yet
  for (core::Worker* worker : workers) poll(state_of(*worker).events);
}

void EventLogging::end(appliance::Workers workers) {
  write(workers);
  if (sinks().empty()) return;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + kEndMs;
  const auto tell = [&] {
    write(workers);
    return std::ranges::all_of(sinks(), [&](NatSink* sink) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
      return sink->flush(std::max(left, std::chrono::milliseconds(0)));
    });
  };
  for (core::Worker* worker : workers) {
    if (!end_all(bindings_of(*worker), tell)) return;
  }
}

void EventLogging::reopen() {
  for (NatSink* sink : sinks()) sink->reopen();
}

std::vector<control::Metric> EventLogging::metrics(appliance::Workers workers) const {
  using Type = control::Metric::Type;
  control::Metric events{
      "nat_events_total", "Events of bindings, by what became of them.", Type::kCounter, {}};
  const auto count = [&](std::string_view what, auto value) {
    double sum = 0;
    for (core::Worker* worker : workers) sum += static_cast<double>(value(state_of(*worker).events));
    events.samples.push_back({{{"what", std::string(what)}}, sum});
  };
  count("noted", [](const NatEventLog& log) { return log.written(); });
  count("lost", [](const NatEventLog& log) { return log.lost(); });
  count("suppressed", [](const NatEventLog& log) { return log.suppressed(); });
  control::Metric written{
      "nat_records_written_total", "Records of bindings sent, by sink.", Type::kCounter, {}};
  control::Metric lost{
      "nat_records_lost_total", "Records of bindings a sink could not take.", Type::kCounter, {}};
  control::Metric waiting{
      "nat_records_waiting", "Records of bindings that wait for a sink.", Type::kGauge, {}};
  for (const NatSink* sink : sinks()) {
    const control::SinkStatus status = sink->status();
    const auto add = [&](control::Metric& metric, std::uint64_t value) {
      metric.samples.push_back({{{"sink", std::string(sink->name())}}, static_cast<double>(value)});
    };
    add(written, status.written);
    add(lost, status.lost);
    add(waiting, status.waiting);
  }
  return {std::move(events), std::move(written), std::move(lost), std::move(waiting)};
}

}  // namespace millrace::nat
