// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/load_balancer.h"

#include <boost/json.hpp>

#include "common/appliance/vnf_profile.h"
#include "vnfs/load_balancer/compile_policy.h"
#include "vnfs/load_balancer/connection_listing.h"
#include "vnfs/load_balancer/connections_of.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/explain_packet.h"
#include "vnfs/load_balancer/function.h"
#include "vnfs/load_balancer/reports.h"
#include "vnfs/load_balancer/shape_network.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::load_balancer {
namespace {

using appliance::LoadedProfile;
using appliance::Workers;

const std::shared_ptr<const profile::Section>& own_of(const LoadedProfile& profile) {
  return static_cast<const appliance::VnfProfile<profile::Section>&>(profile).own;
}

}  // namespace

std::span<const core::DropReason> LoadBalancer::drop_reasons() const { return load_balancer::drop_reasons(); }

std::span<const std::string_view> LoadBalancer::stage_names() const {
  return LoadBalancerFunction::kStageNames;
}

control::Checked<std::shared_ptr<const LoadedProfile>> LoadBalancer::load(
    std::string_view text, const std::string& file, const control::ResolveFile& resolve) {
  return appliance::load_profile(profile::schema(), text, file, resolve);
}

void LoadBalancer::shape(const LoadedProfile& profile, bool draining, core::Network& network) const {
  shape_network(*own_of(profile), draining, *sources_, network);
}

Result<appliance::CompiledPolicy> LoadBalancer::compile(const LoadedProfile& profile,
                                                        const appliance::CompileContext& context) {
  const profile::Section& own = *own_of(profile);
  auto services = services_now(own, pools_.live(), pools_.in_force(), context.network, Clock::now());
  if (!services) return tl::unexpected(std::move(services.error()));
  auto compiled = compile_policy(*services, {.roster = roster_,
                                             .sources = sources_.get(),
                                             .before = compiled_.get(),
                                             .generation = context.generation,
                                             .draining = context.draining,
                                             .table_size = *own.table_size,
                                             .hash_seed = own.hash_seed});
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  compiled_ = *compiled;
  return appliance::CompiledPolicy{std::move(*compiled), {}};
}

std::unique_ptr<core::Function> LoadBalancer::make_function(const LoadedProfile& profile,
                                                            const core::WorkerServices& services) {
  const std::uint64_t workers = std::max(services.workers, 1U);
  const auto share = static_cast<std::uint32_t>((profile.common.dataplane.sessions + workers - 1) / workers);
  return std::make_unique<LoadBalancerFunction>(share, services);
}

// Nothing in the profile knows a time of day.
std::optional<std::uint64_t> LoadBalancer::seconds_to_next_change(const LoadedProfile& /*profile*/,
                                                                  std::time_t /*since*/) const {
  return std::nullopt;
}

std::vector<control::Metric> LoadBalancer::metrics(Workers workers, const core::Snapshot& snapshot) {
  return balancer_metrics(workers, policy_of(snapshot), pools_);
}

std::uint64_t LoadBalancer::session_count(Workers workers) { return count_connections(workers); }

Result<control::SessionPage> LoadBalancer::sessions(Workers workers, const core::Snapshot& snapshot,
                                                    const control::PacketMatch& match,
                                                    std::string_view cursor, unsigned most) {
  return list_connections(workers, snapshot, match, cursor, most);
}

Result<std::uint64_t> LoadBalancer::flush_sessions(Workers workers, const core::Snapshot& snapshot,
                                                   const control::PacketMatch& match) {
  return flush_connections(workers, snapshot, match);
}

Result<boost::json::object> LoadBalancer::explain(Workers workers, const core::Snapshot& snapshot,
                                                  const boost::json::object& packet) {
  return explain_packet(workers, snapshot, pools_, packet);
}

std::optional<boost::json::value> LoadBalancer::own(Workers workers, const core::Snapshot& snapshot,
                                                    std::string_view what, control::Members& query) {
  return report(workers, policy_of(snapshot), pools_, what, query);
}

std::span<const std::string_view> LoadBalancer::own_names() const { return report_names(); }

std::optional<Result<void>> LoadBalancer::change_backend(const control::BackendChange& change) {
  return pools_.change(change);
}

std::function<Result<std::string>()> LoadBalancer::export_sessions(Workers workers,
                                                                   const core::Snapshot& snapshot) {
  return export_connections(workers, snapshot);
}

Result<control::Appliance::Imported> LoadBalancer::import_sessions(Workers workers,
                                                                   const core::Snapshot& snapshot,
                                                                   std::string_view stream) {
  return import_connections(workers, snapshot, stream);
}

void LoadBalancer::begin(const ControlServices& services) { pools_.begin(services); }

// There are no logs of connections yet; but whose profile is in force is told here.
Result<void> LoadBalancer::open_logs(const LoadedProfile& profile, const core::Snapshot& snapshot) {
  in_force_ = snapshot.policy;
  pools_.follow(own_of(profile), profile.common, policy_of(snapshot));
  return {};
}

void LoadBalancer::write_logs(Workers workers) {
  pools_.look_at_handshakes(workers, static_cast<const Policy&>(*in_force_));
}

void LoadBalancer::end_logs(Workers /*workers*/) { pools_.end(); }

void LoadBalancer::reopen_logs() {}

void LoadBalancer::move_sessions(Workers before, Workers after, const core::Snapshot& snapshot) {
  move_connections(before, after, snapshot);
}

}  // namespace millrace::load_balancer
