// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/core/small_firewall.h"

#include <stdexcept>

#include <gtest/gtest.h>
#include <rte_mempool.h>

namespace millrace::testing {
namespace {

// The bed's ports are the only ones of the process, so their numbers are known.
core::Snapshot snapshot(bool transparent) {
  NetworkBuilder network;
  if (transparent) {
    network.wire(core::PortId(0), core::PortId(1));
  } else {
    network.interface(core::PortId(0), "inside", {"10.0.0.1/8", "2001:db8:1::1/64"})
        .interface(core::PortId(1), "outside", {"192.168.0.1/16", "2001:db8:2::1/64"})
        .route("10.0.0.0/8", "inside", neighbor_mac(0).to_string())
        .route("192.168.0.0/16", "outside", neighbor_mac(1).to_string())
        .route("2001:db8:1::/64", "inside", neighbor_mac(0).to_string())
        .route("2001:db8:2::/64", "outside", neighbor_mac(1).to_string());
  }
  firewall::Rule rule;
  rule.name = "no discard";
  rule.services = {
      {.protocol = std::uint8_t{17}, .source = {}, .destination = {kForbiddenPort, kForbiddenPort}}};
  auto policy = std::make_shared<firewall::Policy>();
  auto matcher = firewall::RuleMatcher::compile({&rule, 1}, {});
  if (!matcher) throw std::logic_error(matcher.error().message());
  policy->matcher = std::move(*matcher);
  policy->outcomes = {{.action = firewall::Action::kDrop, .log = false, .slot = 1, .limits = {}}};
  policy->otherwise.action = firewall::Action::kAccept;
  return {network.build(), std::move(policy)};
}

}  // namespace

SmallFirewall::SmallFirewall(TestbedConfig config, bool transparent)
    : transparent_(transparent),
      bed_((ensure_eal(256), config), snapshot(transparent), [this](const core::WorkerServices& services) {
        auto made = std::make_unique<firewall::FirewallFunction>(
            firewall::Limits{.sessions = 1024, .rule_slots = 16}, services);
        functions_.push_back(made.get());
        return made;
      }) {
  if (bed_.port(0) != core::PortId(0)) throw std::logic_error("another bed's ports are still there");
}

std::vector<Frame> SmallFirewall::send(const std::vector<Frame>& frames, unsigned worker) {
  for (const Frame& frame : frames) bed_.receive(0, frame, worker);
  bed_.run();
  return bed_.transmitted(1);
}

PacketBuilder SmallFirewall::client_ip(bool v6) const {
  PacketBuilder builder;
  builder.ethernet(neighbor_mac(0), transparent_ ? neighbor_mac(1) : interface_mac(0));
  return v6 ? builder.ipv6("2001:db8:1::10", "2001:db8:2::80") : builder.ipv4("10.0.0.10", "192.168.1.80");
}

PacketBuilder SmallFirewall::client_udp(bool v6, std::uint16_t source_port,
                                        std::uint16_t destination_port) const {
  return client_ip(v6).udp(source_port, destination_port);
}

PacketBuilder SmallFirewall::client_tcp(bool v6, std::uint16_t source_port) const {
  return client_ip(v6).tcp(source_port, 80).flags("S").seq(1000);
}

Frame SmallFirewall::forwarded(PacketBuilder packet) const {
  if (!transparent_) packet.hop().ethernet(interface_mac(1), neighbor_mac(1));
  return packet.bytes();
}

unsigned SmallFirewall::sessions() const {
  unsigned sum = 0;
  for (firewall::FirewallFunction* function : functions_)
    sum += static_cast<unsigned>(function->state().sessions.flows().size());
  return sum;
}

void SmallFirewall::expect_conservation() {
  using Counters = core::WorkerCounters;
  const auto total = [this](Counter Counters::*counter) { return bed_.total(counter); };
  EXPECT_EQ(total(&Counters::received) + total(&Counters::from_host) + total(&Counters::originated) +
                total(&Counters::resumed),
            total(&Counters::transmitted) + total(&Counters::from_host_transmitted) +
                total(&Counters::originated_transmitted) + total(&Counters::to_host) +
                total(&Counters::to_resolve) + total(&Counters::held) + bed_.dropped_in_all());
  for (unsigned port = 0; port < 2; ++port) static_cast<void>(bed_.transmitted(port));
  static_cast<void>(bed_.to_host());
  EXPECT_EQ(rte_mempool_in_use_count(bed_.pool()), held());
}

}  // namespace millrace::testing
