// SPDX-License-Identifier: BSD-3-Clause
// Connection ids that name the server: draft-ietf-quic-load-balancers, packets as RFC 8999 has them.
#include <array>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::Backend;
using load_balancer::QuicServers;
using Data = std::vector<std::uint8_t>;

class Quic : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Quic);

constexpr std::uint8_t kConfig = 2;

BalancerSpec quic_spec() {
  auto service = web_service();
  service.ports = {{net::protocol::kUdp, 443, 443}};
  service.quic = load_balancer::ServiceSpec::Quic{.config = kConfig, .id_bytes = 2};
  for (std::size_t i = 0; i < service.backends.size(); ++i)
    service.backends[i].server_id = QuicServers::Id{0xab, static_cast<std::uint8_t>(i + 1)};
  return {.services = {service}};
}

// A connection id of eight bytes: configuration and length, server id, nonce.
Data connection_id(std::uint8_t server, std::uint8_t config = kConfig) {
  return {static_cast<std::uint8_t>(unsigned{config} << 5U | 7U), 0xab, server, 1, 2, 3, 4, 5};
}

Data short_header(const Data& id) {
  Data packet{0x43};
  packet.insert(packet.end(), id.begin(), id.end());
  packet.resize(packet.size() + 30, 0x77);
  return packet;
}

Data long_header(const Data& id, std::uint8_t type = 0xc3) {
  Data packet{type, 0, 0, 0, 1, static_cast<std::uint8_t>(id.size())};
  packet.insert(packet.end(), id.begin(), id.end());
  packet.push_back(0);
  packet.resize(packet.size() + 30, 0x77);
  return packet;
}

PacketBuilder datagram(std::string_view client, std::uint16_t port, const Data& data) {
  return BalancerBed::from_client(client, kService).udp(port, 443).payload(data);
}

TEST_P(Quic, AMigratingClientKeepsItsServer) {
  for (std::uint8_t server = 1; server <= 3; ++server) {
    BalancerBed bed(variant(), quic_spec());
    const std::string backend = "10.0.0.1" + std::to_string(server);
    // Whatever address and port it comes from next.
    unsigned addresses = 0;
    for (const std::string_view client : {"192.0.2.7", "192.0.2.99", "198.51.100.50", "192.0.2.7"}) {
      const auto there = bed.one(kClients, datagram(client, static_cast<std::uint16_t>(5000 + addresses++),
                                                    short_header(connection_id(server))));
      ASSERT_TRUE(there);
      EXPECT_EQ(there->destination, backend);
      const auto back = bed.one(
          kBackends, BalancerBed::from_backend(backend, client).udp(443, there->source_port).payload(40));
      ASSERT_TRUE(back);
      EXPECT_EQ(back->source, kService);
    }
  }
}

TEST_P(Quic, LongHeadersNameTheServerToo) {
  BalancerBed bed(variant(), quic_spec());
  const auto there = bed.one(kClients, datagram(kClient, 5000, long_header(connection_id(3), 0xe3)));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->destination, "10.0.0.13");
}

// The hash decides, and the connection stays there.
TEST_P(Quic, WhatNamesNobodyIsBalancedAsEver) {
  BalancerBed plain(variant(), [] {
    auto spec = quic_spec();
    spec.services[0].quic.reset();
    return spec;
  }());
  BalancerBed bed(variant(), quic_spec());
  const std::array<Data, 7> others{long_header({9, 9, 9, 9, 9, 9, 9, 9}),  // a client's first
                                   short_header(connection_id(1, 3)),      // another configuration
                                   short_header(connection_id(1, 7)),      // unroutable
                                   short_header(connection_id(77)),        // no such server
                                   long_header({kConfig << 5U, 0xab}),     // too short for a server id
                                   Data{0x43, kConfig << 5U, 0xab},        // cut off
                                   Data{}};
  std::uint16_t port = 5000;
  for (const Data& data : others) {
    const auto expected = plain.one(kClients, datagram(kClient, port, data));
    const auto there = bed.one(kClients, datagram(kClient, port, data));
    ASSERT_TRUE(expected && there);
    EXPECT_EQ(there->destination, expected->destination);
    ++port;
  }
}

TEST_P(Quic, AServerThatIsDownKeepsTheConnectionsThatNameIt) {
  BalancerBed bed(variant(), quic_spec());
  bed.change([](BalancerSpec& spec) { spec.services[0].backends[1].state = Backend::State::kDraining; });
  const auto there = bed.one(kClients, datagram(kClient, 5000, short_header(connection_id(2))));
  ASSERT_TRUE(there);
  EXPECT_EQ(there->destination, "10.0.0.12");
  bed.change(
      [](BalancerSpec& spec) { spec.services[0].backends.erase(spec.services[0].backends.begin() + 1); });
  const auto elsewhere = bed.one(kClients, datagram(kClient, 5001, short_header(connection_id(2))));
  ASSERT_TRUE(elsewhere);
  EXPECT_NE(elsewhere->destination, "10.0.0.12");
}

}  // namespace
}  // namespace millrace::testing
