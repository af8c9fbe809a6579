// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/firewall.h"

#include <boost/json.hpp>
#include <ctime>

#include "vnfs/firewall/compile_policy.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/function.h"
#include "vnfs/firewall/schedule.h"

namespace millrace::firewall {
namespace {

using appliance::LoadedProfile;
using appliance::Workers;

const profile::Section& own_of(const LoadedProfile& profile) {
  return static_cast<const FirewallProfile&>(profile).own;
}

}  // namespace

std::span<const core::DropReason> Firewall::drop_reasons() const { return firewall::drop_reasons(); }

std::span<const std::string_view> Firewall::stage_names() const { return FirewallFunction::kStageNames; }

control::Checked<std::shared_ptr<const LoadedProfile>> Firewall::load(std::string_view text,
                                                                      const std::string& file,
                                                                      const control::ResolveFile& resolve) {
  auto parsed = profile::parse(text, file, resolve);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  auto loaded = std::make_shared<FirewallProfile>();
  loaded->common = std::move(parsed->common);
  loaded->own = std::move(parsed->own);
  loaded->text = text;
  loaded->file = file;
  return loaded;
}

Result<appliance::CompiledPolicy> Firewall::compile(const LoadedProfile& profile,
                                                    const appliance::CompileContext& context) {
  const auto& loaded = static_cast<const FirewallProfile&>(profile);
  auto compiled = compile_policy(loaded.own, {.network = context.network,
                                              .slots = slots_,
                                              .generation = context.generation,
                                              .draining = context.draining,
                                              .workers = context.workers,
                                              .now = std::time(nullptr),
                                              .file = loaded.file});
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  return appliance::CompiledPolicy{std::move(compiled->policy), std::move(compiled->notes)};
}

std::unique_ptr<core::Function> Firewall::make_function(const LoadedProfile& profile,
                                                        const core::WorkerServices& services) {
  const std::uint64_t workers = std::max(services.workers, 1U);
  Limits limits;
  limits.sessions = static_cast<std::uint32_t>((profile.common.dataplane.sessions + workers - 1) / workers);
  return std::make_unique<FirewallFunction>(limits, services);
}

std::optional<std::uint64_t> Firewall::seconds_to_next_change(const LoadedProfile& profile) const {
  return firewall::seconds_to_next_change(own_of(profile), std::time(nullptr));
}

std::vector<control::Metric> Firewall::metrics(Workers /*workers*/, const core::Snapshot& /*snapshot*/) {
  return {};
}

std::uint64_t Firewall::session_count(Workers workers) {
  std::uint64_t count = 0;
  for (core::Worker* worker : workers) {
    count += static_cast<FirewallFunction&>(worker->function()).state().sessions.open_now();
  }
  return count;
}

Result<control::SessionPage> Firewall::sessions(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                                const control::PacketMatch& /*match*/,
                                                std::string_view /*cursor*/, unsigned /*most*/) {
  return failure("list the sessions", "comes with the next commit");
}

Result<std::uint64_t> Firewall::flush_sessions(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                               const control::PacketMatch& /*match*/) {
  return failure("flush sessions", "comes with the next commit");
}

Result<boost::json::object> Firewall::explain(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                              const boost::json::object& /*packet*/) {
  return failure("explain the packet", "comes with the next commit");
}

std::optional<boost::json::value> Firewall::own(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                                std::string_view /*what*/) {
  return std::nullopt;
}

std::function<Result<std::string>()> Firewall::export_sessions(Workers /*workers*/,
                                                               const core::Snapshot& /*snapshot*/) {
  return [] { return failure("export the sessions", "comes with the next commit"); };
}

Result<control::Appliance::Imported> Firewall::import_sessions(Workers /*workers*/,
                                                               const core::Snapshot& /*snapshot*/,
                                                               std::string_view /*stream*/) {
  return failure("import sessions", "comes with the next commit");
}

void Firewall::move_sessions(Workers /*before*/, Workers /*after*/, const core::Snapshot& /*snapshot*/) {}

}  // namespace millrace::firewall
