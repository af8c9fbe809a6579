// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/vpn_bed.h"

#include <bit>
#include <cstring>
#include <stdexcept>
#include <string>

namespace millrace::benchmark {
namespace {

constexpr std::uint32_t kServers = 0xc0a80000;       // 192.168.0.0/17
constexpr unsigned kServerBits = 15;                 // of it, that tell servers apart
constexpr std::uint32_t kOurs = 0xc6120001;          // 198.18.0.1
constexpr std::uint32_t kFirstGateway = 0xc6130001;  // 198.19.0.1
constexpr std::uint32_t kFirstSpi = 0x10000;
constexpr std::uint32_t kFirstPeerSpi = 0x20000000;

net::Ipv4Address address(std::uint32_t number) { return net::Ipv4Address{be32(number)}; }

template <class T>
T value_of(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

void demand(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

std::vector<std::uint8_t> key_bytes(std::size_t count, std::uint32_t seed) {
  std::vector<std::uint8_t> key(count);
  std::mt19937 random(seed);
  for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random());
  return key;
}

core::Snapshot snapshot(const std::shared_ptr<const vpn::Directory>& directory) {
  testing::NetworkBuilder builder;
  builder.interface(core::PortId(0), "inside", {"10.255.255.1/8", "2001:db8:a:ffff::1/48"})
      .function_routes()
      .mtu(9000)
      .interface(core::PortId(1), "outside", {"198.18.0.1/15"})
      .function_routes()
      .mtu(9000)
      .route("10.0.0.0/8", "inside", testing::neighbor_mac(0).to_string())
      .route("2001:db8:a::/48", "inside", testing::neighbor_mac(0).to_string())
      .function_own()
      .route("198.19.0.0/16", "outside", testing::neighbor_mac(1).to_string());
  return {builder.build(), std::make_shared<const vpn::Policy>(directory)};
}

}  // namespace

struct VpnBed::Parts {
  explicit Parts(const VpnBedConfig& config)
      : traffic({.flows = 10'000, .ipv6 = config.ipv6, .udp = true}, 0, 1),
        library(value_of(crypto::make_fastest_library())),
        peer_engine(value_of(library->make_engine())) {}

  Traffic traffic;
  std::unique_ptr<crypto::Library> library;
  std::unique_ptr<crypto::Engine> peer_engine;
  std::shared_ptr<vpn::Directory> directory = std::make_shared<vpn::Directory>();
  std::shared_ptr<core::PathMtus> path_mtus = std::make_shared<core::PathMtus>(vpn::kMostAssociations);
  std::unique_ptr<vpn::AssociationKeeper> keeper;
  std::vector<std::unique_ptr<vpn::OutboundState>> peers;  // by tunnel: what seals the packets that come
  core::Snapshot snapshot;
  vpn::VpnFunction* function = nullptr;
  std::mt19937 random{1};
};

VpnBed::VpnBed(const VpnBedConfig& config) : VpnBed(config, std::make_unique<Parts>(config)) {}

VpnBed::VpnBed(const VpnBedConfig& config, std::unique_ptr<Parts> parts)
    : PipelineBed(
          1, parts->snapshot = snapshot(parts->directory),
          [&](const core::WorkerServices& services) {
            auto function = std::make_unique<vpn::VpnFunction>(value_of(parts->library->make_engine()),
                                                               parts->path_mtus, services);
            parts->function = function.get();
            return function;
          },
          vpn::VpnFunction::kStageNames),
      config_(config),
      parts_(std::move(parts)) {
  set_up();
}

// Keys go before their library.
VpnBed::~VpnBed() {
  static_cast<void>(parts_->directory->replace(std::make_unique<const vpn::Associations>()));
}

void VpnBed::set_up() {
  parts_->keeper = std::make_unique<vpn::AssociationKeeper>(
      *parts_->library, parts_->directory, parts_->path_mtus,
      vpn::AssociationKeeper::Services{.synchronize = [] {},
                                       .now = [] { return vpn::Clock::time_point(); },
                                       .tick = [] { return Tick{}; }});
  const crypto::SuiteSizes sizes = crypto::sizes_of(config_.suite);
  const auto bits = static_cast<unsigned>(std::countr_zero(config_.tunnels));
  std::vector<vpn::AssociationSpec> associations;
  std::vector<vpn::PolicySpec> policies;
  for (unsigned tunnel = 0; tunnel < config_.tunnels; ++tunnel) {
    const net::IpAddress gateway = address(kFirstGateway + tunnel);
    vpn::Selector selector{
        .local = *net::Prefix::parse("10.0.0.0/8"),
        .remote = net::Prefix::of(address(kServers + (tunnel << (kServerBits - bits))), 17 + bits)};
    if (config_.ipv6)
      selector = {.local = *net::Prefix::parse("2001:db8:a::/48"),
                  .remote = *net::Prefix::parse("2001:db8:b::/48")};
    for (const bool outbound : {false, true}) {
      const std::uint32_t spi = (outbound ? kFirstPeerSpi : kFirstSpi) + tunnel;
      const auto spec = [&](bool leaves) {
        return vpn::AssociationSpec{
            .key = {.outbound = leaves, .spi = spi, .remote = gateway},
            .local = address(kOurs),
            .suite = config_.suite,
            .cipher_key = crypto::Secret(key_bytes(std::size_t{sizes.cipher_key} + sizes.salt, spi)),
            .integrity_key = crypto::Secret(key_bytes(sizes.integrity_key, spi + 1)),
            .extended = true,
            .window = 1024,
            .udp = {},
            .tunnel = tunnel,
            .selectors = {selector}};
      };
      associations.push_back(spec(outbound));
      if (outbound) continue;
      const vpn::AssociationSpec peer = spec(true);
      parts_->peers.push_back(std::make_unique<vpn::OutboundState>(
          peer,
          value_of(parts_->library->make_key(config_.suite, peer.cipher_key.bytes().first(sizes.cipher_key),
                                             peer.integrity_key.bytes()))));
    }
    policies.push_back({.selector = selector,
                        .tunnel = tunnel,
                        .outbound = vpn::AssociationKey{
                            .outbound = true, .spi = kFirstPeerSpi + tunnel, .remote = gateway}});
  }
  demand(parts_->keeper->configure(std::move(associations), policies));
}

// What a server sends, as its gateway seals it.
void VpnBed::write_sealed(rte_mbuf* mbuf, const Flow& flow, unsigned bytes) noexcept {
  parts_->traffic.write(mbuf, flow, Step::kReply, bytes);
  const auto bits = static_cast<unsigned>(std::countr_zero(config_.tunnels));
  const std::size_t tunnel = config_.ipv6 ? 0 : (flow.server4 - kServers) >> (kServerBits - bits);
  vpn::OutboundState& peer = *parts_->peers[tunnel];
  constexpr unsigned kLink = sizeof(net::EthernetHeader);
  const unsigned length = mbuf->data_len - kLink;
  std::uint8_t* inner = rte_pktmbuf_mtod_offset(mbuf, std::uint8_t*, kLink);
  net::EthernetHeader ethernet = *rte_pktmbuf_mtod(mbuf, net::EthernetHeader*);
  ethernet.type = be16(net::ether_type::kIpv4);
  vpn::EspScratch scratch;
  crypto::Operation operation;
  vpn::prepare_seal(peer.esp, inner, length,
                    config_.ipv6 ? net::protocol::kIpv6InIp : net::protocol::kIpv4InIp, scratch, operation);
  const unsigned esp_bytes = peer.esp.layout.front() + length + peer.esp.layout.behind(length);
  net::TunnelHeader header(net::Tunnel::kEsp, net::Family::kIpv4, address(kOurs));
  header.set_source(address(kFirstGateway + static_cast<std::uint32_t>(tunnel)));
  std::uint8_t* outer =
      header.write(inner - peer.esp.layout.front(), {.length = static_cast<std::uint16_t>(esp_bytes),
                                                     .traffic_class = 0,
                                                     .may_be_cut = false,
                                                     .id = {},
                                                     .flow = 0});
  parts_->peer_engine->seal({&operation, 1});
  std::memcpy(outer - kLink, &ethernet, kLink);
  mbuf->data_off = static_cast<std::uint16_t>(outer - kLink - static_cast<std::uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<std::uint16_t>(kLink + header.length() + esp_bytes);
  mbuf->pkt_len = mbuf->data_len;
}

void VpnBed::fill_window(unsigned worker, Size size) {
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned) {
    const auto choice = static_cast<std::uint32_t>(parts_->random());
    const auto index = static_cast<unsigned>(std::uint64_t{choice} * parts_->traffic.flows() >> 32);
    const Flow flow = parts_->traffic.flow(index);
    if (config_.decrypt) {
      write_sealed(mbuf, flow, frame_bytes(size, choice));
      return 1U;
    }
    parts_->traffic.write(mbuf, flow, Step::kData, frame_bytes(size, choice));
    return 0U;
  });
}

unsigned VpnBed::write_any(rte_mbuf* mbuf, std::uint32_t choice, unsigned bytes) noexcept {
  const Flow flow = parts_->traffic.flow(choice % parts_->traffic.flows());
  if (choice >> 31 == 0) {
    parts_->traffic.write(mbuf, flow, Step::kData, bytes);
    return 0;
  }
  write_sealed(mbuf, flow, bytes);
  return 1;
}

void VpnBed::renew_policy() { bed().publish(parts_->snapshot); }

void VpnBed::take_events() {
  std::array<vpn::AssociationEvent, 256> events;
  auto& ring = parts_->function->state().events;
  for (std::size_t taken = 1; taken != 0; events_taken_ += taken) taken = ring.pop(events);
}

Tick VpnBed::now() const noexcept { return parts_->function->state().services.now; }

crypto::Library& VpnBed::library() noexcept { return *parts_->library; }

}  // namespace millrace::benchmark
