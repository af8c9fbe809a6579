// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/runtime.h"

#include <boost/json.hpp>
#include <chrono>

#include <rte_cycles.h>
#include <spdlog/spdlog.h>

#include "common/appliance/common_metrics.h"
#include "common/appliance/log.h"

namespace millrace::appliance {
namespace {

constexpr std::uint64_t kHeartbeatPatienceMs = 2000;

std::uint64_t monotonic_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

Runtime::Runtime(boost::asio::io_context& io, Vnf& vnf)
    : io_(io), vnf_(vnf), schedule_timer_(io), drain_timer_(io), log_timer_(io), loss_timer_(io) {}

Runtime::~Runtime() { stop(); }

std::string_view Runtime::version() const { return MILLRACE_VERSION; }

core::MakeFunction Runtime::make_function() const {
  return [this](const core::WorkerServices& services) { return vnf_.make_function(*profile_, services); };
}

Result<void> Runtime::start(std::shared_ptr<const LoadedProfile> profile, std::string file) {
  profile_ = at_start_ = std::move(profile);
  profile_file_ = std::move(file);
  name_ = profile_->common.name;
  auto plane = DataPlane::open(profile_->common);
  if (!plane) return tl::unexpected(plane.error());
  plane_ = std::move(*plane);
  auto plan =
      make_plan(profile_->common, numbering_, [this](std::string_view name) { return plane_->port(name); });
  if (!plan) return tl::unexpected(plan.error());
  vnf_.shape(*profile_, draining_, plan->skeleton);
  const unsigned count = profile_->common.dataplane.workers->count;
  compiled_at_ = std::time(nullptr);
  auto policy = vnf_.compile(*profile_, {.network = plan->skeleton,
                                         .generation = generation_,
                                         .workers = count,
                                         .most_workers = plane_->most_workers(),
                                         .now = compiled_at_});
  if (!policy) return tl::unexpected(policy.error());
  log_lines(policy->notes);

  core::Snapshot first{std::make_shared<const core::Network>(plan->skeleton), policy->policy};
  if (auto made = plane_->make_workers(count, std::move(first), make_function()); !made) return made;
  if (auto started = plane_->start_ports(); !started) return started;
  for (const core::Port& port : plane_->ports()) {
    spdlog::info("port {}: {}, {} receive queues; offloads: {}", port.name(), port.driver(),
                 port.receive_queues(),
                 port.offloads().empty() ? "none" : fmt::format("{}", fmt::join(port.offloads(), ", ")));
  }
  twin_ = std::make_unique<host::Twin>(
      host::Twin::Wiring{.to_host = plane_->to_host(),
                         .from_host = plane_->from_host(),
                         .pool = plane_->pool(),
                         .publish = [this](auto network) { plane_->publish_network(std::move(network)); },
                         .link_up =
                             [this](core::PortId id) {
                               for (const core::Port& port : plane_->ports()) {
                                 if (port.id() == id) return port.link().up;
                               }
                               return false;
                             },
                         .port_name =
                             [this](core::PortId id) {
                               for (const core::Port& port : plane_->ports()) {
                                 if (port.id() == id) return port.name();
                               }
                               return std::to_string(id.value());
                             },
                         .log = [](const std::string& sentence) { spdlog::warn("{}", sentence); }});
  if (auto started = twin_->start(std::move(*plan)); !started) return started;
  plane_->start();
  started_ms_ = monotonic_ms();
  look_at_schedule();
  vnf_.begin({.io = io_,
              .recompile = [this](std::string why) { recompile(std::move(why)); },
              .network = [this] { return plane_->snapshot().network; },
              .synchronize = [this] { plane_->synchronize(); },
              .tick = [] { return static_cast<Tick>(rte_rdtsc() / (rte_get_tsc_hz() / 1000)); },
              .tunnels_down = [this](std::set<std::uint32_t> down) { twin_->set_down(std::move(down)); }});
  if (auto opened = vnf_.open_logs(*profile_, plane_->snapshot()); !opened) return opened;
  write_logs();
  watch_losses();
  return {};
}

void Runtime::stop() {
  background_.join();
  schedule_timer_.cancel();
  drain_timer_.cancel();
  log_timer_.cancel();
  loss_timer_.cancel();
  if (plane_ != nullptr) {
    plane_->stop();
    vnf_.end_logs(plane_->workers());
  }
  if (twin_ != nullptr) twin_->stop();
  twin_.reset();
  plane_.reset();
}

void Runtime::write_logs() {
  constexpr auto kEvery = std::chrono::milliseconds(10);
  vnf_.write_logs(plane_->workers());
  log_timer_.expires_after(kEvery);
  log_timer_.async_wait([this](const auto& error) {
    if (!error) write_logs();
  });
}

void Runtime::watch_losses() {
  for (const std::string& line : loss_log_.look(losses(*plane_, vnf_, twin_->counters()), monotonic_ms())) {
    spdlog::warn("{}", line);
  }
  loss_timer_.expires_after(std::chrono::seconds(1));
  loss_timer_.async_wait([this](const auto& error) {
    if (!error) watch_losses();
  });
}

// --- state ---

control::Health Runtime::health() {
  control::Health health;
  const std::uint64_t now = monotonic_ms();
  health.uptime_ms = now - started_ms_;
  health.policy_generation = generation_;
  health.live = true;
  const Workers running = plane_->workers();
  beats_.resize(running.size(), Beat{.seen_ms = now});
  for (std::size_t w = 0; w < running.size(); ++w) {
    const core::WorkerCounters& counters = running[w]->counters();
    Beat& beat = beats_[w];
    const std::uint64_t heartbeat = counters.heartbeat.read();
    const std::uint64_t busy = counters.busy_cycles.read();
    const std::uint64_t idle = counters.idle_cycles.read();
    if (heartbeat != beat.heartbeat) {
      beat.alive = true;
      beat.seen_ms = now;
      const std::uint64_t cycles = busy - beat.busy + idle - beat.idle;
      beat.busy_ratio = cycles == 0 ? 0 : static_cast<double>(busy - beat.busy) / static_cast<double>(cycles);
      beat.heartbeat = heartbeat;
      beat.busy = busy;
      beat.idle = idle;
    } else if (now - beat.seen_ms > kHeartbeatPatienceMs) {
      beat.alive = false;
    }
    if (!beat.alive) {
      health.live = false;
      health.reasons.push_back("worker " + std::to_string(w) + " has not moved for two seconds");
    }
    health.workers.push_back({.id = static_cast<unsigned>(w),
                              .cpu = running[w]->config().cpu,
                              .alive = beat.alive,
                              .heartbeat = heartbeat,
                              .busy_ratio = beat.busy_ratio,
                              .backlog = running[w]->backlog()});
  }
  health.ready = health.live;
  const auto network = plane_->snapshot().network;
  for (const core::Port& port : plane_->ports()) {
    const core::LinkState link = port.link();
    // A link that has just come up counts when the data path uses it.
    const bool up = link.up && network->port_up[port.id().value()];
    health.ports.push_back({port.name(), port.driver(), up, link.speed_mbps, port.offloads()});
    if (!up) {
      health.ready = false;
      health.reasons.push_back("port " + port.name() + " has no link");
    }
  }
  if (!twin_->complete()) {
    health.ready = false;
    health.reasons.emplace_back("the Linux twin is not set up");
  }
  if (draining_) {
    health.ready = false;
    health.reasons.emplace_back("draining: no new sessions are taken");
  }
  return health;
}

std::vector<control::Metric> Runtime::metrics() {
  static_cast<void>(health());  // freshens the busy ratios
  std::vector<control::Metric> all = common_metrics(*plane_, vnf_, twin_->counters());
  for (control::Metric& metric : vnf_.metrics(plane_->workers(), plane_->snapshot()))
    all.push_back(std::move(metric));
  return all;
}

Result<control::SessionPage> Runtime::sessions(const control::PacketMatch& match, std::string_view cursor,
                                               unsigned most) {
  return vnf_.sessions(plane_->workers(), plane_->snapshot(), match, cursor, most);
}

Result<std::uint64_t> Runtime::flush_sessions(const control::PacketMatch& match) {
  return vnf_.flush_sessions(plane_->workers(), plane_->snapshot(), match);
}

void Runtime::set_draining(bool draining) {
  if (draining == draining_) return;
  draining_ = draining;
  drain_began_ms_ = monotonic_ms();
  spdlog::info("{}", draining ? "draining: no new sessions are taken"
                              : "draining ended: new sessions are taken again");
  recompile("the drain");
}

control::DrainStatus Runtime::drain_status() {
  return {.draining = draining_,
          .sessions_left = vnf_.session_count(plane_->workers()),
          .since_ms = draining_ ? monotonic_ms() - drain_began_ms_ : 0};
}

void Runtime::drain_and_stop(unsigned most_ms, std::function<void()> done) {
  set_draining(true);
  wait_for_drain(monotonic_ms() + most_ms, std::move(done));
}

void Runtime::wait_for_drain(std::uint64_t until_ms, std::function<void()> done) {
  if (vnf_.session_count(plane_->workers()) == 0 || monotonic_ms() >= until_ms) return done();
  drain_timer_.expires_after(std::chrono::milliseconds(100));
  drain_timer_.async_wait([this, until_ms, done = std::move(done)](const auto& error) mutable {
    if (!error) wait_for_drain(until_ms, std::move(done));
  });
}

Result<boost::json::object> Runtime::explain(const boost::json::object& packet) {
  return vnf_.explain(plane_->workers(), plane_->snapshot(), packet);
}

unsigned Runtime::workers() const { return static_cast<unsigned>(plane_->workers().size()); }

// By new ones, which are made for the running profile and take the sessions over.
Result<void> Runtime::replace_workers(unsigned count) {
  if (inspecting_) return failure("change the workers", "a trace or capture is running");
  auto changed = plane_->change_workers(count, make_function(), [this](Workers before, Workers after) {
    vnf_.move_sessions(before, after, plane_->snapshot());
  });
  if (changed) ++staffing_;
  return changed;
}

void Runtime::set_workers(unsigned count, std::function<void(Result<void>)> done) {
  if (count == workers()) return done({});
  if (auto changed = replace_workers(count); !changed) return done(std::move(changed));
  spdlog::info("the data path runs on {} workers now", count);
  done({});
  recompile("the number of workers");
}

std::optional<boost::json::value> Runtime::own(std::string_view what, control::Members& query) {
  return vnf_.own(plane_->workers(), plane_->snapshot(), what, query);
}

std::optional<Result<void>> Runtime::remove_own(std::string_view what, std::string_view name) {
  return vnf_.remove_own(what, name);
}

std::optional<Result<void>> Runtime::change_backend(const control::BackendChange& change) {
  return vnf_.change_backend(change);
}

std::vector<std::string_view> Runtime::own_names() const {
  const auto names = vnf_.own_names();
  return {names.begin(), names.end()};
}

// A client takes the pieces at its own pace; the workers they come from may be gone meanwhile.
std::function<Result<std::string>()> Runtime::export_sessions() {
  return [this, next = vnf_.export_sessions(plane_->workers(), plane_->snapshot()),
          staffing = staffing_]() -> Result<std::string> {
    if (staffing != staffing_)
      return failure("export the sessions", "the number of workers changed meanwhile; ask again");
    return next();
  };
}

Result<control::Appliance::Imported> Runtime::import_sessions(std::string_view stream) {
  return vnf_.import_sessions(plane_->workers(), plane_->snapshot(), stream);
}

}  // namespace millrace::appliance
