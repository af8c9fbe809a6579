// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/traffic.h"

#include <algorithm>
#include <cstring>

#include "common/core/owner.h"
#include "common/net/transport.h"
#include "tests/support/networks.h"

namespace millrace::benchmark {
namespace {

constexpr unsigned kFcs = 4;
constexpr unsigned kPortsPerFlow = 16;  // to choose from, so that the flow has the owner it should have
constexpr std::array<std::uint16_t, 8> kServices = {80, 443, 22, 53, 8080, 5060, 123, 993};
constexpr std::array<unsigned, 12> kImixSizes = {64, 64, 576, 64, 576, 64, 1500, 64, 576, 64, 64, 576};

net::Ipv6Address address6(std::uint8_t side, std::uint32_t number) noexcept {
  net::Ipv6Address address;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, side};
  const be32 word(number);
  std::memcpy(address.bytes.data() + 6, &word, 3);  // different networks, not only different hosts
  std::memcpy(address.bytes.data() + 12, &word, sizeof word);
  return address;
}

// owner_of() over what a NIC's symmetric RSS hashes: addresses and ports.
unsigned owner(const Flow& flow, bool ipv6, unsigned workers) noexcept {
  std::uint32_t words = flow.client4 ^ flow.server4;
  if (ipv6) {
    words = 0;
    for (unsigned at = 0; at < 16; at += 4) {
      be32 client;
      be32 server;
      std::memcpy(&client, flow.client6.bytes.data() + at, sizeof client);
      std::memcpy(&server, flow.server6.bytes.data() + at, sizeof server);
      words ^= client.host() ^ server.host();
    }
  }
  const auto folded = static_cast<std::uint16_t>(words >> 16 ^ words ^ flow.client_port ^ flow.server_port);
  return core::owner_of(core::symmetric_hash(be16(folded).wire()), workers);
}

}  // namespace

unsigned packet_bytes(Size size) noexcept {
  switch (size) {
    case Size::k64:
      return 64;
    case Size::kImix:
      return 0;
    case Size::k1420:
      return 1420;
  }
  return 0;
}

unsigned frame_bytes(Size size, std::uint32_t choice) noexcept {
  return (size == Size::kImix ? kImixSizes[choice % kImixSizes.size()] : packet_bytes(size)) - kFcs;
}

Traffic::Traffic(const TrafficConfig& config, unsigned worker, unsigned workers)
    : config_(config),
      worker_(worker),
      workers_(workers),
      flows_(std::max(config.flows / workers, 1U)),
      random_(worker + 1) {}

Flow Traffic::flow(unsigned index) const noexcept {
  const unsigned number = index * workers_ + worker_;
  // Odd multipliers spread the numbers over the address range one to one, so that rules are met evenly.
  const std::uint32_t client = (number / config_.flows_per_client + 1) * 0x9e3779b1U & 0x7fffffU;
  const std::uint32_t server = number * 0x85ebca6bU >> 17;
  Flow flow;
  flow.client_port = static_cast<std::uint16_t>(1024 + number % config_.flows_per_client * kPortsPerFlow);
  flow.server_port = kServices[server % kServices.size()];
  flow.udp = config_.udp || (config_.mixed && (number & 1U) != 0);
  if (config_.ipv6) {
    flow.client6 = address6(0xa, client << 8);
    flow.server6 = address6(0xb, server << 8);
  } else {
    flow.client4 = 0x0a000000U + client;
    flow.server4 = 0xc0a80000U + server;
  }
  if (workers_ > 1) {
    while (owner(flow, config_.ipv6, workers_) != worker_) ++flow.client_port;
  }
  return flow;
}

void Traffic::write(rte_mbuf* mbuf, const Flow& flow, Step step, unsigned bytes) const noexcept {
  const bool client = from_client(step);
  const unsigned l3_bytes = config_.ipv6 ? sizeof(net::Ipv6Header) : sizeof(net::Ipv4Header);
  const unsigned l4_bytes = flow.udp ? sizeof(net::UdpHeader) : sizeof(net::TcpHeader);
  constexpr unsigned kEthernet = sizeof(net::EthernetHeader);
  bytes = std::max(bytes, kEthernet + l3_bytes + l4_bytes);
  mbuf->data_off = RTE_PKTMBUF_HEADROOM;
  mbuf->data_len = static_cast<std::uint16_t>(bytes);
  mbuf->pkt_len = bytes;
  mbuf->ol_flags = 0;

  auto* at = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  auto& ethernet = *reinterpret_cast<net::EthernetHeader*>(at);
  ethernet.destination = testing::interface_mac(client ? 0 : 1);
  ethernet.source = testing::neighbor_mac(client ? 0 : 1);
  ethernet.type = be16(config_.ipv6 ? net::ether_type::kIpv6 : net::ether_type::kIpv4);
  at += kEthernet;

  const auto protocol = flow.udp ? net::protocol::kUdp : net::protocol::kTcp;
  const unsigned ip_bytes = bytes - kEthernet;
  if (config_.ipv6) {
    auto& ip = *reinterpret_cast<net::Ipv6Header*>(at);
    ip.version_class_flow = be32(0x60000000);
    ip.payload_length = be16(static_cast<std::uint16_t>(ip_bytes - l3_bytes));
    ip.next_header = protocol;
    ip.hop_limit = 64;
    ip.source = client ? flow.client6 : flow.server6;
    ip.destination = client ? flow.server6 : flow.client6;
  } else {
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(at);
    ip = {};
    ip.version_length = 0x45;
    ip.total_length = be16(static_cast<std::uint16_t>(ip_bytes));
    ip.ttl = 64;
    ip.protocol = protocol;
    ip.source.value = be32(client ? flow.client4 : flow.server4);
    ip.destination.value = be32(client ? flow.server4 : flow.client4);
    net::set_ipv4_checksum(ip);
  }
  at += l3_bytes;

  const be16 source(client ? flow.client_port : flow.server_port);
  const be16 destination(client ? flow.server_port : flow.client_port);
  if (flow.udp) {
    *reinterpret_cast<net::UdpHeader*>(at) = {source, destination,
                                              be16(static_cast<std::uint16_t>(ip_bytes - l3_bytes)), be16()};
    return;
  }
  using namespace net::tcp_flag;
  constexpr std::uint32_t kClientSequence = 1000;
  constexpr std::uint32_t kServerSequence = 5000;
  auto& tcp = *reinterpret_cast<net::TcpHeader*>(at);
  tcp = {source, destination, be32(), be32(), 0x50, kAck, be16(65535), be16(), be16()};
  switch (step) {
    case Step::kSyn:
      tcp.sequence = be32(kClientSequence);
      tcp.flags = kSyn;
      break;
    case Step::kSynAck:
      tcp.sequence = be32(kServerSequence);
      tcp.acknowledgment = be32(kClientSequence + 1);
      tcp.flags = kSyn | kAck;
      break;
    case Step::kAck:
    case Step::kData:
      tcp.sequence = be32(kClientSequence + 1);
      tcp.acknowledgment = be32(kServerSequence + 1);
      break;
    case Step::kReply:
      tcp.sequence = be32(kServerSequence + 1);
      tcp.acknowledgment = be32(kClientSequence + 1);
      break;
  }
  // Of all segments the appliance looks at the checksums of these alone.
  if ((tcp.flags & kSyn) == 0) return;
  net::Headers headers;
  headers.family = config_.ipv6 ? 6 : 4;
  headers.protocol = protocol;
  headers.l3_offset = kEthernet;
  headers.l4_offset = static_cast<std::uint16_t>(kEthernet + l3_bytes);
  headers.end_offset = static_cast<std::uint16_t>(bytes);
  net::set_transport_checksum(MutableBytes(rte_pktmbuf_mtod(mbuf, std::uint8_t*), bytes), headers);
}

void Traffic::write_any(rte_mbuf* mbuf, bool client, Size size) noexcept {
  const auto choice = static_cast<std::uint32_t>(random_());
  const auto index = static_cast<unsigned>(std::uint64_t{choice} * flows_ >> 32);
  write(mbuf, flow(index), client ? Step::kData : Step::kReply, frame_bytes(size, choice));
}

}  // namespace millrace::benchmark
