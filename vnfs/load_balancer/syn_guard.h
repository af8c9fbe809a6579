// SPDX-License-Identifier: BSD-3-Clause
// SYN cookies in front of backends, as common/core/syn_proxy.h describes: given for a service whose new
// connections come too fast, or always. When a cookie comes back a backend is chosen, and the connection
// begins; join_halves.h does the rest.
//
// The rate is the appliance's; each worker gives cookies above its share, rounded up, and then to all for
// some seconds: a SYN that comes again because its cookie is late must not open a connection that the late
// cookie would break. While cookies may come back, segments to such a service that belong to no known
// connection and bring none are dropped: a flood of them fills no table. So a connection that another
// instance had does not go on here meanwhile.
#pragma once

#include <optional>
#include <vector>

#include "common/base/rate_bucket.h"
#include "common/core/syn_proxy.h"
#include "vnfs/load_balancer/policy.h"

namespace millrace::load_balancer {

// One worker's own.
class SynGuard {
 public:
  SynGuard(std::size_t services, unsigned workers, std::uint64_t seed)
      : workers_(workers == 0 ? 1 : workers), cookies_(seed), pressure_(services) {}

  // For a packet that would begin a connection of a service. True when it was answered with a cookie, or
  // could not be, and was dropped.
  [[nodiscard]] bool answer(core::Batch& batch, core::Packet& packet, const flow::FlowLookup& lookup,
                            ServiceId id, const Protection& protection,
                            core::Originator& originator) noexcept;
  // Whether a TCP segment of no known connection has to bring a cookie back.
  [[nodiscard]] bool asks_for_cookie(const Protection& protection) const noexcept {
    return protection.syn_proxy && (protection.syn_proxy_above == 0 || cookies_.outstanding());
  }
  // What such a segment proves; nothing when it was dropped.
  [[nodiscard]] std::optional<core::SynProxy::Proof> redeem(core::Batch& batch, core::Packet& packet,
                                                            const flow::FlowLookup& lookup) const noexcept;
  void forget_old(Tick now) noexcept { cookies_.forget_old(now); }
  // The clients of another worker come to this one.
  void take_over(const SynGuard& from) noexcept { cookies_.take_over(from.cookies_); }

 private:
  // A SYN is sent again after one second, then after two more.
  static constexpr Tick kStays = 5'000;
  struct Pressure {
    RateBucket rate;  // of SYNs
    bool above = false;
    Tick last_above = 0;
  };
  [[nodiscard]] bool is_above(Pressure& pressure, std::uint32_t rate, Tick now) const noexcept;

  unsigned workers_;
  core::SynProxy cookies_;
  std::vector<Pressure> pressure_;  // by ServiceId
};

}  // namespace millrace::load_balancer
