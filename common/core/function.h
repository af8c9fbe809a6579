// SPDX-License-Identifier: BSD-3-Clause
// What makes an appliance a firewall, a balancer, a NAT or a VPN gateway: its share of each worker.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "common/core/batch.h"
#include "common/core/counters.h"
#include "common/core/network.h"
#include "common/core/originator.h"
#include "common/core/restart.h"
#include "common/core/trace.h"

namespace millrace::core {

// The base of every function's policy, so that the core can carry one without knowing it.
class Policy {
 public:
  virtual ~Policy() = default;
  // Null: flows are shared out by addresses and ports (owner.h). Lives as long as the policy.
  [[nodiscard]] virtual const Ownership* ownership() const noexcept { return nullptr; }
};

// All the configuration the workers see, swapped as one. A change of routes keeps the policy, and the other
// way round.
struct Snapshot {
  std::shared_ptr<const Network> network;
  std::shared_ptr<const Policy> policy;
};

// One per worker, used by its thread alone.
class Function {
 public:
  virtual ~Function() = default;
  // One call per batch: the virtual call is paid once for up to 64 packets.
  virtual void process(Batch& batch, const Policy& policy, StageCounters* counters,
                       Tracer& tracer) noexcept = 0;
  // Packets that the appliance itself sends: the originator's, and IP packets of the twin's when takes_own().
  // What it makes of them leaves as it then is, and has Packet::rewritten set; what it leaves alone goes its
  // way.
  virtual void process_own(Batch& /*batch*/, const Policy& /*policy*/) noexcept {}
  [[nodiscard]] virtual bool takes_own() const noexcept { return false; }
  // Between batches: expire a bounded number of timers. What the originator made meanwhile is sent.
  virtual void tick(Tick now, const Snapshot& in_force) noexcept = 0;
  [[nodiscard]] virtual std::span<const std::string_view> stage_names() const noexcept = 0;
};

// What the core lends a function on each worker.
struct WorkerServices {
  WorkerId worker;
  unsigned workers = 1;
  Originator& originator;
  Restart& restart;
  WorkerCounters& counters;
  std::uint64_t seed = 0;  // random, secret, the same on all workers
  Tick now = 0;
  unsigned burst = 32;  // packets that are taken from a queue at once
};

}  // namespace millrace::core
