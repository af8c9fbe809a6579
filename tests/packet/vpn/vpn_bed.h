// SPDX-License-Identifier: BSD-3-Clause
// The VPN gateway in process: hosts behind port 0, the other gateways behind port 1, packets in, packets out.
#pragma once

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
#include "vnfs/vpn/association_keeper.h"
#include "vnfs/vpn/drops.h"
#include "vnfs/vpn/function.h"

namespace millrace::testing {

// The address of a tunnel's own interface, and the one at its other end.
inline constexpr std::string_view kTunnelHere = "169.254.0.1";
inline constexpr std::string_view kTunnelThere = "169.254.0.2";
inline constexpr std::uint16_t kTunnelMtu = 1400;

// Hosts behind the gateways of site_a() and site_b().
inline constexpr std::string_view kHostA = "10.1.0.5";
inline constexpr std::string_view kHostB = "10.2.0.7";
inline constexpr std::string_view kHostA6 = "2001:db8:a::5";
inline constexpr std::string_view kHostB6 = "2001:db8:b::7";

// Ports of a bed.
inline constexpr unsigned kInside = 0;
inline constexpr unsigned kOutside = 1;

// One end of the tunnels of a test. The other one is its mirror.
struct VpnSite {
  std::string inside4;  // "10.1.0.0/16": its hosts are x.x.0.y
  std::string inside6;
  std::string outside4;  // its gateway
  std::string outside6;
  std::uint32_t tunnel = 0;  // not 0: the routes to the other site lead to an interface of that number
};
[[nodiscard]] VpnSite site_a();  // 10.1.0.0/16, 2001:db8:a::/48, 192.0.2.1, 2001:db8:ff::1
[[nodiscard]] VpnSite site_b();  // 10.2.0.0/16, 2001:db8:b::/48, 192.0.2.2, 2001:db8:ff::2

// Both associations and the policies of one tunnel, as one of its gateways is told.
struct TunnelSpec {
  crypto::Suite suite{crypto::Cipher::kAesGcm128, crypto::Integrity::kNone};
  bool outer6 = false;
  vpn::Mode mode = vpn::Mode::kTunnel;
  bool extended = true;
  unsigned window = 64;
  std::optional<vpn::UdpPorts> udp{};
  vpn::Limit packets{};
  vpn::Limit bytes{};
  std::uint32_t spi_to_a = 0x1000a;
  std::uint32_t spi_to_b = 0x2000b;
  std::uint32_t number = 1;
  std::uint32_t interface = 0;  // not 0: it carries whatever the routes send there
  std::string only_host{};      // "0.5": of the IPv4 networks of both sites; empty: all of them, and IPv6
};

class VpnBed {
 public:
  VpnBed(const BedVariant& variant, VpnSite here, VpnSite there, std::uint16_t outside_mtu = 1500);
  ~VpnBed();

  // `is_a`: this gateway is the one that spi_to_a leads to.
  void set_up(const TunnelSpec& tunnel, bool is_a);

  struct Passing {
    unsigned port;
    Frame frame;
  };
  std::vector<Passing> pass_frames(const std::vector<Passing>& frames);
  std::vector<Seen> pass(unsigned port, const std::vector<PacketBuilder>& packets);
  std::optional<Frame> one_frame(unsigned port, const Frame& frame);
  // One that is dropped for this reason, and nothing sent.
  void refused(unsigned port, const Frame& frame, vpn::Drop reason);
  // The same, and the one packet that tells its sender.
  std::optional<Seen> told(unsigned port, const Frame& frame, std::uint8_t reason);
  void wait(Tick milliseconds);
  // What becomes of packets that do not fit.
  void fit(vpn::DontFragment dont_fragment, bool cut_inside);

  [[nodiscard]] PacketBuilder from_inside(std::string_view source, std::string_view destination) const;
  [[nodiscard]] PacketBuilder from_outside(std::string_view source, std::string_view destination) const;
  // A frame that another gateway sent, on its way to this one.
  [[nodiscard]] Frame arriving(Frame frame) const;

  [[nodiscard]] vpn::AssociationKeeper& keeper() noexcept { return *keeper_; }
  [[nodiscard]] Testbed& bed() noexcept { return *bed_; }
  [[nodiscard]] std::vector<vpn::AssociationEvent> events();
  [[nodiscard]] std::uint64_t dropped(vpn::Drop reason) const;
  [[nodiscard]] unsigned to_host() const noexcept { return to_host_; }
  [[nodiscard]] const VpnSite& here() const noexcept { return here_; }

 private:
  [[nodiscard]] std::shared_ptr<const core::Network> network(core::PortId inside, core::PortId outside) const;

  BedVariant variant_;
  VpnSite here_;
  VpnSite there_;
  std::uint16_t outside_mtu_;
  std::unique_ptr<crypto::Library> library_;
  std::shared_ptr<vpn::Directory> directory_ = std::make_shared<vpn::Directory>();
  std::shared_ptr<core::PathMtus> path_mtus_ = std::make_shared<core::PathMtus>(vpn::kMostAssociations);
  std::shared_ptr<const vpn::Policy> policy_;
  std::vector<vpn::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  std::unique_ptr<vpn::AssociationKeeper> keeper_;
  vpn::Clock::time_point clock_{};
  unsigned to_host_ = 0;
  unsigned turn_ = 0;
  Tick now_ = 0;
};

// Two gateways and what is between them.
class VpnPair {
 public:
  VpnPair(const BedVariant& variant, const TunnelSpec& tunnel);

  // UDP from kHostA to kHostB.
  [[nodiscard]] PacketBuilder to_b(std::size_t bytes = 100) const;
  [[nodiscard]] PacketBuilder to_b6(std::size_t bytes = 100) const;
  // A packet from a host behind one gateway to one behind the other: what arrives, if anything.
  std::optional<Seen> cross(bool from_a, const PacketBuilder& packet);
  // What the gateway made of it.
  std::optional<Frame> sealed(bool from_a, const PacketBuilder& packet);
  std::optional<Seen> opened(bool at_a, const Frame& sealed);

  VpnBed a;
  VpnBed b;
};

class VpnTest : public ::testing::TestWithParam<BedVariant> {
 protected:
  [[nodiscard]] static const BedVariant& variant() { return GetParam(); }
};

#define MILLRACE_VPN_VARIANTS(suite)                                                              \
  INSTANTIATE_TEST_SUITE_P(Each, suite, ::testing::ValuesIn(::millrace::testing::bed_variants()), \
                           ::millrace::testing::bed_variant_name)

}  // namespace millrace::testing
