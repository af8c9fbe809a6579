// SPDX-License-Identifier: BSD-3-Clause
// The Linux twin: a TAP device per routed interface (a TUN device, where that is a tunnel), its kernel routes
// and neighbours mirrored into the data path's Network, packets carried between the two. One thread of its
// own; workers meet it only at two rings.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "common/base/counter.h"
#include "common/base/result.h"
#include "common/core/network.h"
#include "common/host/types.h"

namespace millrace::host {

struct StaticRoute {
  core::DomainId domain{0};
  net::Prefix to;
  std::optional<net::IpAddress> via;  // none by a tunnel
  core::InterfaceId interface;
  std::uint32_t metric = 0;

  bool operator==(const StaticRoute&) const = default;
};

struct StaticNeighbor {
  core::InterfaceId interface;
  net::IpAddress address;
  net::MacAddress mac;

  bool operator==(const StaticNeighbor&) const = default;
};

// What the profile says of the network. An interface keeps its id from one plan to the next.
struct TwinPlan {
  core::Network skeleton;  // all but routes and the next hops they lead to
  std::vector<StaticRoute> routes;
  std::vector<StaticNeighbor> neighbors;
};

struct TwinCounters {
  Counter delivered;         // to the kernel
  Counter delivery_failed;   // the kernel did not take it
  Counter from_kernel;       // handed to a worker
  Counter from_kernel_lost;  // no buffer, or the worker's ring was full
  Counter unresolved;        // dropped: the neighbour did not answer
  Counter waiting;           // gauge: packets held for a neighbour
  Counter requests_refused;  // the kernel did not ask for a neighbour: its table is full
  Counter networks_published;
  Counter mirror_overruns;
};

class Twin {
 public:
  struct Wiring {
    rte_ring* to_host = nullptr;
    rte_ring* from_host = nullptr;
    rte_mempool* pool = nullptr;
    // Called on the twin's thread whenever forwarding changed; returns when workers use the new network.
    std::function<void(std::shared_ptr<const core::Network>)> publish;
    // Asked now and then on the twin's thread: whether a port's link is up, and its name.
    std::function<bool(core::PortId)> link_up;
    std::function<std::string(core::PortId)> port_name;
    std::function<void(const std::string&)> log;
  };

  explicit Twin(Wiring wiring);
  ~Twin();
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  // Sets up devices, addresses and routes, and publishes the first network before it returns.
  Result<void> start(TwinPlan plan);
  // A new plan: what it shares with the old one is left alone, so running connections stay. Returns when
  // published.
  Result<void> apply(TwinPlan plan);
  // The tunnels (core::Interface::tunnel) whose devices are to have no carrier: the kernel then takes other
  // routes. Takes effect soon, and stays so with the next plan.
  void set_down(std::set<std::uint32_t> tunnels);
  void stop();

  [[nodiscard]] const TwinCounters& counters() const noexcept { return counters_; }
  // All devices, addresses and routes of the plan are there.
  [[nodiscard]] bool complete() const noexcept;

 private:
  class Impl;

  TwinCounters counters_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::host
