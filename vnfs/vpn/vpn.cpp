// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/vpn.h"

#include <array>
#include <boost/json.hpp>

#include <spdlog/spdlog.h>

#include "common/appliance/vnf_profile.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/explain_packet.h"
#include "vnfs/vpn/function.h"
#include "vnfs/vpn/reports.h"
#include "vnfs/vpn/shape_network.h"
#include "vnfs/vpn/tunnel_report.h"

namespace millrace::vpn {
namespace {

using appliance::LoadedProfile;
using appliance::Workers;

constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr std::chrono::seconds kBetweenAlarms{1};

const profile::Section& own_of(const LoadedProfile& profile) {
  return *static_cast<const appliance::VnfProfile<profile::Section>&>(profile).own;
}

WorkerState& state_of(core::Worker& worker) { return static_cast<VpnFunction&>(worker.function()).state(); }

void take_events(Workers workers, AssociationKeeper& keeper) {
  std::array<AssociationEvent, 64> events;
  for (core::Worker* worker : workers) {
    auto& ring = state_of(*worker).events;
    while (const std::size_t count = ring.pop(events)) keeper.take(std::span(events).first(count));
  }
}

}  // namespace

Vpn::Vpn()
    : alarms_([](std::string_view line, bool raised) {
        spdlog::log(raised ? spdlog::level::warn : spdlog::level::info, "{}", line);
      }) {}

// What is in force has keys, which go before their library.
Vpn::~Vpn() {
  key_exchange_.reset();
  keeper_.reset();
  static_cast<void>(directory_->replace(std::make_unique<const Associations>()));
}

std::span<const core::DropReason> Vpn::drop_reasons() const { return vpn::drop_reasons(); }

std::span<const std::string_view> Vpn::stage_names() const { return VpnFunction::kStageNames; }

control::Checked<std::shared_ptr<const LoadedProfile>> Vpn::load(std::string_view text,
                                                                 const std::string& file,
                                                                 const control::ResolveFile& resolve) {
  return appliance::load_profile(profile::schema(), text, file, resolve);
}

void Vpn::shape(const LoadedProfile& /*profile*/, bool /*draining*/, core::Network& network) const {
  shape_network(network);
}

Result<void> Vpn::need_library() {
  if (library_ != nullptr) return {};
  auto library = crypto::make_fastest_library();
  if (!library) return tl::unexpected(std::move(library.error()));
  library_ = std::move(*library);
  spdlog::info("packets are sealed by {}", library_->description());
  return {};
}

Result<appliance::CompiledPolicy> Vpn::compile(const LoadedProfile& profile,
                                               const appliance::CompileContext& /*context*/) {
  if (auto ready = need_library(); !ready) return tl::unexpected(std::move(ready.error()));
  auto policy = std::make_shared<Policy>(directory_);
  policy->mss = own_of(profile).mss.value_or(0);
  policy->dont_fragment = own_of(profile).dont_fragment;
  policy->cut_inside = own_of(profile).fragment == profile::Fragment::kBefore;
  return appliance::CompiledPolicy{std::move(policy), {}};
}

std::unique_ptr<core::Function> Vpn::make_function(const LoadedProfile& /*profile*/,
                                                   const core::WorkerServices& services) {
  auto engine = library_->make_engine();
  if (!engine) throw std::bad_alloc();  // as for the tables of other functions
  return std::make_unique<VpnFunction>(std::move(*engine), path_mtus_, services);
}

// Nothing in the profile knows a time of day.
std::optional<std::uint64_t> Vpn::seconds_to_next_change(const LoadedProfile& /*profile*/,
                                                         std::time_t /*since*/) const {
  return std::nullopt;
}

std::vector<control::Metric> Vpn::metrics(Workers /*workers*/, const core::Snapshot& /*snapshot*/) {
  std::vector<control::Metric> all = vpn_metrics(keeper_->in_force());
  all.push_back(alarm_metric(alarms_));
  return all;
}

// None has to end before the appliance may: the peer makes new ones with the next gateway.
std::uint64_t Vpn::session_count(Workers /*workers*/) { return 0; }

Result<control::SessionPage> Vpn::sessions(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                           const control::PacketMatch& /*match*/, std::string_view /*cursor*/,
                                           unsigned /*most*/) {
  return control::SessionPage{};  // packets have none: associations are listed by own()
}

Result<std::uint64_t> Vpn::flush_sessions(Workers /*workers*/, const core::Snapshot& /*snapshot*/,
                                          const control::PacketMatch& /*match*/) {
  return 0;
}

Result<boost::json::object> Vpn::explain(Workers /*workers*/, const core::Snapshot& snapshot,
                                         const boost::json::object& packet) {
  return explain_packet(snapshot, keeper_->in_force(), packet);
}

std::optional<boost::json::value> Vpn::own(Workers workers, const core::Snapshot& snapshot,
                                           std::string_view what, control::Members& /*query*/) {
  if (what == "alarms") return alarm_report(alarms_, Clock::now());
  if (what == "tunnels")
    return tunnel_report(keeper_->in_force(), *snapshot.network, tunnel_names_, charon_.get(), tick_());
  return report(workers, keeper_->in_force(), library_->description(), tick_(), what);
}

std::span<const std::string_view> Vpn::own_names() const { return report_names(); }

std::function<Result<std::string>()> Vpn::export_sessions(Workers /*workers*/,
                                                          const core::Snapshot& /*snapshot*/) {
  return []() -> Result<std::string> {
    return failure("export associations",
                   "keys do not leave the gateway; key exchange makes new ones elsewhere");
  };
}

Result<control::Appliance::Imported> Vpn::import_sessions(Workers /*workers*/,
                                                          const core::Snapshot& /*snapshot*/,
                                                          std::string_view /*stream*/) {
  return failure("import associations", "keys come from key exchange or from the profile");
}

void Vpn::begin(const ControlServices& services) {
  tick_ = services.tick;
  tunnels_down_ = services.tunnels_down;
  io_ = &services.io;
  keeper_ = std::make_unique<AssociationKeeper>(
      *library_, directory_, path_mtus_,
      AssociationKeeper::Services{
          .synchronize = services.synchronize, .now = [] { return Clock::now(); }, .tick = services.tick});
}

// There are no logs of packets; but whose profile is in force is told here.
Result<void> Vpn::open_logs(const LoadedProfile& profile, const core::Snapshot& /*snapshot*/) {
  auto configured = read_tunnels(own_of(profile));
  if (!configured) return tl::unexpected(std::move(configured.error()));
  auto done = keeper_->configure(std::move(configured->associations), configured->policies);
  interfaces_.follow(own_of(profile));
  tunnel_names_.clear();
  for (const profile::Tunnel& tunnel : own_of(profile).tunnels) tunnel_names_.push_back(*tunnel.name);
  if (done) done = listen(own_of(profile).key_exchange);
  return done ? tell_charon(own_of(profile)) : done;
}

// A socket that stays as it was keeps its plugin.
Result<void> Vpn::listen(const std::optional<profile::KeyExchange>& wanted) {
  if (wanted == listens_by_) return {};
  keeper_->tell(nullptr);
  key_exchange_.reset();
  charon_.reset();
  listens_by_.reset();
  if (!wanted) return {};
  auto server = std::make_unique<KeyExchangeServer>(*io_, *keeper_,
                                                    [](std::string_view line) { spdlog::info("{}", line); });
  server->on_trouble([this](std::string_view connection, std::string_view what, bool unproved) {
    if (charon_) charon_->note_trouble(connection, what, unproved);
  });
  if (auto listening = server->listen(wanted->socket, wanted->user); !listening) return listening;
  keeper_->tell(server.get());
  key_exchange_ = std::move(server);
  charon_ = std::make_unique<CharonControl>(*io_, wanted->control,
                                            [](std::string_view line) { spdlog::info("{}", line); });
  listens_by_ = wanted;
  return {};
}

Result<void> Vpn::tell_charon(const profile::Section& profile) {
  if (!charon_) return {};
  auto settings = render_connections(profile);
  if (!settings) return tl::unexpected(std::move(settings.error()));
  charon_->configure(std::move(*settings));
  return {};
}

void Vpn::write_logs(Workers workers) {
  take_events(workers, *keeper_);
  const Clock::time_point now = Clock::now();
  if (now - watched_ < kBetweenLooks) return;
  watched_ = now;
  keeper_->watch_time();
  if (charon_ != nullptr) charon_->keep_up(now);
  if (auto down = interfaces_.look(keeper_->in_force())) tunnels_down_(std::move(*down));
  if (now - looked_for_alarms_ < kBetweenAlarms) return;
  looked_for_alarms_ = now;
  alarms_.look(watch_.look(keeper_->in_force(), tunnel_names_, charon_.get()), now);
}

void Vpn::end_logs(Workers workers) {
  take_events(workers, *keeper_);
  keeper_->tell(nullptr);
  key_exchange_.reset();
  charon_.reset();
}

void Vpn::reopen_logs() {}

// Associations belong to their bucket's worker, whoever that is.
void Vpn::move_sessions(Workers before, Workers /*after*/, const core::Snapshot& /*snapshot*/) {
  take_events(before, *keeper_);
}

}  // namespace millrace::vpn
