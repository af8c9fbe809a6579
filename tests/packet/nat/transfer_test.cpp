// SPDX-License-Identifier: BSD-3-Clause
// Bindings that go from one instance to another.
#include "tests/packet/nat/ftp_connection.h"
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing {
namespace {

class Transfer : public NatTest {
 protected:
  // The other instance has as many workers as the first has not.
  [[nodiscard]] static NatVariant other() {
    NatVariant changed = variant();
    changed.workers = 3 - changed.workers;
    return changed;
  }
};
MILLRACE_NAT_VARIANTS(Transfer);

constexpr std::string_view kTransferServer = "93.184.216.34";

NatSpec everything() {
  NatSpec spec = pcp_client::answering();
  spec.nat64 = "64:ff9b::/96";
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.2", "203.0.113.3"};
  return spec;
}

NatSpec in_blocks() {
  NatSpec spec = everything();
  spec.pools[0].block = 256;
  return spec;
}

void expect_taken(NatBed& bed, const std::string& stream, std::uint64_t taken, std::uint64_t refused = 0) {
  const auto imported = bed.import(stream);
  ASSERT_TRUE(imported) << imported.error().message();
  EXPECT_EQ(imported->taken, taken);
  EXPECT_EQ(imported->refused, refused);
}

// A session from inside: what goes out, and what comes back to it.
struct Conversation {
  PacketBuilder out;
  Seen sent;
  PacketBuilder in;
};

std::vector<Conversation> converse(NatBed& bed) {
  std::vector<Conversation> all;
  const auto begin = [&](const PacketBuilder& first, const PacketBuilder& next, auto&& answer) {
    const auto sent = bed.one(kInside, first);
    if (!sent) return;
    all.push_back({next, *sent, answer(NatBed::outside(sent->destination, sent->source), *sent)});
    EXPECT_TRUE(bed.one(kOutside, all.back().in));
  };
  const auto udp_answer = [](PacketBuilder packet, const Seen& sent) {
    return packet.udp(sent.destination_port, sent.source_port).payload(9);
  };
  for (const std::string_view host : {"10.0.0.10", "10.0.0.11", "10.0.3.7", "10.0.0.80"}) {
    const auto udp = NatBed::inside(host, kTransferServer).udp(4000, 53).payload(5);
    begin(udp, udp, udp_answer);
    begin(
        NatBed::inside(host, kTransferServer).tcp(4001, 80).flags("S"),
        NatBed::inside(host, kTransferServer).tcp(4001, 80).flags("A").payload(4),
        [](PacketBuilder packet, const Seen& sent) { return packet.tcp(80, sent.source_port).flags("SA"); });
    const auto ping = NatBed::inside(host, kTransferServer).echo_request(77, 1);
    begin(ping, ping,
          [](PacketBuilder packet, const Seen& sent) { return packet.echo_reply(sent.source_port, 1); });
  }
  const auto through = NatBed::inside("2001:db8:1::10", "64:ff9b::808:808").udp(4000, 53).payload(20);
  begin(through, through, udp_answer);
  const auto tenant = NatBed::from(kTenant, "10.0.0.10", kTransferServer).udp(4000, 53).payload(5);
  begin(tenant, tenant, udp_answer);
  return all;
}

void expect_to_go_on(NatBed& bed, const std::vector<Conversation>& conversations) {
  for (const Conversation& one : conversations) {
    EXPECT_TRUE(bed.one(kOutside, one.in));
    const auto out = bed.one(kInside, one.out);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->ends(), one.sent.ends());
  }
}

TEST_P(Transfer, EverySessionGoesOnWithItsOutsidePort) {
  for (const NatSpec& spec : {everything(), in_blocks()}) {
    NatBed from(variant(), spec);
    const auto conversations = converse(from);
    ASSERT_EQ(conversations.size(), 14U);
    NatBed to(other(), spec);
    expect_taken(to, from.exported(), from.sessions() + from.mappings());
    EXPECT_EQ(to.sessions(), from.sessions());
    EXPECT_EQ(to.mappings(), from.mappings());
    EXPECT_EQ(to.subscribers(), from.subscribers());
    expect_to_go_on(to, conversations);
    EXPECT_EQ(to.sessions(), from.sessions());
    // A connection keeps the time an open one has.
    to.wait(7'000'000);
    EXPECT_EQ(to.sessions(), 4U);
  }
}

TEST_P(Transfer, APortThatRestsGoesOnResting) {
  const NatSpec spec = everything();
  NatBed from(variant(), spec);
  const auto sent = from.one(kInside, NatBed::inside("10.0.0.10", kTransferServer).udp(4000, 53));
  ASSERT_TRUE(sent);
  from.wait(300'500);
  ASSERT_EQ(from.sessions(), 0U);
  from.wait(60'000);
  NatBed to(other(), spec);
  expect_taken(to, from.exported(), 1);
  EXPECT_EQ(to.mappings(), 1U);
  to.wait(50'000);
  EXPECT_EQ(to.mappings(), 1U);
  const auto in = NatBed::outside(kTransferServer, sent->source).udp(53, sent->source_port);
  to.refused(kOutside, in, nat::Drop::kNoBinding);
  to.wait(15'000);
  EXPECT_EQ(to.mappings(), 0U);
}

TEST_P(Transfer, WhatAHostAskedForStaysUntilItsLifetimeIsOver) {
  using namespace pcp_client;
  NatBed from(variant(), answering());
  const auto mapping = ask(from, with(map({.lifetime = 300}), filter("9.9.9.9", 128, 0)));
  ASSERT_TRUE(mapping);
  const auto peered = ask(from, peer({.lifetime = 600, .port = 4500}, "8.8.8.8", 53));
  ASSERT_TRUE(peered);
  NatBed to(other(), answering());
  expect_taken(to, from.exported(), 2 + 1 + 2);
  EXPECT_EQ(leases(to), 2U);
  EXPECT_TRUE(to.one(kOutside, into(*mapping)));
  to.refused(kOutside, into(*mapping, "7.7.7.7"), nat::Drop::kFiltered);
  EXPECT_TRUE(to.one(kOutside, into(*peered, "8.8.8.8", 53)));
  // Who knows the nonce may renew it, who does not may not.
  EXPECT_EQ(result_of(to, map({.nonce = 2})), kNotAuthorized);
  to.wait(301'000);
  EXPECT_EQ(leases(to), 1U);
}

TEST_P(Transfer, ASecondTimeNothingIsTaken) {
  NatBed from(variant(), everything());
  const auto conversations = converse(from);
  const std::string stream = from.exported();
  const std::uint64_t all = from.sessions() + from.mappings();
  NatBed to(other(), everything());
  expect_taken(to, stream, all);
  expect_taken(to, stream, 0, all);
  expect_to_go_on(to, conversations);
}

TEST_P(Transfer, WhatTheOtherInstanceDoesNotAllowIsRefused) {
  NatBed from(variant(), everything());
  converse(from);
  const std::string stream = from.exported();
  const std::uint64_t all = from.sessions() + from.mappings();
  const auto refuses_all = [&](auto&& change) {
    NatSpec spec = everything();
    spec.statics.clear();
    change(spec);
    NatBed to(other(), spec);
    expect_taken(to, stream, 0, all);
    EXPECT_EQ(to.sessions() + to.mappings() + to.subscribers(), 0U);
  };
  refuses_all([](NatSpec& spec) { spec.pools[0].addresses = {"203.0.113.9"}; });
  refuses_all([](NatSpec& spec) {
    spec.pools[0].first_port = 40;
    spec.pools[0].last_port = 1000;
  });
}

TEST_P(Transfer, APortThatAnotherHasIsNotTaken) {
  NatSpec spec;
  spec.pools[0].first_port = 2000;
  spec.pools[0].last_port = 2000;
  NatBed from(variant(), spec);
  ASSERT_TRUE(from.one(kInside, NatBed::inside("10.0.0.10", kTransferServer).udp(4000, 53)));
  NatBed to(other(), spec);
  const auto own = to.one(kInside, NatBed::inside("10.0.0.55", kTransferServer).udp(4000, 53));
  ASSERT_TRUE(own);
  expect_taken(to, from.exported(), 0, 2);
  const auto answer =
      to.one(kOutside, NatBed::outside(kTransferServer, own->source).udp(53, own->source_port));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->destination, "10.0.0.55");
}

// Nor what belongs to it, though the other host has the same inside port and talks to someone else.
TEST_P(Transfer, WhatBelongsToAPortThatAnotherHasIsNotTaken) {
  NatSpec spec = pcp_client::answering();
  spec.pools[0].first_port = 2000;
  spec.pools[0].last_port = 2000;
  NatBed from(variant(), spec);
  const auto asked = pcp_client::ask(from, pcp_client::map({.port = 4000}));
  ASSERT_TRUE(asked);
  ASSERT_TRUE(from.one(kInside, NatBed::inside(pcp_client::kHost, kTransferServer).udp(4000, 53)));
  NatBed to(other(), spec);
  ASSERT_TRUE(to.one(kInside, NatBed::inside("10.0.0.55", "8.8.4.4").udp(4000, 53)));
  expect_taken(to, from.exported(), 0, 3);
  EXPECT_EQ(to.sessions(), 1U);
  EXPECT_EQ(pcp_client::leases(to), 0U);
  to.refused(kOutside, NatBed::outside(kTransferServer, "203.0.113.1").udp(53, 2000), nat::Drop::kFiltered);
}

TEST_P(Transfer, OfADamagedStreamNothingIsTaken) {
  NatBed from(variant(), everything());
  converse(from);
  const std::string stream = from.exported();
  NatBed to(other(), everything());
  for (std::size_t length = 0; length < stream.size(); length += 13) {
    const auto imported = to.import(std::string_view(stream).substr(0, length));
    ASSERT_FALSE(imported) << length;
    ASSERT_NE(imported.error().message().find("byte "), std::string::npos) << imported.error().message();
  }
  EXPECT_EQ(to.sessions() + to.mappings() + to.subscribers(), 0U);
}

// A connection whose numbers differ on both sides goes on with the difference.
TEST_P(Transfer, AConnectionThatAGatewayReadsGoesOnWithItsNumbers) {
  using namespace ftp;
  NatBed from(variant(), short_ports());
  Control before{from};
  before.open();
  constexpr std::string_view kCommand = "PORT 10,0,0,10,8,1\r\n";
  const auto said = before.say(kClientFirst, kCommand);
  ASSERT_TRUE(said);
  const auto grown = static_cast<std::uint32_t>(said->payload.size() - kCommand.size());
  ASSERT_NE(grown, 0U);
  const auto numbers = numbers_in(text_of(*said));
  ASSERT_EQ(numbers.size(), 6U);

  NatBed to(other(), short_ports());
  // Session and mapping, the port that is open and its lease, and what the gateway remembers.
  expect_taken(to, from.exported(), 5);
  Control after{to, before.outside, before.port};
  const auto next = after.say(kClientFirst + static_cast<std::uint32_t>(kCommand.size()), "NOOP\r\n");
  ASSERT_TRUE(next);
  EXPECT_EQ(seq_of(*next), kClientFirst + kCommand.size() + grown);
  const auto answer =
      to.one(kOutside,
             after.in("PA", kServerFirst, kClientFirst + static_cast<std::uint32_t>(kCommand.size()) + grown)
                 .payload("200 Done\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(ack_of(*answer), kClientFirst + kCommand.size());
  const auto data = to.one(kOutside, data_syn(kFtpServer, after.outside, numbers[4] * 256 + numbers[5]));
  ASSERT_TRUE(data);
  EXPECT_EQ(data->destination_port, 2049);
}

}  // namespace
}  // namespace millrace::testing
