// SPDX-License-Identifier: BSD-3-Clause
// Keeps what happens to the pools of backends: checks their health, discovers new ones, takes the operator's
// changes, and asks for a policy whenever services are other than before.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/appliance/vnf.h"
#include "common/control/appliance.h"
#include "vnfs/load_balancer/discovery/backend_source.h"
#include "vnfs/load_balancer/health/checker.h"
#include "vnfs/load_balancer/live_pools.h"

namespace millrace::load_balancer {

// Control thread, but for the first two calls, which any thread may make.
class PoolKeeper {
 public:
  // What there is now, for a policy.
  [[nodiscard]] LivePools live() const;
  // The backends of the policy in force, those that leave included.
  [[nodiscard]] std::vector<BackendKey> in_force() const;

  // Before the rest. Until end().
  void begin(const appliance::Vnf::ControlServices& services);
  // A policy of this profile, which outlives the next call, is in force.
  void follow(std::shared_ptr<const profile::Section> profile, const control::Profile& common,
              const Policy& policy);
  // Now and then: backends whose handshakes failed too often in a row get no more for a while.
  void look_at_handshakes(appliance::Workers workers, const Policy& policy);
  // By the API. An error's `where` is "service", "backend" or the member that is wrong.
  [[nodiscard]] Result<void> change(const control::BackendChange& change);
  void end();

  // Null when the backend is not checked.
  [[nodiscard]] const health::Status* status(const BackendKey& key) const;

 private:
  void check();
  void release_checks();
  void discover();
  [[nodiscard]] const discovery::Lookup& lookup();
  void found(const std::string& service, const std::vector<discovery::FoundBackend>& backends);
  void eject(const BackendKey& key, const profile::Service& service, const Policy& policy);
  void health_changed(const std::string& id, const health::Status& status);
  void wait_for_next_change();
  void forget_what_left(Clock::time_point now);

  mutable std::mutex mutex_;  // of the next two
  LivePools live_;
  std::vector<BackendKey> in_force_;

  std::shared_ptr<const profile::Section> profile_;
  control::Profile common_;
  std::function<void(std::string)> changed_;  // is told why another policy is due
  std::unique_ptr<health::Checker> checker_;
  std::map<std::string, BackendKey> checked_;  // by the checker's id
  struct Source {
    std::string what;  // the file, or the name
    std::unique_ptr<discovery::BackendSource> source;
  };
  std::map<std::string, Source> sources_;  // by service
  discovery::Lookup lookup_;
  boost::asio::io_context* io_ = nullptr;
  std::unique_ptr<boost::asio::steady_timer> timer_;
  std::function<std::shared_ptr<const core::Network>()> network_;
  std::unique_ptr<boost::asio::steady_timer> network_timer_;  // until checks are released
  Clock::time_point began_;
  // Of passive health: what was seen at the last look, and for how long each was ejected last.
  struct Passive {
    std::uint64_t failed = 0;
    control::Milliseconds last{0};
  };
  std::map<BackendKey, Passive> passive_;
  std::uint64_t failures_seen_ = 0;
};

// "web/10.0.0.11:8080", "web/[2001:db8::1]:80"; without the port where that is the service's.
[[nodiscard]] std::string to_string(const BackendKey& key);

}  // namespace millrace::load_balancer
