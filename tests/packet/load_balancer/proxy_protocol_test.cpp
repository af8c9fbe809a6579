// SPDX-License-Identifier: BSD-3-Clause
// The client's address by the PROXY protocol, version 2: HAProxy's proxy-protocol.txt section 2.2.
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::ClientAddress;
using load_balancer::ServiceSpec;

class ProxyProtocol : public BalancerTest {
 protected:
  static constexpr std::uint32_t kFirst = 0x10000000;  // of the client's bytes
  static constexpr std::uint32_t kTheirs = 0x77000001;
  static constexpr std::uint32_t kLength = 28;

  static ServiceSpec told(ServiceSpec service = full_nat_service()) {
    service.client_address = ClientAddress::kProxyProtocol;
    return service;
  }
  static PacketBuilder from_client(std::uint32_t seq) {
    return BalancerBed::from_client(kClient, kService).tcp(4000, 80).seq(seq).ack(kTheirs).flags("A");
  }
  static PacketBuilder syn() { return from_client(kFirst - 1).ack(0).flags("S"); }
  static PacketBuilder from_backend(const Seen& there, std::uint32_t ack) {
    return BalancerBed::from_backend(there.destination, there.source)
        .tcp(there.destination_port, there.source_port)
        .seq(kTheirs)
        .ack(ack)
        .flags("A");
  }
  static std::uint32_t number(const Seen& seen, std::size_t at) {
    const std::size_t l4 = 14 + (seen.frame.at(14) >> 4U == 6 ? 40 : 20) + at;
    std::uint32_t read = 0;
    for (std::size_t i = 0; i < 4; ++i) read = read << 8U | seen.frame.at(l4 + i);
    return read;
  }
  static std::uint32_t seq(const Seen& seen) { return number(seen, 4); }
  static std::uint32_t ack(const Seen& seen) { return number(seen, 8); }

  // The client's SYN as the backend saw it, and its answer.
  static std::optional<Seen> handshake(BalancerBed& bed) {
    const auto there = bed.one(kClients, syn());
    if (!there) return there;
    EXPECT_EQ(seq(*there), kFirst - 1 - kLength);
    const auto back =
        bed.one(kBackends, from_backend(*there, kFirst - kLength).seq(kTheirs - 1).flags("SA").window(1000));
    EXPECT_TRUE(back);
    if (back) {
      EXPECT_EQ(ack(*back), kFirst);
      EXPECT_EQ(number(*back, 12) & 0xffffU, 1000U - kLength);
    }
    return there;
  }
};
MILLRACE_BALANCER_VARIANTS(ProxyProtocol);

// 192.0.2.7:4000 to 203.0.113.80:80 by TCP over IPv4.
const Frame kHeader{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11,
                    0,    12,   192,  0,    2,    7,    203,  0,    113,  80,   0x0f, 0xa0, 0,    80};

Frame with_header(std::string_view text) {
  Frame whole = kHeader;
  whole.insert(whole.end(), text.begin(), text.end());
  return whole;
}

TEST_P(ProxyProtocol, TheHeaderComesWithTheHandshakesLastSegment) {
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = handshake(bed);
  ASSERT_TRUE(there);
  const auto last = bed.one(kClients, from_client(kFirst));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->payload, kHeader);
  EXPECT_EQ(seq(*last), kFirst - kLength);
  EXPECT_EQ(ack(*last), kTheirs);
  // What follows has the numbers the client gave it, there and back.
  const auto data = bed.one(kClients, from_client(kFirst).flags("AP").payload("GET /"));
  ASSERT_TRUE(data);
  EXPECT_EQ(seq(*data), kFirst);
  EXPECT_EQ(data->payload.size(), 5U);
  const auto early = bed.one(kBackends, from_backend(*there, kFirst));
  ASSERT_TRUE(early);
  EXPECT_EQ(ack(*early), kFirst);
  const auto back = bed.one(kBackends, from_backend(*there, kFirst + 5).payload(100));
  ASSERT_TRUE(back);
  EXPECT_EQ(ack(*back), kFirst + 5);
  EXPECT_EQ(seq(*back), kTheirs);
}

TEST_P(ProxyProtocol, TheHeaderStandsBeforeTheFirstDataWhenTheHandshakesLastSegmentIsLost) {
  BalancerBed bed(variant(), {.services = {told()}});
  ASSERT_TRUE(handshake(bed));
  const auto data = bed.one(kClients, from_client(kFirst).payload("GET /"));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload, with_header("GET /"));
  EXPECT_EQ(seq(*data), kFirst - kLength);
}

TEST_P(ProxyProtocol, OfIpv6) {
  BalancerBed bed(variant(), {.services = {told(full_nat_service6())}});
  const auto from = [] {
    return BalancerBed::from_client("2001:db8:9::7", kService6).tcp(4000, 80).seq(kFirst).ack(kTheirs);
  };
  const auto there = bed.one(kClients, from().seq(kFirst - 1).flags("S"));
  ASSERT_TRUE(there);
  EXPECT_EQ(seq(*there), kFirst - 1 - 52);
  ASSERT_TRUE(bed.one(kBackends, BalancerBed::from_backend(there->destination, there->source)
                                     .tcp(80, there->source_port)
                                     .ack(kFirst - 52)
                                     .flags("SA")));
  const auto last = bed.one(kClients, from().flags("A"));
  ASSERT_TRUE(last);
  ASSERT_EQ(last->payload.size(), 52U);
  const Frame begin(last->payload.begin() + 12, last->payload.begin() + 20);
  EXPECT_EQ(begin, (Frame{0x21, 0x21, 0, 36, 0x20, 0x01, 0x0d, 0xb8}));
  const Frame ports(last->payload.end() - 4, last->payload.end());
  EXPECT_EQ(ports, (Frame{0x0f, 0xa0, 0, 80}));
}

TEST_P(ProxyProtocol, ToBackendsOfTheOtherFamilyItTellsTheClientsOwn) {
  auto service = told(full_nat_service());
  service.backends = {backend_at("2001:db8:10::11")};
  service.sources = {*net::IpAddress::parse(kSource6)};
  BalancerBed bed(variant(), {.services = {service}});
  ASSERT_TRUE(handshake(bed));
  const auto last = bed.one(kClients, from_client(kFirst));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->source, kSource6);
  EXPECT_EQ(last->payload, kHeader);
}

TEST_P(ProxyProtocol, ALostHeaderIsSentAgainWithTheClientsData) {
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = handshake(bed);
  ASSERT_TRUE(there);
  ASSERT_TRUE(bed.one(kClients, from_client(kFirst)));
  ASSERT_TRUE(bed.one(kClients, from_client(kFirst).payload("GET /")));
  // The backend misses what came before the data.
  const auto missing = bed.one(kBackends, from_backend(*there, kFirst - kLength));
  ASSERT_TRUE(missing);
  EXPECT_EQ(ack(*missing), kFirst);
  const auto again = bed.one(kClients, from_client(kFirst).payload("GET /"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->payload, with_header("GET /"));
  ASSERT_TRUE(bed.one(kBackends, from_backend(*there, kFirst + 5)));
  const auto after = bed.one(kClients, from_client(kFirst).payload("GET /"));
  ASSERT_TRUE(after);
  EXPECT_EQ(seq(*after), kFirst) << "acknowledged, it is not sent any more";
}

// The timestamps of the client are repeated (RFC 7323 section 3.2).
TEST_P(ProxyProtocol, ALostHeaderIsSentAgainWithTimeWhenTheClientIsSilent) {
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = handshake(bed);
  ASSERT_TRUE(there);
  const auto stamped =
      from_client(kFirst).option({1, 1}).option_timestamps(0x01020304, 0x05060708).window(77);
  const auto last = bed.one(kClients, stamped);
  ASSERT_TRUE(last);
  EXPECT_EQ(last->payload, kHeader);
  for (unsigned i = 0; i < 3; ++i) {
    // Within two turns of the wheel of timers.
    const Tick due = 200U << i;
    std::vector<Seen> again;
    Tick waited = 0;
    for (; again.empty() && waited < due + 512; waited += 32) {
      bed.wait(32);
      again = bed.arrived();
    }
    EXPECT_GE(waited, due);
    ASSERT_EQ(again.size(), 1U) << i;
    EXPECT_EQ(again[0].ends(), there->ends());
    EXPECT_EQ(again[0].payload, kHeader);
    EXPECT_EQ(seq(again[0]), kFirst - kLength);
    EXPECT_EQ(ack(again[0]), kTheirs);
    EXPECT_EQ(number(again[0], 24), 0x01020304U);
    EXPECT_EQ(number(again[0], 28), 0x05060708U);
    EXPECT_EQ(number(again[0], 12) & 0xffffU, 77U);
  }
  ASSERT_TRUE(bed.one(kBackends, from_backend(*there, kFirst)));
  bed.wait(10'000);
  EXPECT_TRUE(bed.arrived().empty());
}

TEST_P(ProxyProtocol, AClientThatOnlyClosesIsToldToo) {
  BalancerBed bed(variant(), {.services = {told()}});
  ASSERT_TRUE(handshake(bed));
  const auto fin = bed.one(kClients, from_client(kFirst).flags("FA"));
  ASSERT_TRUE(fin);
  EXPECT_EQ(fin->payload, kHeader);
  EXPECT_EQ(fin->tcp_flags & 1U, 1U);
}

TEST_P(ProxyProtocol, ARefusalIsTheAnswerToTheClientsSyn) {
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = bed.one(kClients, syn());
  ASSERT_TRUE(there);
  const auto back = bed.one(kBackends, from_backend(*there, kFirst - kLength).seq(0).flags("RA"));
  ASSERT_TRUE(back);
  EXPECT_EQ(ack(*back), kFirst);
}

// A segment that would become too long goes as it is, behind the header in one of its own.
TEST_P(ProxyProtocol, AFullSegmentIsNotMadeLonger) {
  BalancerBed bed(variant(), {.services = {told()}});
  ASSERT_TRUE(handshake(bed));
  const auto seen = bed.pass(kClients, {from_client(kFirst).df().payload(1460)});
  ASSERT_EQ(seen.size(), 2U);
  const bool header_first = seen[0].payload.size() == kLength;
  const Seen& header = seen[header_first ? 0 : 1];
  const Seen& data = seen[header_first ? 1 : 0];
  EXPECT_EQ(header.payload, kHeader);
  EXPECT_EQ(seq(header), kFirst - kLength);
  EXPECT_EQ(data.payload.size(), 1460U);
  EXPECT_EQ(seq(data), kFirst);
}

TEST_P(ProxyProtocol, DataOnASynIsLeftForTheClientToSendAgain) {
  BalancerBed bed(variant(), {.services = {told()}});
  const auto there = bed.one(kClients, syn().payload("early"));
  ASSERT_TRUE(there);
  EXPECT_TRUE(there->payload.empty());
  EXPECT_EQ(seq(*there), kFirst - 1 - kLength);
}

}  // namespace
}  // namespace millrace::testing
