// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/firewall.h"

#include <boost/json.hpp>
#include <ctime>
#include <tuple>

#include "common/appliance/vnf_profile.h"
#include "vnfs/firewall/compile_anomalies.h"
#include "vnfs/firewall/compile_policy.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/explain_packet.h"
#include "vnfs/firewall/function.h"
#include "vnfs/firewall/reports.h"
#include "vnfs/firewall/schedule.h"
#include "vnfs/firewall/session_listing.h"
#include "vnfs/firewall/transfer_sessions.h"

namespace millrace::firewall {
namespace {

using appliance::LoadedProfile;
using appliance::Workers;

constexpr std::uint32_t kEventsWaiting = 4096;  // to be read, of a worker

const appliance::VnfProfile<profile::Section>& loaded_of(const LoadedProfile& profile) {
  return static_cast<const appliance::VnfProfile<profile::Section>&>(profile);
}

bool tells_events(const profile::Section& section) {
  return !section.inspections.empty() || !section.threat_lists.empty();
}

}  // namespace

std::span<const core::DropReason> Firewall::drop_reasons() const { return firewall::drop_reasons(); }

std::span<const std::string_view> Firewall::stage_names() const { return FirewallFunction::kStageNames; }

control::Checked<std::shared_ptr<const LoadedProfile>> Firewall::load(std::string_view text,
                                                                      const std::string& file,
                                                                      const control::ResolveFile& resolve) {
  return appliance::load_profile(profile::schema(lists_), text, file, resolve);
}

Result<appliance::CompiledPolicy> Firewall::compile(const LoadedProfile& profile,
                                                    const appliance::CompileContext& context) {
  const auto& loaded = loaded_of(profile);
  const control::Telemetry& telemetry = profile.common.telemetry;
  const auto updates = telemetry.updates();
  auto inspections = inspections_.compile(*loaded.own, std::max(context.workers, context.most_workers));
  if (!inspections) return tl::unexpected(std::move(inspections.error()));
  auto compiled =
      compile_policy(*loaded.own, {.network = context.network,
                                   .slots = slots_,
                                   .generation = context.generation,
                                   .draining = context.draining,
                                   .log_all_sessions = telemetry.ipfix || telemetry.flow_log,
                                   .active_timeout = updates ? static_cast<Tick>(updates->count()) : 0,
                                   .workers = context.workers,
                                   .now = context.now,
                                   .inspections = std::move(inspections->inspections),
                                   .blocked_sources = anomalies_.blocked_sources(),
                                   .file = loaded.file});
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  std::vector<std::string> notes = std::move(compiled->notes);
  for (std::string& note : inspections->notes) notes.push_back(std::move(note));
  return appliance::CompiledPolicy{std::move(compiled->policy), std::move(notes)};
}

std::unique_ptr<core::Function> Firewall::make_function(const LoadedProfile& profile,
                                                        const core::WorkerServices& services) {
  const std::uint64_t workers = std::max(services.workers, 1U);
  Limits limits;
  limits.sessions = static_cast<std::uint32_t>((profile.common.dataplane.sessions + workers - 1) / workers);
  const profile::Section& own = *loaded_of(profile).own;
  if (!own.inspections.empty()) {
    limits.inspection = {
        .conversations = static_cast<std::uint32_t>((own.inspection_limits.sessions + workers - 1) / workers),
        .stream_bytes = own.inspection_limits.memory / workers};
  }
  if (tells_events(own)) limits.inspection.events = kEventsWaiting;
  if (own.anomalies) limits.watch = watch_settings(*own.anomalies);
  if (own.asks_applications()) {
    const profile::ApplicationLimits& of = own.application_limits;
    limits.applications = {.sessions = static_cast<std::uint32_t>((of.sessions + workers - 1) / workers),
                           .memory_bytes = of.memory / workers,
                           .packets = static_cast<std::uint8_t>(of.packets)};
  }
  return std::make_unique<FirewallFunction>(limits, services);
}

bool Firewall::needs_other_workers(const LoadedProfile& running, const LoadedProfile& next) const {
  const profile::Section& now = *loaded_of(running).own;
  const profile::Section& then = *loaded_of(next).own;
  const auto applications = [](const profile::Section& of) {
    const profile::ApplicationLimits& limits = of.application_limits;
    return std::tuple(of.asks_applications(), limits.sessions, limits.memory, limits.packets);
  };
  const bool asks_more = then.asks_applications() && applications(now) != applications(then);
  const bool inspects_more =
      !then.inspections.empty() &&
      (now.inspections.empty() || now.inspection_limits.sessions != then.inspection_limits.sessions ||
       now.inspection_limits.memory != then.inspection_limits.memory);
  const bool watches_more =
      then.anomalies && (!now.anomalies || watch_settings(*now.anomalies) != watch_settings(*then.anomalies));
  return asks_more || inspects_more || watches_more || (tells_events(then) && !tells_events(now));
}

std::optional<std::uint64_t> Firewall::seconds_to_next_change(const LoadedProfile& profile,
                                                              std::time_t since) const {
  return firewall::seconds_to_next_change(*loaded_of(profile).own, since);
}

std::vector<control::Metric> Firewall::metrics(Workers workers, const core::Snapshot& snapshot) {
  auto metrics = firewall_metrics({workers, snapshot, slots_, totals_});
  for (control::Metric& metric : logging_.metrics()) metrics.push_back(std::move(metric));
  for (control::Metric& metric : events_.metrics()) metrics.push_back(std::move(metric));
  for (control::Metric& metric : anomalies_.metrics()) metrics.push_back(std::move(metric));
  return metrics;
}

void Firewall::begin(const ControlServices& services) {
  anomalies_.begin(services.tick, services.synchronize);
}

Result<void> Firewall::open_logs(const LoadedProfile& profile, const core::Snapshot& snapshot) {
  anomalies_.follow(profile.common.name, *loaded_of(profile).own, *snapshot.network);
  auto opened = events_.open(profile.common.name, *loaded_of(profile).own, *snapshot.network, slots_);
  auto others = logging_.open(profile.common, *snapshot.network, slots_);
  return others ? std::move(opened) : std::move(others);
}

void Firewall::write_logs(Workers workers) {
  logging_.write(workers);
  events_.write(workers);
  anomalies_.look(workers);
}

void Firewall::end_logs(Workers workers) {
  logging_.end(workers);
  events_.end(workers);
}

void Firewall::reopen_logs() {
  logging_.reopen();
  events_.reopen();
}

std::uint64_t Firewall::session_count(Workers workers) { return count_sessions(workers); }

Result<control::SessionPage> Firewall::sessions(Workers workers, const core::Snapshot& snapshot,
                                                const control::PacketMatch& match, std::string_view cursor,
                                                unsigned most) {
  return list_sessions(workers, snapshot, slots_, match, cursor, most);
}

Result<std::uint64_t> Firewall::flush_sessions(Workers workers, const core::Snapshot& snapshot,
                                               const control::PacketMatch& match) {
  return firewall::flush_sessions(workers, snapshot, slots_, match);
}

Result<boost::json::object> Firewall::explain(Workers workers, const core::Snapshot& snapshot,
                                              const boost::json::object& packet) {
  return explain_packet(workers, snapshot, slots_, anomalies_.now(), packet);
}

std::optional<boost::json::value> Firewall::own(Workers workers, const core::Snapshot& snapshot,
                                                std::string_view what, control::Members& /*query*/) {
  if (what == "alerts") return events_.last();
  if (what == "anomalies") return anomalies_.report();
  return report({workers, snapshot, slots_, totals_}, what);
}

std::span<const std::string_view> Firewall::own_names() const { return report_names(); }

std::optional<Result<void>> Firewall::remove_own(std::string_view what, std::string_view name) {
  if (what != "blocks") return std::nullopt;
  return anomalies_.lift(name);
}

std::function<Result<std::string>()> Firewall::export_sessions(Workers workers,
                                                               const core::Snapshot& snapshot) {
  return firewall::export_sessions(workers, snapshot, slots_);
}

Result<control::Appliance::Imported> Firewall::import_sessions(Workers workers,
                                                               const core::Snapshot& snapshot,
                                                               std::string_view stream) {
  return firewall::import_sessions(workers, snapshot, slots_, stream);
}

void Firewall::move_sessions(Workers before, Workers after, const core::Snapshot& snapshot) {
  write_logs(before);
  static_cast<void>(firewall::move_sessions(before, after, snapshot));
  logging_.write(before);  // the ends of those for which there was no room
}

}  // namespace millrace::firewall
