// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/vpn/vpn_bed.h"

#include <algorithm>
#include <array>

namespace millrace::testing {
namespace {

constexpr std::uint16_t kLan = 0;
constexpr std::uint16_t kWan = 1;

std::vector<std::uint8_t> key_of(std::size_t bytes, std::uint8_t first) {
  std::vector<std::uint8_t> key(bytes);
  for (std::size_t i = 0; i < bytes; ++i) key[i] = static_cast<std::uint8_t>(first + 7 * i);
  return key;
}

net::Prefix prefix(const std::string& text) { return *net::Prefix::parse(text); }
net::IpAddress address(const std::string& text) { return *net::IpAddress::parse(text); }

PacketBuilder from(std::uint16_t interface, std::string_view source, std::string_view destination) {
  PacketBuilder packet;
  packet.ethernet(neighbor_mac(interface), interface_mac(interface));
  return source.find(':') == std::string_view::npos ? packet.ipv4(source, destination)
                                                    : packet.ipv6(source, destination);
}

VpnSite with_tunnel(VpnSite site, const TunnelSpec& tunnel) {
  site.tunnel = tunnel.interface;
  return site;
}

}  // namespace

VpnSite site_a() { return {"10.1.0.0/16", "2001:db8:a::/48", "192.0.2.1", "2001:db8:ff::1"}; }
VpnSite site_b() { return {"10.2.0.0/16", "2001:db8:b::/48", "192.0.2.2", "2001:db8:ff::2"}; }

std::shared_ptr<const core::Network> VpnBed::network(core::PortId inside, core::PortId outside) const {
  const std::string wan = neighbor_mac(kWan).to_string();
  NetworkBuilder builder;
  builder
      .interface(inside, "lan", {here_.inside4.substr(0, 5) + "0.1/16", here_.inside6.substr(0, 12) + "1/48"})
      .function_routes()
      .function_own()
      .interface(outside, "wan", {here_.outside4 + "/24", here_.outside6 + "/64"})
      .function_routes()
      .function_own()
      .mtu(outside_mtu_)
      .route(here_.inside4, "lan", neighbor_mac(kLan).to_string())
      .route(here_.inside6, "lan", neighbor_mac(kLan).to_string())
      .route(there_.outside4 + "/32", "wan", wan)
      .route(there_.outside6 + "/128", "wan", wan)
      .route("198.51.100.0/24", "wan", wan);
  if (here_.tunnel != 0) {
    builder.tunnel(here_.tunnel, "tun0", {std::string(kTunnelHere) + "/30"})
        .function_routes()
        .mtu(kTunnelMtu)
        .route(there_.inside4, "tun0", "")
        .route(there_.inside6, "tun0", "");
  }
  return builder.build();
}

VpnBed::VpnBed(const BedVariant& variant, VpnSite here, VpnSite there, std::uint16_t outside_mtu)
    : variant_(variant), here_(std::move(here)), there_(std::move(there)), outside_mtu_(outside_mtu) {
  ensure_eal(64);
  auto library = crypto::make_fastest_library();
  EXPECT_TRUE(library);
  library_ = std::move(*library);
  policy_ = std::make_shared<const vpn::Policy>(directory_);
  // The bed's ports get the numbers that follow those of the beds before it, so the network is made twice.
  bed_ = std::make_unique<Testbed>(
      TestbedConfig{.workers = variant.workers, .burst = variant.burst, .buffers = 4095, .ring_size = 1024},
      core::Snapshot{network(core::PortId(0), core::PortId(1)), policy_},
      [&](const core::WorkerServices& services) {
        auto made =
            std::make_unique<vpn::VpnFunction>(std::move(*library_->make_engine()), path_mtus_, services);
        states_.push_back(&made->state());
        return made;
      });
  bed_->publish({network(bed_->port(kInside), bed_->port(kOutside)), policy_});
  for (const vpn::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
  bed_->set_time(now_);
  keeper_ = std::make_unique<vpn::AssociationKeeper>(
      *library_, directory_, path_mtus_,
      vpn::AssociationKeeper::Services{
          .synchronize = [] {}, .now = [this] { return clock_; }, .tick = [this] { return now_; }});
}

VpnBed::~VpnBed() {
  EXPECT_TRUE(bed_->is_conserved()) << "packets or their buffers are lost";
  bed_.reset();
}

void VpnBed::set_up(const TunnelSpec& tunnel, bool is_a) {
  const crypto::SuiteSizes sizes = crypto::sizes_of(tunnel.suite);
  const auto material = [&](vpn::AssociationSpec& spec, std::uint32_t spi) {
    spec.cipher_key =
        crypto::Secret(key_of(std::size_t{sizes.cipher_key} + sizes.salt, static_cast<std::uint8_t>(spi)));
    spec.integrity_key = crypto::Secret(key_of(sizes.integrity_key, static_cast<std::uint8_t>(spi + 100)));
  };
  const net::IpAddress local = address(tunnel.outer6 ? here_.outside6 : here_.outside4);
  const net::IpAddress remote = address(tunnel.outer6 ? there_.outside6 : there_.outside4);
  std::vector<vpn::Selector> selectors;
  if (tunnel.interface != 0) {
    selectors = {{.local = prefix("0.0.0.0/0"), .remote = prefix("0.0.0.0/0")},
                 {.local = prefix("::/0"), .remote = prefix("::/0")}};
  } else if (!tunnel.only_host.empty()) {
    const auto host = [&](const std::string& network) {
      return prefix(network.substr(0, 5) + tunnel.only_host);
    };
    selectors = {{.local = host(here_.inside4), .remote = host(there_.inside4)}};
  } else if (tunnel.mode == vpn::Mode::kTunnel) {
    selectors = {{.local = prefix(here_.inside4), .remote = prefix(there_.inside4)},
                 {.local = prefix(here_.inside6), .remote = prefix(there_.inside6)}};
  } else {
    selectors = {
        {.local = net::Prefix::of(local, local.bits()), .remote = net::Prefix::of(remote, remote.bits())}};
  }
  for (const bool outbound : {false, true}) {
    const std::uint32_t spi = outbound == is_a ? tunnel.spi_to_b : tunnel.spi_to_a;
    vpn::AssociationSpec spec{.key = {.outbound = outbound, .spi = spi, .remote = remote},
                              .local = local,
                              .mode = tunnel.mode,
                              .suite = tunnel.suite,
                              .cipher_key = {},
                              .integrity_key = {},
                              .extended = tunnel.extended,
                              .window = tunnel.window,
                              .udp = tunnel.udp,
                              .tunnel = tunnel.number,
                              .interface = tunnel.interface,
                              .selectors = selectors,
                              .bytes = tunnel.bytes,
                              .packets = tunnel.packets};
    material(spec, spi);
    const auto added = keeper_->add(std::move(spec));
    EXPECT_TRUE(added) << added.error().message();
    if (!outbound) continue;
    for (const vpn::Selector& selector : selectors) {
      const auto policy =
          keeper_->add({.selector = selector,
                        .tunnel = tunnel.number,
                        .outbound = vpn::AssociationKey{.outbound = true, .spi = spi, .remote = remote},
                        .interface = tunnel.interface});
      EXPECT_TRUE(policy) << policy.error().message();
    }
  }
}

std::vector<VpnBed::Passing> VpnBed::pass_frames(const std::vector<Passing>& frames) {
  if (variant_.swap) bed_->publish({network(bed_->port(kInside), bed_->port(kOutside)), policy_});
  for (const auto& [port, frame] : frames) bed_->receive(port, frame, turn_ % variant_.workers);
  ++turn_;
  bed_->run();
  std::vector<Passing> left;
  for (const unsigned out : {kInside, kOutside}) {
    for (Frame& frame : bed_->transmitted(out)) left.push_back({out, std::move(frame)});
  }
  to_host_ = static_cast<unsigned>(bed_->to_host().size());
  return left;
}

std::vector<Seen> VpnBed::pass(unsigned port, const std::vector<PacketBuilder>& packets) {
  std::vector<Passing> frames;
  frames.reserve(packets.size());
  for (const PacketBuilder& packet : packets) frames.push_back({port, packet.bytes()});
  std::vector<Seen> seen;
  for (const Passing& left : pass_frames(frames)) seen.push_back(read_frame(left.port, left.frame));
  return seen;
}

std::optional<Frame> VpnBed::one_frame(unsigned port, const Frame& frame) {
  auto left = pass_frames({{port, frame}});
  EXPECT_EQ(left.size(), 1U);
  if (left.size() != 1) return std::nullopt;
  return std::move(left.front().frame);
}

void VpnBed::refused(unsigned port, const Frame& frame, vpn::Drop reason) {
  const std::uint64_t before = dropped(reason);
  EXPECT_EQ(pass_frames({{port, frame}}).size(), 0U);
  EXPECT_EQ(dropped(reason), before + 1);
}

std::optional<Seen> VpnBed::told(unsigned port, const Frame& frame, std::uint8_t reason) {
  const std::uint64_t before = bed_->dropped(reason);
  const auto left = pass_frames({{port, frame}});
  EXPECT_EQ(bed_->dropped(reason), before + 1);
  EXPECT_EQ(left.size(), 1U);
  if (left.size() != 1) return std::nullopt;
  EXPECT_EQ(left.front().port, port);
  return read_frame(left.front().port, left.front().frame);
}

void VpnBed::wait(Tick milliseconds) {
  now_ += milliseconds;
  clock_ += std::chrono::milliseconds(milliseconds);
  bed_->set_time(now_);
  bed_->run();
}

void VpnBed::fit(vpn::DontFragment dont_fragment, bool cut_inside) {
  auto policy = std::make_shared<vpn::Policy>(directory_);
  policy->dont_fragment = dont_fragment;
  policy->cut_inside = cut_inside;
  policy_ = std::move(policy);
  bed_->publish({network(bed_->port(kInside), bed_->port(kOutside)), policy_});
}

PacketBuilder VpnBed::from_inside(std::string_view source, std::string_view destination) const {
  return from(kLan, source, destination);
}

PacketBuilder VpnBed::from_outside(std::string_view source, std::string_view destination) const {
  return from(kWan, source, destination);
}

Frame VpnBed::arriving(Frame frame) const {
  const net::MacAddress to = interface_mac(kWan);
  const net::MacAddress by = neighbor_mac(kWan);
  std::ranges::copy(to.bytes, frame.begin());
  std::ranges::copy(by.bytes, frame.begin() + 6);
  return frame;
}

std::vector<vpn::AssociationEvent> VpnBed::events() {
  std::vector<vpn::AssociationEvent> all;
  for (vpn::WorkerState* state : states_) {
    std::array<vpn::AssociationEvent, 16> some;
    for (std::size_t count = 0; (count = state->events.pop(some)) != 0;)
      all.insert(all.end(), some.begin(), some.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

std::uint64_t VpnBed::dropped(vpn::Drop reason) const {
  return bed_->dropped(static_cast<std::uint8_t>(reason));
}

VpnPair::VpnPair(const BedVariant& variant, const TunnelSpec& tunnel)
    : a(variant, with_tunnel(site_a(), tunnel), site_b()),
      b(variant, with_tunnel(site_b(), tunnel), site_a()) {
  a.set_up(tunnel, true);
  b.set_up(tunnel, false);
}

PacketBuilder VpnPair::to_b(std::size_t bytes) const {
  return a.from_inside(kHostA, kHostB).udp(1000, 2000).payload(bytes);
}

PacketBuilder VpnPair::to_b6(std::size_t bytes) const {
  return a.from_inside(kHostA6, kHostB6).udp(1000, 2000).payload(bytes);
}

std::optional<Frame> VpnPair::sealed(bool from_a, const PacketBuilder& packet) {
  return (from_a ? a : b).one_frame(kInside, packet.bytes());
}

std::optional<Seen> VpnPair::opened(bool at_a, const Frame& sealed) {
  VpnBed& gateway = at_a ? a : b;
  const auto left = gateway.pass_frames({{kOutside, gateway.arriving(sealed)}});
  if (left.size() != 1) return std::nullopt;
  return read_frame(left.front().port, left.front().frame);
}

std::optional<Seen> VpnPair::cross(bool from_a, const PacketBuilder& packet) {
  const auto frame = sealed(from_a, packet);
  if (!frame) return std::nullopt;
  return opened(!from_a, *frame);
}

}  // namespace millrace::testing
