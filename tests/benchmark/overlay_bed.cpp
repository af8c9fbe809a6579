// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/overlay_bed.h"

#include <cstring>

#include "common/net/transport.h"
#include "tests/benchmark/nothing.h"

namespace millrace::benchmark {
namespace {

constexpr std::uint32_t kNetwork = 7001;  // + the side
constexpr unsigned kEthernet = sizeof(net::EthernetHeader);

std::string own_end(const Carrier& carrier, unsigned side) {
  return (carrier.ipv6 ? "2001:db8:e" + std::to_string(side) + "::1"
                       : "172.16." + std::to_string(side) + ".1");
}
std::string far_end(const Carrier& carrier, unsigned side) {
  return (carrier.ipv6 ? "2001:db8:e" + std::to_string(side) + "::9"
                       : "172.16." + std::to_string(side) + ".9");
}

net::OverlayEnd end_of(const Carrier& carrier, unsigned side) {
  net::OverlayEnd end;
  end.type = carrier.type;
  end.id = kNetwork + side;
  end.keyed = true;
  end.ethernet = carrier.ethernet;
  end.udp_port = carrier.type == net::OverlayType::kGeneve ? net::kGenevePort : net::kVxlanPort;
  end.local = *net::IpAddress::parse(own_end(carrier, side));
  end.remote = *net::IpAddress::parse(far_end(carrier, side));
  return end;
}

core::Snapshot network_of(const Carrier& carrier) {
  if (carrier.plain) return {two_sides().build(), std::make_shared<core::Policy>()};
  testing::NetworkBuilder builder;
  if (carrier.service) {
    for (unsigned side = 0; side < 2; ++side) {
      core::ServicePath path;
      path.path = kNetwork + side;
      builder.service(core::PortId(static_cast<std::uint16_t>(side)), "path" + std::to_string(side), path);
    }
    return {builder.chain("path0", "path1").build(), std::make_shared<core::Policy>()};
  }
  const std::string length = carrier.ipv6 ? "/64" : "/24";
  for (unsigned side = 0; side < 2; ++side)
    builder.interface(core::PortId(static_cast<std::uint16_t>(side)), "under" + std::to_string(side),
                      {own_end(carrier, side) + length});
  for (unsigned side = 0; side < 2; ++side) {
    core::Overlay overlay;
    overlay.end = end_of(carrier, side);
    overlay.peers = {overlay.end.remote};
    builder.overlay(overlay, "over" + std::to_string(side), {});
    builder.route(far_end(carrier, side), "under" + std::to_string(side),
                  testing::neighbor_mac(side).to_string());
  }
  builder.route("10.0.0.0/8", "over0", testing::neighbor_mac(2).to_string())
      .route("192.168.0.0/16", "over1", testing::neighbor_mac(3).to_string());
  return {builder.build(), std::make_shared<core::Policy>()};
}

// RFC 8300 section 2: MD type 1, a frame inside.
std::vector<std::uint8_t> service_header(unsigned side) {
  std::vector<std::uint8_t> bytes(kEthernet + sizeof(net::NshHeader) + 16);
  *reinterpret_cast<net::EthernetHeader*>(bytes.data()) = {
      testing::interface_mac(side), testing::neighbor_mac(side), be16(net::ether_type::kNsh)};
  *reinterpret_cast<net::NshHeader*>(bytes.data() + kEthernet) = {be16(0x0fc6), 1, 3,
                                                                  be32((kNetwork + side) << 8 | 255)};
  return bytes;
}

// As the far end sends them.
std::vector<std::uint8_t> outer_headers(const Carrier& carrier, unsigned side) {
  if (carrier.service) return service_header(side);
  net::OverlayEnd end = end_of(carrier, side);
  std::swap(end.local, end.remote);
  net::OverlayOuter outer(end);
  const std::vector<std::uint8_t> link(kEthernet);
  outer.set_link(link);
  std::vector<std::uint8_t> bytes(net::OverlayOuter::kMostBytes);
  static_cast<void>(
      outer.write(bytes.data() + bytes.size(), {.length = 0, .traffic_class = 0, .flow = 7, .ipv4 = true}));
  bytes.erase(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(outer.length()));
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(bytes.data());
  ethernet = {testing::interface_mac(side), testing::neighbor_mac(side),
              be16(carrier.ipv6 ? net::ether_type::kIpv6 : net::ether_type::kIpv4)};
  return bytes;
}

}  // namespace

OverlayBed::OverlayBed(const Carrier& carrier, const TrafficConfig& traffic)
    : PipelineBed(1, network_of(carrier),
                  [](const core::WorkerServices&) -> std::unique_ptr<core::Function> {
                    return std::make_unique<Nothing>();
                  },
                  {}),
      carrier_(carrier),
      traffic_(traffic, 0, 1) {
  if (carrier.plain) return;
  for (unsigned side = 0; side < 2; ++side) outer_[side] = outer_headers(carrier, side);
}

void OverlayBed::wrap(rte_mbuf* mbuf, bool client) const {
  const unsigned side = client ? 0 : 1;
  auto& ethernet = *rte_pktmbuf_mtod(mbuf, net::EthernetHeader*);
  ethernet.destination = testing::interface_mac(2 + side);
  if (!carrier_.ethernet) rte_pktmbuf_adj(mbuf, kEthernet);
  const auto length = static_cast<std::uint16_t>(outer_[side].size());
  auto* bytes = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(mbuf, length));
  std::memcpy(bytes, outer_[side].data(), length);
  if (carrier_.service) return;
  const auto behind = static_cast<std::uint16_t>(mbuf->pkt_len - kEthernet);
  net::Headers headers;
  headers.l3_offset = kEthernet;
  headers.end_offset = static_cast<std::uint16_t>(mbuf->pkt_len);
  headers.protocol = carrier_.type == net::OverlayType::kGre ? net::protocol::kGre : net::protocol::kUdp;
  if (carrier_.ipv6) {
    headers.family = 6;
    headers.l4_offset = kEthernet + sizeof(net::Ipv6Header);
    reinterpret_cast<net::Ipv6Header*>(bytes + kEthernet)->payload_length =
        be16(static_cast<std::uint16_t>(behind - sizeof(net::Ipv6Header)));
  } else {
    headers.family = 4;
    headers.l4_offset = kEthernet + sizeof(net::Ipv4Header);
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(bytes + kEthernet);
    ip.total_length = be16(behind);
    net::set_ipv4_checksum(ip);
  }
  if (headers.protocol != net::protocol::kUdp) return;
  reinterpret_cast<net::UdpHeader*>(bytes + headers.l4_offset)->length =
      be16(static_cast<std::uint16_t>(mbuf->pkt_len - headers.l4_offset));
  if (carrier_.ipv6) net::set_transport_checksum(MutableBytes(bytes, mbuf->pkt_len), headers);
}

void OverlayBed::fill_window(unsigned worker, Size size) {
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
    const bool client = (i & 1U) == 0;
    traffic_.write_any(mbuf, client, size);
    if (!carrier_.plain) wrap(mbuf, client);
    return client ? 0U : 1U;
  });
}

}  // namespace millrace::benchmark
