// SPDX-License-Identifier: BSD-3-Clause
// The load balancer in process: clients behind port 0, backends behind port 1, packets in, packets out.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/bed_variants.h"
#include "tests/support/networks.h"
#include "tests/support/packet_builder.h"
#include "tests/support/seen.h"
#include "tests/support/testbed.h"
#include "vnfs/load_balancer/compile_policy.h"
#include "vnfs/load_balancer/drops.h"
#include "vnfs/load_balancer/function.h"
#include "vnfs/load_balancer/transfer_connections.h"

namespace millrace::testing {

// Ports of the bed, and interfaces of its network: interface n has the MAC address interface_mac(n), and all
// hosts behind it are reached through neighbor_mac(n), but for backends of 10.0.0.0/24 and 2001:db8:10::/64,
// of which that with the last byte k has neighbor_mac(kFirstBackend + k).
inline constexpr unsigned kClients = 0;
inline constexpr unsigned kBackends = 1;
inline constexpr std::uint16_t kWan = 0;  // 198.51.100.2/24, 2001:db8:ff::2/64; everybody else is behind it
inline constexpr std::uint16_t kLan = 1;  // 10.0.0.1/24, 2001:db8:10::1/64: backends
inline constexpr std::uint16_t kNarrow = 2;  // 10.99.0.1/24, 2001:db8:99::1/64, VLAN 9, MTU 1280: 10.9.0.0/24
                                             // and 2001:db8:19::/64 are behind it
inline constexpr std::uint16_t kIpv4Only = 3;  // 10.98.0.1/24, VLAN 10: 2001:db8:18::/64 is behind it
inline constexpr unsigned kFirstBackend = 16;
inline constexpr std::string_view kService =
    "203.0.113.80";  // as are all of 203.0.113.0/24 and 2001:db8:80::/64
inline constexpr std::string_view kService6 = "2001:db8:80::80";
inline constexpr std::string_view kSource = "203.0.113.200";
inline constexpr std::string_view kSource6 = "2001:db8:80::200";
inline constexpr std::string_view kClient = "192.0.2.7";  // one of many

struct BalancerSpec {
  std::vector<load_balancer::ServiceSpec> services;
  std::uint32_t table_size = 251;
  bool draining = false;
  std::vector<std::string> unresolved{};                 // backends whose MAC address is not known
  std::shared_ptr<load_balancer::SourceBook> sources{};  // another bed's; null: its own
};

// 10.0.0.11 and on, of weight one.
[[nodiscard]] std::vector<load_balancer::BackendSpec> some_backends(unsigned count);
[[nodiscard]] load_balancer::BackendSpec backend_at(std::string_view address, std::uint32_t weight = 1,
                                                    std::uint16_t port = 0);
// TCP and UDP port 80 of kService, three backends, by nat.
[[nodiscard]] load_balancer::ServiceSpec web_service();
// The same of kService6, with backends 2001:db8:10::11 and on.
[[nodiscard]] load_balancer::ServiceSpec web_service6();
// The same services by full_nat, from kSource and kSource6.
[[nodiscard]] load_balancer::ServiceSpec full_nat_service();
[[nodiscard]] load_balancer::ServiceSpec full_nat_service6();
// Whether the SCTP checksum of an IPv4 packet is that of RFC 9260 appendix A, computed bit by bit.
[[nodiscard]] bool has_right_crc(const Seen& seen);

class BalancerBed {
 public:
  explicit BalancerBed(const BedVariant& variant, BalancerSpec spec, std::uint32_t connections = 512);
  ~BalancerBed();

  // Lets frames in by a port, one after the other, and returns what left.
  std::vector<Seen> pass(unsigned port, const std::vector<PacketBuilder>& packets);
  // The same of frames by several ports, which workers may find in one burst.
  struct Passing {
    unsigned port;
    Frame frame;
  };
  std::vector<Passing> pass_frames(const std::vector<Passing>& frames);
  // The same of one packet that is expected to give one packet; a test failure and nothing otherwise.
  std::optional<Seen> one(unsigned port, const PacketBuilder& packet);
  // One that is dropped for this reason, and no other packet sent.
  void refused(unsigned port, const PacketBuilder& packet, load_balancer::Drop reason);
  // The same, and the one packet that tells its sender.
  std::optional<Seen> told(unsigned port, const PacketBuilder& packet, load_balancer::Drop reason);
  void wait(Tick milliseconds);
  void change(const std::function<void(BalancerSpec&)>& change);
  // What left since it was last asked for, by itself.
  std::vector<Seen> arrived();
  // The neighbours answer, and what waited for them leaves.
  std::vector<Seen> neighbors_answer();

  // What the API is asked.
  [[nodiscard]] boost::json::object explain(const boost::json::object& packet);
  [[nodiscard]] std::string exported();
  [[nodiscard]] Result<control::Appliance::Imported> import(std::string_view stream);

  // A packet of a host behind the interface.
  [[nodiscard]] static PacketBuilder from_client(std::string_view source, std::string_view destination);
  [[nodiscard]] static PacketBuilder from_backend(std::string_view source, std::string_view destination);

  [[nodiscard]] std::uint64_t connections() const;
  [[nodiscard]] std::uint64_t dropped(load_balancer::Drop reason) const;
  [[nodiscard]] const load_balancer::Policy& policy() const noexcept { return *policy_; }
  [[nodiscard]] const std::vector<load_balancer::WorkerState*>& states() const noexcept { return states_; }
  [[nodiscard]] Testbed& bed() noexcept { return *bed_; }
  // What has left by the backends' port since the last call.
  [[nodiscard]] std::vector<Seen> at_backends();
  [[nodiscard]] const std::shared_ptr<load_balancer::SourceBook>& sources() const noexcept {
    return spec_.sources;
  }
  [[nodiscard]] unsigned to_host() const noexcept { return to_host_; }

 private:
  [[nodiscard]] std::shared_ptr<const core::Network> network(core::PortId clients,
                                                             core::PortId backends) const;
  void publish();
  [[nodiscard]] core::Snapshot snapshot() const;
  [[nodiscard]] std::vector<core::Worker*> workers();
  void collect(std::vector<Seen>& seen);

  BedVariant variant_;
  BalancerSpec spec_;
  load_balancer::Roster roster_;
  std::shared_ptr<const load_balancer::Policy> policy_;
  std::vector<load_balancer::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  unsigned to_host_ = 0;
  std::uint16_t generation_ = 0;
  unsigned turn_ = 0;  // which worker's queue the next packets come by
  Tick now_ = 0;
};

class BalancerTest : public ::testing::TestWithParam<BedVariant> {
 protected:
  [[nodiscard]] static const BedVariant& variant() { return GetParam(); }
};

#define MILLRACE_BALANCER_VARIANTS(suite)                                                         \
  INSTANTIATE_TEST_SUITE_P(Each, suite, ::testing::ValuesIn(::millrace::testing::bed_variants()), \
                           ::millrace::testing::bed_variant_name)

}  // namespace millrace::testing
