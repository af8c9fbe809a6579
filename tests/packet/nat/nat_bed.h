// SPDX-License-Identifier: BSD-3-Clause
// The NAT gateway in process: inside networks on port 0, the outside world on port 1, packets in, packets
// out. Each test runs at burst 1, 7 and 32, on one worker and on two, and with the policy swapped for a new
// generation of itself before every packet.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/control/appliance.h"
#include "tests/support/bed_variants.h"
#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/seen.h"
#include "tests/support/testbed.h"
#include "vnfs/nat/drops.h"
#include "vnfs/nat/function.h"

namespace millrace::testing {

// Ports of the bed, and interfaces of its network: interface n has the MAC address interface_mac(n), and all
// hosts behind it are reached through neighbor_mac(n).
inline constexpr unsigned kInside = 0;
inline constexpr unsigned kOutside = 1;
inline constexpr std::uint16_t kLan =
    0;  // inside, 10.0.0.1/16, 2001:db8:1::1/64; 64:ff9b::/96 and 2001:db8:64::/96 are ours
inline constexpr std::uint16_t kWan =
    1;  // outside, 198.51.100.2/24, 2001:db8:ff::2/64; everything else is behind it, 2001:db8:2::/47 is ours
inline constexpr std::uint16_t kTenant =
    2;  // inside VLAN 7, 10.0.0.1/16, 2001:db8:7::1/64 in a domain of its own
inline constexpr std::uint16_t kNarrow =
    3;  // outside VLAN 9, MTU 1280: 192.0.2.0/24 and 2001:db8:9::/48 are behind it

struct PoolSpec {
  std::vector<std::string> addresses{"203.0.113.1"};
  std::uint16_t first_port = 1024;
  std::uint16_t last_port = 65535;
  std::uint16_t block = 0;  // ports
  std::uint8_t blocks_per_subscriber = 4;
  bool paired = true;
  std::uint32_t ports_per_subscriber = 65536;
  std::uint32_t sessions_per_subscriber = 65536;
  Tick quarantine = 120'000;
  std::optional<nat::Pool::Arithmetic> arithmetic;
};

// The addresses as people write them.
[[nodiscard]] nat::StaticMapping static_mapping(std::string_view inside, std::string_view outside);

// An IPv6 network, which both kLan and kTenant have behind them, and its prefix outside.
struct PrefixSpec {
  std::string inside;
  std::string outside;
  std::uint16_t domain = 0;  // 1: of kTenant
};

struct NatSpec {
  std::vector<PoolSpec> pools{PoolSpec{}};
  std::vector<nat::Rule> rules{nat::Rule{.pool = 0}};
  std::vector<nat::StaticMapping> statics;
  std::optional<std::string> nat64;  // the prefix; with the first pool
  nat::Dependence nat64_filtering = nat::Dependence::kEndpoint;
  std::uint16_t lowest_ipv6_mtu = 1280;
  std::vector<PrefixSpec> prefixes;
  bool knows_neighbor = true;  // of kLan, 2001:db8:1::99
  nat::Timeouts timeouts;
  bool hairpin = true;
  bool draining = false;
  nat::AlgSet algs;
  nat::LoggedEvents logged;
  std::uint32_t events = 1024;                     // of the log, that wait to be read
  std::optional<nat::PortControl> port_control{};  // answered on kLan and kTenant
};

using NatVariant = BedVariant;

class NatBed {
 public:
  explicit NatBed(const NatVariant& variant, NatSpec spec = {},
                  nat::BindingTable::Limits limits = {.sessions = 512, .subscribers = 64});
  ~NatBed();

  // Lets frames in by a port, one after the other, and returns what left.
  std::vector<Seen> pass(unsigned port, const std::vector<PacketBuilder>& packets, Marks marks = {});
  // The same of one packet that is expected to give one packet; a test failure and nothing otherwise.
  std::optional<Seen> one(unsigned port, const PacketBuilder& packet);
  // Any bytes, and what left by which port.
  std::vector<std::pair<unsigned, Frame>> pass_frame(unsigned port, const Frame& frame);
  // One that is dropped for this reason, and no other packet sent.
  void refused(unsigned port, const PacketBuilder& packet, nat::Drop reason);
  void refused(unsigned port, const PacketBuilder& packet, core::Drop reason);
  // The same, and the one packet that tells its sender.
  std::optional<Seen> told(unsigned port, const PacketBuilder& packet, nat::Drop reason);
  // What left meanwhile.
  std::vector<Seen> wait(Tick milliseconds);
  void change(const std::function<void(NatSpec&)>& change);
  // The neighbour answers, and what waited for it leaves.
  std::vector<Seen> neighbor_answers();

  // GET /v1/nat/WHAT with the parameters, in JSON, of a query.
  [[nodiscard]] boost::json::value report(std::string_view what, std::string_view query = "{}");
  // POST /v1/explain with this packet.
  [[nodiscard]] boost::json::object explain(const boost::json::object& packet);
  // All bindings as a stream, and back.
  [[nodiscard]] std::string exported();
  [[nodiscard]] Result<control::Appliance::Imported> import(std::string_view stream);

  // A packet of a host behind an interface.
  [[nodiscard]] static PacketBuilder from(std::uint16_t interface, std::string_view source,
                                          std::string_view destination);
  [[nodiscard]] static PacketBuilder inside(std::string_view source, std::string_view destination) {
    return from(kLan, source, destination);
  }
  [[nodiscard]] static PacketBuilder outside(std::string_view source, std::string_view destination) {
    return from(kWan, source, destination);
  }

  // Every packet has one fate, and no buffer is lost.
  [[nodiscard]] bool is_conserved() const;
  [[nodiscard]] std::uint64_t sessions() const;
  [[nodiscard]] std::uint64_t mappings() const;
  [[nodiscard]] std::uint64_t subscribers() const;
  [[nodiscard]] std::uint64_t dropped(nat::Drop reason) const;
  [[nodiscard]] nat::AddressBook& book() noexcept { return *book_; }
  [[nodiscard]] const std::vector<nat::WorkerState*>& states() const noexcept { return states_; }
  [[nodiscard]] Testbed& bed() noexcept { return *bed_; }
  [[nodiscard]] const std::vector<Frame>& to_host() const noexcept { return host_; }
  NatSpec& spec() noexcept { return spec_; }

 private:
  [[nodiscard]] core::Snapshot snapshot();
  void publish() { bed_->publish(snapshot()); }
  [[nodiscard]] std::vector<core::Worker*> workers();
  void collect(std::vector<Seen>& seen);

  NatVariant variant_;
  NatSpec spec_;
  std::unique_ptr<nat::AddressBook> book_;
  std::shared_ptr<const core::Network> network_;
  std::shared_ptr<const core::Network> network_before_answer_;  // unless NatSpec::knows_neighbor
  std::vector<nat::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  std::vector<Frame> host_;
  std::uint16_t generation_ = 0;
  unsigned turn_ = 0;  // which worker's queue the next packets come by
  Tick now_ = 0;
};

class NatTest : public ::testing::TestWithParam<NatVariant> {
 protected:
  [[nodiscard]] static const NatVariant& variant() { return GetParam(); }
};

#define MILLRACE_NAT_VARIANTS(suite)                                                              \
  INSTANTIATE_TEST_SUITE_P(Each, suite, ::testing::ValuesIn(::millrace::testing::bed_variants()), \
                           ::millrace::testing::bed_variant_name)

}  // namespace millrace::testing
