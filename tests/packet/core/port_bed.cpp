// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/core/port_bed.h"

#include <cstring>
#include <stdexcept>

#include "common/core/eal.h"
#include "common/core/network_parts.h"
#include "tests/support/networks.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {
namespace {

template <class T>
T& good(Result<T>& result) {
  if (!result) throw std::runtime_error(result.error().message());
  return *result;
}
void good(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

std::shared_ptr<const core::Network> network_of(const std::vector<core::Port>& ports, bool transparent) {
  auto network = std::make_shared<core::Network>();
  if (transparent) {
    return NetworkBuilder().wire(ports[0].id(), ports[1].id()).build();
  }
  std::vector<net::PrefixTable::Entry> routes;
  const std::array<std::array<const char*, 2>, 2> prefixes = {
      {{"10.0.0.0/8", "2001:db8:1::/64"}, {"192.168.0.0/16", "2001:db8:2::/64"}}};
  for (unsigned i = 0; i < 2; ++i) {
    core::Interface interface;
    interface.name = i == 0 ? "inside" : "outside";
    interface.port = ports[i].id();
    interface.mac = ports[i].mac();
    core::add_interface(*network, interface);
    network->next_hops.push_back(
        core::forward_hop(*network, core::InterfaceId(static_cast<std::uint16_t>(i)), neighbor_mac(i)));
    network->port_up[ports[i].id().value()] = true;
    for (const char* prefix : prefixes[i]) routes.push_back({*net::Prefix::parse(prefix), i});
  }
  network->domains.push_back({"default", net::PrefixTable(routes)});
  return network;
}

}  // namespace

PortBed::PortBed(const std::array<core::PortConfig, 2>& ports, bool transparent) : transparent_(transparent) {
  static unsigned serial = 0;
  ensure_eal(256);
  pool_ = rte_pktmbuf_pool_create(("ports" + std::to_string(serial++)).c_str(), 8191, 256, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool_ == nullptr) throw std::runtime_error("no packet buffers");
  std::vector<core::PortAbilities> abilities;
  for (const core::PortConfig& config : ports) {
    auto found = core::Port::find(config);
    ports_.push_back(std::move(good(found)));
  }
  for (const core::Port& port : ports_) abilities.push_back(port.abilities());
  if (transparent) {
    abilities[0].peer = 1;
    abilities[1].peer = 0;
  }
  use_ = core::choose_offloads(abilities);
  for (unsigned i = 0; i < 2; ++i) {
    good(ports_[i].set_up(use_[i], pool_));
    good(ports_[i].start());
  }
  auto policy = std::make_shared<firewall::Policy>();
  auto matcher = firewall::RuleMatcher::compile({}, {});
  policy->matcher = std::move(good(matcher));
  policy->otherwise.action = firewall::Action::kAccept;
  policy->tcp.midstream_pickup = true;
  snapshot_ = std::make_unique<core::Published<core::Snapshot>>(
      rcu_, std::make_unique<const core::Snapshot>(
                core::Snapshot{network_of(ports_, transparent), std::move(policy)}));
  core::WorkerConfig config;
  config.id = core::WorkerId(0);
  config.adaptive_idle = false;
  config.pool = pool_;
  for (const core::Port& port : ports_) {
    config.queues.push_back({port.id(), 0});
    config.transmit_paths[port.id().value()] = {
        .present = true, .queue = 0, .ring = nullptr, .offloads = port.transmit_offloads()};
  }
  worker_ = std::make_unique<core::Worker>(
      std::move(config), rcu_, *snapshot_, counters_, [](const core::WorkerServices& services) {
        return std::make_unique<firewall::FirewallFunction>(
            firewall::Limits{.sessions = 1024, .rule_slots = 16}, services);
      });
}

PortBed::~PortBed() {
  worker_.reset();
  ports_.clear();
  rte_mempool_free(pool_);
}

PacketBuilder PortBed::arrives(bool v6) const {
  PacketBuilder builder;
  builder.ethernet(neighbor_mac(0), transparent_ ? neighbor_mac(1) : mac(0));
  return v6 ? builder.ipv6("2001:db8:1::10", "2001:db8:2::80") : builder.ipv4("10.0.0.10", "192.168.1.80");
}

PacketBuilder PortBed::leaves(PacketBuilder packet) const {
  if (transparent_) return packet;
  return packet.hop().ethernet(mac(1), neighbor_mac(1));
}

Frame PortBed::bytes_of(rte_mbuf* mbuf) {
  Frame bytes(mbuf->pkt_len);
  const void* data = rte_pktmbuf_read(mbuf, 0, mbuf->pkt_len, bytes.data());
  if (data != bytes.data()) std::memcpy(bytes.data(), data, bytes.size());
  rte_pktmbuf_free(mbuf);
  return bytes;
}

rte_mbuf* PortBed::mbuf_of(const Frame& frame) {
  rte_mbuf* chain = nullptr;
  for (std::size_t at = 0; at < frame.size();) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) throw std::runtime_error("no packet buffer");
    const std::size_t part = std::min<std::size_t>(rte_pktmbuf_tailroom(mbuf), frame.size() - at);
    std::memcpy(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(part)), frame.data() + at, part);
    at += part;
    if (chain == nullptr) {
      chain = mbuf;
    } else if (rte_pktmbuf_chain(chain, mbuf) != 0) {
      throw std::runtime_error("a packet in too many buffers");
    }
  }
  return chain;
}

}  // namespace millrace::testing
