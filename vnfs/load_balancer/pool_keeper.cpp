// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/pool_keeper.h"

#include <algorithm>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "vnfs/load_balancer/backend_change.h"
#include "vnfs/load_balancer/first_checks.h"
#include "vnfs/load_balancer/health_targets.h"
#include "vnfs/load_balancer/totals.h"

namespace millrace::load_balancer {

std::string to_string(const BackendKey& key) {
  const std::string address = key.address.to_string();
  if (key.port == 0) return fmt::format("{}/{}", key.service, address);
  return fmt::format(fmt::runtime(key.address.is_v4() ? "{}/{}:{}" : "{}/[{}]:{}"), key.service, address,
                     key.port);
}

LivePools PoolKeeper::live() const {
  const std::lock_guard lock(mutex_);
  return live_;
}

std::vector<BackendKey> PoolKeeper::in_force() const {
  const std::lock_guard lock(mutex_);
  return in_force_;
}

void PoolKeeper::begin(const appliance::Vnf::ControlServices& services) {
  changed_ = services.recompile;
  network_ = services.network;
  io_ = &services.io;
  timer_ = std::make_unique<boost::asio::steady_timer>(services.io);
  network_timer_ = std::make_unique<boost::asio::steady_timer>(services.io);
  checker_ = std::make_unique<health::Checker>(
      services.io,
      [this](const std::string& id, const health::Status& status) { health_changed(id, status); },
      health::CheckerOptions{.held = true});
  began_ = Clock::now();
  release_checks();
}

void PoolKeeper::end() {
  sources_.clear();
  if (checker_ != nullptr) checker_->stop();
  if (timer_ != nullptr) timer_->cancel();
  if (network_timer_ != nullptr) network_timer_->cancel();
}

void PoolKeeper::follow(std::shared_ptr<const profile::Section> profile, const control::Profile& common,
                        const Policy& policy) {
  const bool another_profile = profile != profile_;
  if (another_profile) common_ = common;
  profile_ = std::move(profile);
  const auto now = Clock::now();
  {
    const std::lock_guard lock(mutex_);
    in_force_.clear();
    for (const Backend& backend : policy.backends) {
      if (!backend.keeps()) continue;
      const BackendKey key{policy.services[backend.service].name, backend.address, backend.port};
      in_force_.push_back(key);
    }
    if (another_profile) {
      // The profile has the last word on the backends it names.
      std::erase_if(live_.overrides, [](const auto& entry) { return !entry.second.added; });
    }
    std::vector<BackendKey> wanted;
    for (const profile::Service& service : profile_->services) {
      for (const profile::Backend& backend : wanted_backends(service, live_))
        wanted.push_back({*service.name, *backend.address, backend.port->value_or(0)});
      if (service.last_resort)
        wanted.push_back(
            {*service.name, *service.last_resort->address, service.last_resort->port->value_or(0)});
    }
    std::ranges::sort(wanted);
    for (const BackendKey& key : in_force_) {
      if (std::ranges::binary_search(wanted, key)) {
        live_.leaving.erase(key);
      } else if (const profile::Service* service = profile_->service(key.service); service != nullptr) {
        live_.leaving.try_emplace(key, now + service->drain);
      }
    }
  }
  check();
  discover();
  wait_for_next_change();
}

void PoolKeeper::discover() {
  std::map<std::string, Source> wanted;
  for (const profile::Service& service : profile_->services) {
    if (!service.discover) continue;
    const profile::Discovery& from = *service.discover;
    const std::string what = *from.file ? "file " + **from.file : "name " + from.dns->value_or("");
    const auto known = sources_.find(*service.name);
    if (known != sources_.end() && known->second.what == what) {
      wanted[*service.name] = std::move(known->second);
      continue;
    }
    const discovery::Listener listener{
        .on_backends = [this, name = *service.name](const auto& backends) { found(name, backends); },
        .on_trouble =
            [name = *service.name](const auto& errors) {
              for (const Error& error : errors)
                spdlog::warn("the backends of service {} stay as they are: {}", name, error.message());
            }};
    auto source = *from.file ? discovery::watch_file(*io_, **from.file, listener)
                             : discovery::watch_name(*io_, **from.dns, from.interval, listener, lookup());
    wanted[*service.name] = {what, std::move(source)};
  }
  sources_ = std::move(wanted);
  const std::lock_guard lock(mutex_);
  std::erase_if(live_.discovered, [&](const auto& entry) { return !sources_.contains(entry.first); });
}

const discovery::Lookup& PoolKeeper::lookup() {
  if (!lookup_) lookup_ = discovery::system_lookup(*io_);
  return lookup_;
}

void PoolKeeper::found(const std::string& service, const std::vector<discovery::FoundBackend>& backends) {
  const profile::Service* wanted = profile_->service(service);
  if (wanted == nullptr) return;
  LivePools live = this->live();
  std::vector<profile::Backend> usable;
  for (const discovery::FoundBackend& one : backends) {
    const control::BackendChange change{
        .service = service, .address = one.address, .port = one.port.value_or(0)};
    if (const auto possible = check_change(*profile_, common_, live, in_force(), change); !possible) {
      spdlog::warn("service {}: {} was found and can not be taken in: {}", service, one.address.to_string(),
                   possible.error().message());
      continue;
    }
    profile::Backend backend;
    backend.address.value = one.address;
    backend.port.value = one.port;
    backend.weight = one.weight.value_or(1);
    usable.push_back(backend);
    live.discovered[service].push_back(std::move(backend));  // the next ones must go together with it
  }
  spdlog::info("service {}: {} backends were found", service, usable.size());
  {
    const std::lock_guard lock(mutex_);
    live_.discovered[service] = std::move(usable);
  }
  changed_("the backends found for service " + service);
}

void PoolKeeper::check() {
  checked_.clear();
  std::vector<health::Target> targets;
  const LivePools live = this->live();
  for (const profile::Service& service : profile_->services) {
    if (!service.health) continue;
    for (const profile::Backend& backend : wanted_backends(service, live)) {
      const BackendKey key{*service.name, *backend.address, backend.port->value_or(0)};
      targets.push_back(target_of(to_string(key), service, backend));
      checked_.emplace(targets.back().id, key);
    }
  }
  if (const auto set = checker_->set(targets); !set) spdlog::error("{}", set.error().message());
  const std::lock_guard lock(mutex_);
  std::erase_if(live_.health, [&](const auto& entry) { return !checked_.contains(to_string(entry.first)); });
}

// Now, or when a later look finds the network ready.
void PoolKeeper::release_checks() {
  constexpr std::chrono::milliseconds kBetweenLooks{10};
  if (first_checks_may_go(*network_(), Clock::now() - began_)) return checker_->release();
  network_timer_->expires_after(kBetweenLooks);
  network_timer_->async_wait([this](const auto& error) {
    if (!error) release_checks();
  });
}

void PoolKeeper::health_changed(const std::string& id, const health::Status& status) {
  const auto found = checked_.find(id);
  if (found == checked_.end()) return;
  const bool up = status.state == health::State::kUp;
  spdlog::log(up ? spdlog::level::info : spdlog::level::warn, "backend {} is {}: {}", id,
              health::to_string(status.state), status.last.text);
  {
    const std::lock_guard lock(mutex_);
    auto& known = live_.health[found->second];
    // One that was never down has nothing to warm up for.
    if (up && known == LivePools::Health::kDown) live_.up_since[found->second] = Clock::now();
    if (!up) live_.up_since.erase(found->second);
    known = up ? LivePools::Health::kUp : LivePools::Health::kDown;
  }
  changed_("the health of backend " + id);
}

void PoolKeeper::wait_for_next_change() {
  const auto now = Clock::now();
  std::optional<Clock::time_point> next;
  {
    const std::lock_guard lock(mutex_);
    forget_what_left(now);
    next = next_change(*profile_, live_, now);
  }
  timer_->cancel();
  if (!next) return;
  timer_->expires_at(*next);
  timer_->async_wait([this](const auto& error) {
    if (!error) changed_("backends that come and go");
  });
}

// What is over has had its policy by now.
void PoolKeeper::forget_what_left(Clock::time_point now) {
  std::erase_if(live_.leaving, [&](const auto& entry) {
    return entry.second <= now && std::ranges::find(in_force_, entry.first) == in_force_.end();
  });
  std::erase_if(live_.ejected, [&](const auto& entry) { return entry.second <= now; });
  std::erase_if(live_.up_since, [&](const auto& entry) {
    const profile::Service* service = profile_->service(entry.first.service);
    return service == nullptr || entry.second + service->slow_start <= now;
  });
}

void PoolKeeper::look_at_handshakes(appliance::Workers workers, const Policy& policy) {
  std::uint64_t failures = 0;
  for (core::Worker* worker : workers) failures += state_of(*worker).tallies.handshakes_failed();
  if (failures == std::exchange(failures_seen_, failures)) return;
  for (std::size_t i = 0; i < policy.backends.size(); ++i) {
    const Backend& backend = policy.backends[i];
    if (backend.state != Backend::State::kActive) continue;
    const profile::Service* service = profile_->service(policy.services[backend.service].name);
    if (service == nullptr || !service->passive) continue;
    const BackendTotals totals = totals_of(static_cast<BackendId>(i), workers);
    const BackendKey key{*service->name, backend.address, backend.port};
    Passive& seen = passive_[key];
    const bool news = totals.failed != std::exchange(seen.failed, totals.failed);
    if (totals.failed_in_a_row == 0) seen.last = {};
    if (news && totals.failed_in_a_row >= service->passive->failures) eject(key, *service, policy);
  }
}

// Unless too many of the service are ejected already.
void PoolKeeper::eject(const BackendKey& key, const profile::Service& service, const Policy& policy) {
  const profile::PassiveHealth& passive = *service.passive;
  const auto now = Clock::now();
  std::size_t all = 0;
  for (const Backend& backend : policy.backends)
    all += backend.keeps() && policy.services[backend.service].name == key.service ? 1 : 0;
  Passive& seen = passive_[key];
  {
    const std::lock_guard lock(mutex_);
    const auto ejected =
        static_cast<std::size_t>(std::ranges::count_if(live_.ejected, [&](const auto& entry) {
          return entry.first.service == key.service && entry.second > now;
        }));
    if ((ejected + 1) * 100 > all * passive.most_ejected) return;
    seen.last = seen.last.count() == 0 ? passive.eject : std::min(seen.last * 2, *passive.longest);
    live_.ejected[key] = now + seen.last;
  }
  spdlog::warn("backend {} failed {} handshakes in a row and gets no connections for {} s", to_string(key),
               passive.failures, std::chrono::duration_cast<std::chrono::seconds>(seen.last).count());
  changed_("the failed handshakes of backend " + to_string(key));
}

Result<void> PoolKeeper::change(const control::BackendChange& change) {
  const std::string what = fmt::format("{} backend {} of {}", change.remove ? "remove" : "set",
                                       change.address.to_string(), change.service);
  const profile::Service* service = profile_ == nullptr ? nullptr : profile_->service(change.service);
  if (service == nullptr) return failure(what, "there is no service of that name", "service");
  const BackendKey key{change.service, change.address, change.port};
  if (auto possible = check_change(*profile_, common_, live(), in_force(), change); !possible)
    return possible;
  {
    const std::lock_guard lock(mutex_);
    const auto backends = wanted_backends(*service, live_);
    const bool known = std::ranges::any_of(backends, [&](const profile::Backend& backend) {
      return *backend.address == key.address && backend.port->value_or(0) == key.port;
    });
    if (change.remove) {
      if (!known) return failure(what, "the service has no such backend", "backend");
      Override& said = live_.overrides[key];
      if (said.added) {
        live_.overrides.erase(key);
      } else {
        said = {.removed = true};
      }
    } else {
      Override& said = live_.overrides[key];
      if (!known && !said.removed) said.added = true;
      said.removed = false;
      if (change.weight) said.weight = change.weight;
      if (change.draining) said.draining = *change.draining;
    }
  }
  spdlog::info("by the API: {}", what);
  changed_("a change of backend " + to_string(key));
  return {};
}

const health::Status* PoolKeeper::status(const BackendKey& key) const {
  return checker_ == nullptr ? nullptr : checker_->status(to_string(key));
}

}  // namespace millrace::load_balancer
