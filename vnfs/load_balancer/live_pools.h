// SPDX-License-Identifier: BSD-3-Clause
// What happened to the pools of backends since the profile was written: health, discovery, the operator. And
// what services there are by all of that together.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vnfs/load_balancer/profile.h"
#include "vnfs/load_balancer/service_spec.h"

namespace millrace::core {
class Network;
}

namespace millrace::load_balancer {

struct BackendKey {
  std::string service;
  net::IpAddress address;
  std::uint16_t port = 0;  // 0: that of the service

  auto operator<=>(const BackendKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Monotonic, so that it can be waited for.
using Clock = std::chrono::steady_clock;

// What the operator, or an orchestrator, said of a backend by the API.
struct Override {
  bool added = false;    // the profile does not name it
  bool removed = false;  // though the profile names it
  bool draining = false;
  std::optional<std::uint32_t> weight{};
};

struct LivePools {
  enum class Health : std::uint8_t { kUnknown, kUp, kDown };

  std::map<BackendKey, Health> health;               // of those that are checked
  std::map<BackendKey, Clock::time_point> up_since;  // came up then, and is in its slow start
  std::map<BackendKey, Clock::time_point> ejected;   // until then, for failed handshakes
  std::map<BackendKey, Override> overrides;
  std::map<std::string, std::vector<profile::Backend>> discovered;  // by service
  std::map<BackendKey, Clock::time_point> leaving;  // was in force: it keeps its connections until then
};

// The backends a service is to have: the profile's, the discovered and the added, less the removed. A backend
// that several name is the first's.
[[nodiscard]] std::vector<profile::Backend> wanted_backends(const profile::Service& service,
                                                            const LivePools& live);

// All services of the profile as they are at `now`. `before`: what is in force, of which no backend vanishes
// at once. Domains are those of `network`; fails when one is not there.
[[nodiscard]] Result<std::vector<ServiceSpec>> services_now(const profile::Section& profile,
                                                            const LivePools& live,
                                                            const std::vector<BackendKey>& before,
                                                            const core::Network& network,
                                                            Clock::time_point now);

// When services_now() would change without anything else happening: a slow start's next step, a drain's or an
// ejection's end. Nothing when never.
[[nodiscard]] std::optional<Clock::time_point> next_change(const profile::Section& profile,
                                                           const LivePools& live, Clock::time_point now);

}  // namespace millrace::load_balancer
