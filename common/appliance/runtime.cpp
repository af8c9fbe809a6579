// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/runtime.h"

#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <chrono>

#include <spdlog/spdlog.h>

#include "common/appliance/common_metrics.h"

namespace millrace::appliance {
namespace {

using control::ProfileOutcome;

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
  profile_ = std::move(profile);
  profile_file_ = std::move(file);
  name_ = profile_->common.name;
  auto plane = DataPlane::open(profile_->common);
  if (!plane) return tl::unexpected(plane.error());
  plane_ = std::move(*plane);
  auto plan =
      make_plan(profile_->common, numbering_, [this](std::string_view name) { return plane_->port(name); });
  if (!plan) return tl::unexpected(plan.error());
  const unsigned count = profile_->common.dataplane.workers->count;
  auto policy =
      vnf_.compile(*profile_, {.network = plan->skeleton, .generation = generation_, .workers = count});
  if (!policy) return tl::unexpected(policy.error());
  for (const std::string& note : policy->notes) spdlog::warn("{}", note);

  core::Snapshot first{std::make_shared<const core::Network>(plan->skeleton), policy->policy};
  if (auto made = plane_->make_workers(count, std::move(first), make_function()); !made) return made;
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
  schedule_recompile();
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

// --- profile ---

void Runtime::apply_profile(std::string text, std::string file, bool check_only,
                            std::function<void(ProfileOutcome)> done) {
  changes_.push_back({std::move(text), std::move(file), check_only, std::move(done)});
  if (changes_.size() == 1) next_change();
}

// One change at a time, in the order asked: validated and compiled in the background, swapped here.
void Runtime::next_change() {
  if (changes_.empty()) return;
  const Circumstances now{.generation = ++generation_, .draining = draining_, .workers = workers()};
  boost::asio::post(background_, [this, change = changes_.front(), now] {
    auto prepared = std::make_shared<Prepared>(prepare(change, now));
    boost::asio::post(io_, [this, prepared] {
      const Change current = std::move(changes_.front());
      commit(current, std::move(*prepared));
      changes_.erase(changes_.begin());
      next_change();
    });
  });
}

Runtime::Prepared Runtime::prepare(const Change& change, const Circumstances& then) {
  const auto began = std::chrono::steady_clock::now();
  Prepared prepared{.loaded = vnf_.load(change.text, change.file, control::files_beside(change.file)),
                    .plan = std::nullopt,
                    .policy = std::nullopt,
                    .error = std::nullopt};
  if (!prepared.loaded) return prepared;
  const LoadedProfile& next = **prepared.loaded;
  auto plan =
      make_plan(next.common, numbering_, [this](std::string_view name) { return plane_->port(name); });
  if (!plan) {
    prepared.error = plan.error();
    return prepared;
  }
  auto policy = vnf_.compile(next, {.network = plan->skeleton,
                                    .generation = then.generation,
                                    .draining = then.draining,
                                    .workers = then.workers});
  if (!policy) {
    prepared.error = policy.error();
    return prepared;
  }
  prepared.plan = std::move(*plan);
  prepared.policy = std::move(*policy);
  prepared.compile_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  return prepared;
}

std::vector<std::string> Runtime::needs_restart(const control::Profile& next) const {
  const control::Profile& now = profile_->common;
  std::vector<std::string> keys;
  const auto ports_alike = [](const control::Port& a, const control::Port& b) {
    return *a.name == *b.name && *a.device == *b.device && a.mtu == b.mtu && a.queues == b.queues;
  };
  if (!std::equal(now.ports.begin(), now.ports.end(), next.ports.begin(), next.ports.end(), ports_alike)) {
    keys.emplace_back("ports");
  }
  if (now.dataplane.sessions != next.dataplane.sessions) keys.emplace_back("dataplane.sessions");
  if (now.dataplane.memory_bytes != next.dataplane.memory_bytes) keys.emplace_back("dataplane.memory");
  if (now.dataplane.burst != next.dataplane.burst) keys.emplace_back("dataplane.burst");
  if (now.dataplane.idle != next.dataplane.idle) keys.emplace_back("dataplane.idle");
  if (now.dataplane.workers != next.dataplane.workers) keys.emplace_back("dataplane.workers");
  if (now.transparent() != next.transparent()) keys.emplace_back("forwarding");
  if (now.name != next.name) keys.emplace_back("name");
  return keys;
}

void Runtime::commit(const Change& change, Prepared prepared) {
  ProfileOutcome outcome;
  outcome.compile_ms = prepared.compile_ms;
  outcome.generation = generation_;
  if (!prepared.loaded) {
    outcome.diagnostics = prepared.loaded.error();
  } else if (prepared.error) {
    outcome.error = prepared.error;
  } else {
    outcome.accepted = true;
    outcome.notes = prepared.policy->notes;
    outcome.needs_restart = needs_restart((*prepared.loaded)->common);
    if (!change.check_only) {
      plane_->stage_policy(prepared.policy->policy);
      if (auto applied = twin_->apply(std::move(*prepared.plan)); !applied) {
        // The old policy goes on; what the kernel took of the new plan is undone by the old one.
        plane_->stage_policy(nullptr);
        outcome.accepted = false;
        outcome.error = applied.error();
        auto again =
            make_plan(profile_->common, numbering_, [this](std::string_view n) { return plane_->port(n); });
        if (again) static_cast<void>(twin_->apply(std::move(*again)));
      } else {
        profile_ = *prepared.loaded;
        in_force_ = generation_;
        profile_file_ = change.file;
        schedule_recompile();
        if (auto opened = vnf_.open_logs(*profile_, plane_->snapshot()); !opened) {
          outcome.notes.push_back(opened.error().message());
        }
        spdlog::info("profile {} is in force, generation {}, prepared in {:.0f} ms", change.file, generation_,
                     prepared.compile_ms);
      }
    }
  }
  if (!outcome.accepted) spdlog::warn("profile {} was refused; the running one goes on", change.file);
  change.done(std::move(outcome));
}

// The same profile, but the time or the drain state is another.
void Runtime::recompile(const char* why) {
  apply_profile(profile_->text, profile_file_, false, [why](const ProfileOutcome& outcome) {
    if (!outcome.accepted) spdlog::error("could not take {} into account; the old policy goes on", why);
  });
}

void Runtime::schedule_recompile() {
  schedule_timer_.cancel();
  const auto seconds = vnf_.seconds_to_next_change(*profile_);
  if (!seconds) return;
  schedule_timer_.expires_after(std::chrono::seconds(*seconds));
  schedule_timer_.async_wait([this](const auto& error) {
    if (!error) recompile("a schedule");
  });
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
  health.policy_generation = in_force_;
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
  for (const core::Port& port : plane_->ports()) {
    const core::LinkState link = port.link();
    health.ports.push_back({port.name(), port.driver(), link.up, link.speed_mbps});
    if (!link.up) {
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

void Runtime::set_workers(unsigned count, std::function<void(Result<void>)> done) {
  if (count == workers()) return done({});
  if (inspecting_) return done(failure("change the number of workers", "a trace or capture is running"));
  auto changed = plane_->change_workers(count, make_function(), [this](Workers before, Workers after) {
    vnf_.move_sessions(before, after, plane_->snapshot());
  });
  if (changed) spdlog::info("the data path runs on {} workers now", count);
  done(std::move(changed));
  recompile("the number of workers");
}

std::optional<boost::json::value> Runtime::own(std::string_view what) {
  return vnf_.own(plane_->workers(), plane_->snapshot(), what);
}

std::function<Result<std::string>()> Runtime::export_sessions() {
  return vnf_.export_sessions(plane_->workers(), plane_->snapshot());
}

Result<control::Appliance::Imported> Runtime::import_sessions(std::string_view stream) {
  return vnf_.import_sessions(plane_->workers(), plane_->snapshot(), stream);
}

}  // namespace millrace::appliance
