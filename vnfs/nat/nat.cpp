// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat.h"

#include <boost/json.hpp>

#include "common/appliance/vnf_profile.h"
#include "vnfs/nat/compile_policy.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/explain_packet.h"
#include "vnfs/nat/function.h"
#include "vnfs/nat/move_bindings.h"
#include "vnfs/nat/reports.h"
#include "vnfs/nat/session_listing.h"
#include "vnfs/nat/transfer_bindings.h"

namespace millrace::nat {
namespace {

using appliance::LoadedProfile;
using appliance::Workers;

const std::shared_ptr<const profile::Section>& own_of(const LoadedProfile& profile) {
  return static_cast<const appliance::VnfProfile<profile::Section>&>(profile).own;
}

}  // namespace

std::span<const core::DropReason> Nat::drop_reasons() const { return nat::drop_reasons(); }

std::span<const std::string_view> Nat::stage_names() const { return NatFunction::kStageNames; }

control::Checked<std::shared_ptr<const LoadedProfile>> Nat::load(std::string_view text,
                                                                 const std::string& file,
                                                                 const control::ResolveFile& resolve) {
  return appliance::load_profile(profile::schema(), text, file, resolve);
}

void Nat::shape(const LoadedProfile& profile, bool /*draining*/, core::Network& network) const {
  shape_network(*own_of(profile), network);
}

Result<appliance::CompiledPolicy> Nat::compile(const LoadedProfile& profile,
                                               const appliance::CompileContext& context) {
  auto compiled = compile_policy(*own_of(profile), {.network = context.network,
                                                    .book = *book_,
                                                    .generation = context.generation,
                                                    .draining = context.draining});
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  return appliance::CompiledPolicy{std::move(*compiled), {}};
}

std::unique_ptr<core::Function> Nat::make_function(const LoadedProfile& profile,
                                                   const core::WorkerServices& services) {
  const std::uint64_t workers = std::max(services.workers, 1U);
  const auto share = [&](std::uint64_t all) {
    return static_cast<std::uint32_t>((all + workers - 1) / workers);
  };
  return std::make_unique<NatFunction>(
      BindingTable::Limits{.sessions = share(profile.common.dataplane.sessions),
                           .subscribers = share(own_of(profile)->subscribers)},
      *book_, services);
}

// Nothing in the profile knows a time.
std::optional<std::uint64_t> Nat::seconds_to_next_change(const LoadedProfile& /*profile*/,
                                                         std::time_t /*since*/) const {
  return std::nullopt;
}

std::vector<control::Metric> Nat::metrics(Workers workers, const core::Snapshot& snapshot) {
  auto metrics = nat_metrics(workers, snapshot);
  for (control::Metric& metric : logging_.metrics(workers)) metrics.push_back(std::move(metric));
  return metrics;
}

std::uint64_t Nat::session_count(Workers workers) { return count_sessions(workers); }

Result<control::SessionPage> Nat::sessions(Workers workers, const core::Snapshot& snapshot,
                                           const control::PacketMatch& match, std::string_view cursor,
                                           unsigned most) {
  return list_sessions(workers, snapshot, match, cursor, most);
}

Result<std::uint64_t> Nat::flush_sessions(Workers workers, const core::Snapshot& snapshot,
                                          const control::PacketMatch& match) {
  return nat::flush_sessions(workers, snapshot, match, [&] { write_logs(workers); });
}

Result<boost::json::object> Nat::explain(Workers workers, const core::Snapshot& snapshot,
                                         const boost::json::object& packet) {
  return explain_packet(workers, snapshot, packet);
}

std::optional<boost::json::value> Nat::own(Workers workers, const core::Snapshot& snapshot,
                                           std::string_view what, control::Members& query) {
  return report(workers, snapshot, what, query);
}

std::span<const std::string_view> Nat::own_names() const { return report_names(); }

std::function<Result<std::string>()> Nat::export_sessions(Workers workers, const core::Snapshot& snapshot) {
  return export_bindings(workers, snapshot);
}

Result<control::Appliance::Imported> Nat::import_sessions(Workers workers, const core::Snapshot& snapshot,
                                                          std::string_view stream) {
  return import_bindings(workers, snapshot, stream, [&] { write_logs(workers); });
}

Result<void> Nat::open_logs(const LoadedProfile& profile, const core::Snapshot& snapshot) {
  return logging_.open(profile.common, *own_of(profile), *snapshot.network);
}

void Nat::write_logs(Workers workers) { logging_.write(workers); }

void Nat::end_logs(Workers workers) { logging_.end(workers); }

void Nat::reopen_logs() { logging_.reopen(); }

void Nat::move_sessions(Workers before, Workers after, const core::Snapshot& snapshot) {
  logging_.write(before);
  move_bindings(before, after, snapshot);
  logging_.write(before);  // the ends of those for which there was no room
}

}  // namespace millrace::nat
