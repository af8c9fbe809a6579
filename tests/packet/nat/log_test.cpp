// SPDX-License-Identifier: BSD-3-Clause
// What the NAT gateway notes for its logs, as their readers get to see it: each event once, and none unasked.
#include <algorithm>
#include <set>

#include "tests/packet/nat/nat_bed.h"
#include "vnfs/nat/nat_record.h"

namespace millrace::testing {
namespace {

using nat::NatEventKind;
using nat::NatRecord;

class NatLog : public NatTest {};
MILLRACE_NAT_VARIANTS(NatLog);

constexpr nat::LoggedEvents kBlocks{
    .blocks = true, .sessions = false, .destinations = false, .refusals = true};
constexpr nat::LoggedEvents kSessions{
    .blocks = false, .sessions = true, .destinations = false, .refusals = true};

NatSpec logging(nat::LoggedEvents logged) {
  NatSpec spec;
  spec.logged = logged;
  return spec;
}

PacketBuilder udp_out(std::string_view host, std::uint16_t port, std::string_view to = "8.8.8.8",
                      std::uint16_t to_port = 53) {
  return NatBed::inside(host, to).udp(port, to_port).payload(20);
}

// What the workers noted since the last call.
std::vector<NatRecord> records(NatBed& bed) {
  std::vector<NatRecord> found;
  for (nat::WorkerState* state : bed.states()) {
    std::array<nat::NatEvent, 8> events;
    while (const std::size_t count = state->events.events().pop(events)) {
      for (std::size_t i = 0; i < count; ++i) {
        found.push_back(to_record(events[i], control::EventClock::now(1'000'000'000),
                                  {.domains = {"default", "tenant"}, .pools = {"public"}}));
      }
    }
  }
  return found;
}

std::uint64_t suppressed(const NatBed& bed) {
  std::uint64_t sum = 0;
  for (const nat::WorkerState* state : bed.states()) sum += state->events.suppressed();
  return sum;
}

std::string inside_end(const NatRecord& record) {
  return record.inside.to_string() + ":" + std::to_string(be16::from_wire(record.event.inside_port).host());
}
std::string text(nat::Endpoint end) {
  return end.ipv4().to_string() + ":" + std::to_string(end.wire_port().host());
}
std::string outside_end(const NatRecord& record) { return text(record.event.outside); }

TEST_P(NatLog, NothingIsNotedWhenNothingAsks) {
  NatSpec spec;
  spec.pools[0].ports_per_subscriber = 2;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 4; ++port) bed.pass(kInside, {udp_out("10.0.0.10", port)});
  bed.wait(1'000'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_TRUE(records(bed).empty());
  for (const nat::WorkerState* state : bed.states()) EXPECT_EQ(state->events.written(), 0U);
  EXPECT_EQ(suppressed(bed), 0U);
}

TEST_P(NatLog, ASessionFromItsBeginningToItsEnd) {
  NatBed bed(variant(), logging(kSessions));
  const auto out = bed.one(kInside, udp_out("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 4000)));
  const auto opened = records(bed);
  ASSERT_EQ(opened.size(), 1U) << "its mapping is not told of, nor its second packet";
  EXPECT_EQ(opened[0].event.kind, NatEventKind::kSessionOpened);
  EXPECT_EQ(inside_end(opened[0]), "10.0.0.10:4000");
  EXPECT_EQ(outside_end(opened[0]), out->source_end());
  EXPECT_EQ(opened[0].event.remote, nat::Endpoint{}) << "RFC 6888 REQ-12: not unasked";
  EXPECT_EQ(opened[0].event.protocol, 17);
  EXPECT_EQ(opened[0].domain, "default");
  EXPECT_EQ(opened[0].outside_domain, "default");
  EXPECT_EQ(opened[0].reason, "");

  bed.wait(301'000);
  const auto ended = records(bed);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].event.kind, NatEventKind::kSessionEnded);
  EXPECT_EQ(inside_end(ended[0]), "10.0.0.10:4000");
  EXPECT_EQ(outside_end(ended[0]), out->source_end());
  EXPECT_EQ(ended[0].reason, "idle_timeout");
}

TEST_P(NatLog, SessionsWithTheRemoteEndWhenItIsAskedFor) {
  NatSpec spec = logging(kSessions);
  spec.logged.destinations = true;
  NatBed bed(variant(), spec);
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 4000, "8.8.8.8", 53)));
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 4000, "9.9.9.9", 54)));
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(text(found[0].event.remote), "8.8.8.8:53");
  EXPECT_EQ(text(found[1].event.remote), "9.9.9.9:54");
  EXPECT_EQ(outside_end(found[0]), outside_end(found[1]));
}

TEST_P(NatLog, ATenantIsToldByItsDomain) {
  NatBed bed(variant(), logging(kSessions));
  ASSERT_TRUE(bed.one(kInside, NatBed::from(kTenant, "10.0.0.10", "8.8.8.8").udp(4000, 53)));
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.10:4000");
  EXPECT_EQ(found[0].domain, "tenant");
  EXPECT_EQ(found[0].outside_domain, "default");
}

TEST_P(NatLog, AnIcmpQueryIsToldByItsIdentifier) {
  NatBed bed(variant(), logging(kSessions));
  const auto out = bed.one(kInside, NatBed::inside("10.0.0.10", "8.8.8.8").echo_request(77, 1));
  ASSERT_TRUE(out);
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.protocol, 1);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.10:77");
  EXPECT_EQ(outside_end(found[0]), "203.0.113.1:" + std::to_string(out->source_port));
}

TEST_P(NatLog, AnIpv6HostThatReachesIpv4) {
  NatSpec spec = logging(kSessions);
  spec.logged.destinations = true;
  spec.nat64 = "64:ff9b::/96";
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, NatBed::inside("2001:db8:1::10", "64:ff9b::808:808").udp(4000, 53));
  ASSERT_TRUE(out);
  bed.wait(301'000);
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  for (const NatRecord& each : found) {
    EXPECT_EQ(each.inside.to_string(), "2001:db8:1::10");
    EXPECT_EQ(be16::from_wire(each.event.inside_port).host(), 4000);
    EXPECT_EQ(outside_end(each), out->source_end());
    EXPECT_EQ(text(each.event.remote), "8.8.8.8:53");
  }
  EXPECT_EQ(found[0].event.kind, NatEventKind::kSessionOpened);
  EXPECT_EQ(found[1].event.kind, NatEventKind::kSessionEnded);
}

// The profile tells whose it is.
TEST_P(NatLog, OfAStaticMappingOnlySessionsAreTold) {
  NatSpec spec = logging(kBlocks);
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8")};
  NatBed bed(variant(), spec);
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.80", 4000)));
  EXPECT_TRUE(records(bed).empty());
  bed.change([](NatSpec& changed) { changed.logged = kSessions; });
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.80", 4001)));
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.80:4001");
  EXPECT_EQ(outside_end(found[0]), "203.0.113.8:4001");
}

TEST_P(NatLog, APolicyThatRefusesASessionIsWhyItEnded) {
  NatBed bed(variant(), logging(kSessions));
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 4000)));
  bed.change([](NatSpec& spec) { spec.rules[0].sources = {*net::Prefix::parse("10.9.0.0/16")}; });
  bed.refused(kInside, udp_out("10.0.0.10", 4000), nat::Drop::kPolicyChanged);
  const auto found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].event.kind, NatEventKind::kSessionEnded);
  EXPECT_EQ(found[1].reason, "policy_changed");
}

// RFC 6888 REQ-12 and its section 4: of a port in a block the block tells.
TEST_P(NatLog, ABlockIsToldWhenItIsGivenAndWhenItIsTakenBack) {
  NatSpec spec = logging(kBlocks);
  spec.pools[0].block = 64;
  spec.pools[0].quarantine = 10'000;
  NatBed bed(variant(), spec);
  std::set<std::uint16_t> ports;
  for (std::uint16_t port = 1; port <= 64; ++port) {
    const auto out = bed.one(kInside, udp_out("10.0.0.10", port));
    ASSERT_TRUE(out);
    ports.insert(out->source_port);
  }
  auto found = records(bed);
  ASSERT_EQ(found.size(), 1U) << "neither sessions nor mappings";
  const NatRecord given = found[0];
  EXPECT_EQ(given.event.kind, NatEventKind::kBlockGiven);
  EXPECT_EQ(given.inside.to_string(), "10.0.0.10");
  EXPECT_EQ(outside_end(given), "203.0.113.1:0");
  EXPECT_EQ(given.domain, "default");
  EXPECT_EQ(given.event.first_port, *ports.begin()) << "all of its ports were used";
  EXPECT_EQ(given.event.last_port, *ports.rbegin());

  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 65)));
  found = records(bed);
  ASSERT_EQ(found.size(), 1U) << "a second block";
  EXPECT_EQ(found[0].event.kind, NatEventKind::kBlockGiven);
  EXPECT_NE(found[0].event.first_port, given.event.first_port);

  bed.wait(400'000);
  found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  std::set<std::uint16_t> returned;
  for (const NatRecord& each : found) {
    EXPECT_EQ(each.event.kind, NatEventKind::kBlockReturned);
    EXPECT_EQ(each.inside.to_string(), "10.0.0.10");
    EXPECT_EQ(each.event.last_port - each.event.first_port, 63);
    returned.insert(each.event.first_port);
  }
  EXPECT_EQ(returned.size(), 2U);
  EXPECT_TRUE(returned.contains(given.event.first_port));
}

// In a pool without blocks nothing but its mapping tells whose a port was; it is the subscriber's while it
// rests, too.
TEST_P(NatLog, WithoutBlocksAMappingIsTold) {
  NatSpec spec = logging(kBlocks);
  spec.pools[0].quarantine = 60'000;
  NatBed bed(variant(), spec);
  const auto out = bed.one(kInside, udp_out("10.0.0.10", 4000));
  ASSERT_TRUE(out);
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 4000, "9.9.9.9")));
  auto found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.kind, NatEventKind::kMappingOpened);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.10:4000");
  EXPECT_EQ(outside_end(found[0]), out->source_end());
  bed.wait(310'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_TRUE(records(bed).empty()) << "its port rests";
  bed.wait(61'000);
  found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.kind, NatEventKind::kMappingEnded);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.10:4000");
  EXPECT_EQ(outside_end(found[0]), out->source_end());
}

TEST_P(NatLog, ASubscriberWithAllItsPortsIsToldOnceASecond) {
  NatSpec spec = logging(kSessions);
  spec.pools[0].ports_per_subscriber = 3;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 3; ++port) ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", port)));
  EXPECT_EQ(records(bed).size(), 3U);
  for (std::uint16_t port = 4; port <= 8; ++port) bed.pass(kInside, {udp_out("10.0.0.10", port)});
  auto found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.kind, NatEventKind::kQuotaExceeded);
  EXPECT_EQ(found[0].event.quota, nat::Quota::kPerSubscriber);
  EXPECT_EQ(found[0].event.limit, 3U);
  EXPECT_EQ(inside_end(found[0]), "10.0.0.10:4");
  EXPECT_EQ(found[0].pool, "public");
  EXPECT_EQ(found[0].reason, "subscriber_ports");
  EXPECT_EQ(suppressed(bed), 4U);

  bed.wait(1'000);
  bed.pass(kInside, {udp_out("10.0.0.10", 9)});
  EXPECT_EQ(records(bed).size(), 1U);
  EXPECT_EQ(suppressed(bed), 4U);
}

TEST_P(NatLog, ASubscriberWithAllItsBlocksOrSessions) {
  NatSpec spec = logging(kBlocks);
  spec.pools[0].block = 64;
  spec.pools[0].blocks_per_subscriber = 1;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 65; ++port) bed.pass(kInside, {udp_out("10.0.0.10", port)});
  auto found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].event.quota, nat::Quota::kPerSubscriber);
  EXPECT_EQ(found[1].event.limit, 64U);
  EXPECT_EQ(found[1].reason, "subscriber_ports");

  bed.wait(1'000);
  bed.change([](NatSpec& changed) { changed.pools[0].sessions_per_subscriber = 64; });
  bed.pass(kInside, {udp_out("10.0.0.10", 1, "9.9.9.9")});
  found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.quota, nat::Quota::kPerSubscriber);
  EXPECT_EQ(found[0].event.limit, 64U);
  EXPECT_EQ(found[0].reason, "subscriber_sessions");
}

TEST_P(NatLog, AnAddressWithoutAPortAndAPoolWithoutAnAddress) {
  NatSpec spec = logging(kBlocks);
  spec.pools[0].first_port = 4096;
  spec.pools[0].last_port = 4159;
  spec.pools[0].block = 64;
  spec.pools[0].blocks_per_subscriber = 2;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 65; ++port) bed.pass(kInside, {udp_out("10.0.0.10", port)});
  auto found = records(bed);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].event.kind, NatEventKind::kPortsExhausted);
  EXPECT_EQ(outside_end(found[1]), "203.0.113.1:0");
  EXPECT_EQ(found[1].event.protocol, 17);
  EXPECT_EQ(inside_end(found[1]), "10.0.0.10:65");
  EXPECT_EQ(found[1].reason, "pool_exhausted");

  bed.pass(kInside, {udp_out("10.0.0.11", 1)});
  found = records(bed);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].event.kind, NatEventKind::kAddressesExhausted);
  EXPECT_EQ(found[0].inside.to_string(), "10.0.0.11");
  EXPECT_EQ(found[0].event.outside, nat::Endpoint{});
  EXPECT_EQ(found[0].pool, "public");
}

TEST_P(NatLog, FullTablesAreTold) {
  NatBed bed(variant(), logging(kSessions), {.sessions = 4, .subscribers = 64});
  for (std::uint16_t port = 1; port <= 5; ++port) bed.pass(kInside, {udp_out("10.0.0.10", port)});
  auto found = records(bed);
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[4].event.kind, NatEventKind::kQuotaExceeded);
  EXPECT_EQ(found[4].event.quota, nat::Quota::kSessions);
  EXPECT_EQ(found[4].event.limit, 4U);
  EXPECT_EQ(found[4].reason, "session_table_full");
}

TEST_P(NatLog, NoRoomForASubscriberIsToldOnceASecond) {
  NatBed bed(variant(), logging(kBlocks), {.sessions = 512, .subscribers = 1});
  for (std::uint16_t host = 10; host < 50; ++host)
    bed.pass(kInside, {udp_out("10.0.0." + std::to_string(host), 1)});
  auto found = records(bed);
  std::erase_if(found, [](const NatRecord& each) { return each.event.kind == NatEventKind::kMappingOpened; });
  EXPECT_EQ(found.size(), variant().workers) << "one each";
  for (const NatRecord& each : found) {
    EXPECT_EQ(each.event.quota, nat::Quota::kSubscribers);
    EXPECT_EQ(each.event.limit, 1U);
    EXPECT_EQ(each.reason, "subscriber_table_full");
  }
}

TEST_P(NatLog, RefusalsOfManySubscribersAreLimitedToo) {
  NatSpec spec = logging(kSessions);
  spec.pools[0].sessions_per_subscriber = 0;
  NatBed bed(variant(), spec, {.sessions = 512, .subscribers = 512});
  for (unsigned host = 0; host < 300; ++host) {
    bed.pass(kInside,
             {udp_out("10.0." + std::to_string(1 + host / 100) + "." + std::to_string(1 + host % 100), 1)});
  }
  EXPECT_LE(records(bed).size(), 100U * variant().workers);
  EXPECT_GE(suppressed(bed), 300U - 100U * variant().workers);
}

TEST_P(NatLog, AFullRingLosesEventsAndNoPacket) {
  NatSpec spec = logging(kSessions);
  spec.events = 8;
  NatBed bed(variant(), spec);
  for (std::uint16_t port = 1; port <= 20; ++port) ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", port)));
  std::uint64_t lost = 0;
  for (const nat::WorkerState* state : bed.states()) lost += state->events.lost();
  EXPECT_EQ(lost, 12U);
  EXPECT_EQ(records(bed).size(), 8U);
}

TEST_P(NatLog, APolicyBeginsAndEndsTheLog) {
  NatBed bed(variant());
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 1)));
  bed.change([](NatSpec& spec) { spec.logged = kSessions; });
  ASSERT_TRUE(bed.one(kInside, udp_out("10.0.0.10", 2)));
  EXPECT_EQ(records(bed).size(), 1U);
  bed.change([](NatSpec& spec) { spec.logged = {}; });
  bed.wait(400'000);
  EXPECT_EQ(bed.sessions(), 0U);
  EXPECT_TRUE(records(bed).empty());
}

}  // namespace
}  // namespace millrace::testing
