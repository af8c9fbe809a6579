// SPDX-License-Identifier: BSD-3-Clause
// How many sessions may begin and be open, by rule and by source.
#include "tests/packet/protect_bed.h"

namespace millrace::testing {
namespace {

using core::Forwarding;
using firewall::Policy;

// New flows of one client, told apart by their source port, all in one go.
void begin(ProtectBed& bed, unsigned client, unsigned first_port, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    bed.send(ProtectBed::kInside,
             bed.from_client(client).udp(static_cast<std::uint16_t>(first_port + i), 53));
  }
  bed.run();
}

std::size_t passed(ProtectBed& bed) { return bed.sent(ProtectBed::kOutside).size(); }

// What `limit` lets through on two workers: each its rounded-up half, if it sees as many.
void expect_limited(const ProtectBed& bed, std::size_t passed, unsigned limit) {
  EXPECT_LE(passed, limit + bed.workers() - 1);
  EXPECT_GE(passed, bed.workers() == 1 ? limit : (limit + 1) / 2);
}

TEST(ProtectLimits, ARuleOpensSoManySessionsPerSecond) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.otherwise.limits.new_sessions = 20; });
    bed.set_time(1000);
    begin(bed, 1, 1000, 100);
    const std::size_t at_once = passed(bed);
    expect_limited(bed, at_once, 20);
    EXPECT_EQ(bed.dropped(firewall::Drop::kRuleRateLimit), 100 - at_once);

    bed.set_time(1000 + 500);
    begin(bed, 1, 2000, 100);
    expect_limited(bed, passed(bed), 10);

    begin(bed, 1, 1000, 100);  // known flows are not asked again
    EXPECT_GE(passed(bed), at_once);
  });
}

TEST(ProtectLimits, TheBurstMayBeSmallerThanTheRate) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted, [](Policy& policy) {
      policy.otherwise.limits.new_sessions = 1000;
      policy.otherwise.limits.new_sessions_burst = 4;
    });
    begin(bed, 1, 1000, 100);
    expect_limited(bed, passed(bed), 4);
  });
}

TEST(ProtectLimits, ARuleHasSoManySessionsOpen) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted, [](Policy& policy) { policy.otherwise.limits.sessions = 16; });
    begin(bed, 1, 1000, 64);
    const std::size_t first = passed(bed);
    expect_limited(bed, first, 16);
    EXPECT_EQ(bed.open_sessions(), first);
    EXPECT_EQ(bed.dropped(firewall::Drop::kRuleSessionLimit), 64 - first);

    bed.set_time(60'000);  // past the timeout of unanswered UDP
    for (int i = 0; i < 8; ++i) begin(bed, 1, 1, 0);
    ASSERT_EQ(bed.open_sessions(), 0U);
    begin(bed, 1, 1000, 64);
    EXPECT_EQ(passed(bed), first);  // the same flows on the same workers
  });
}

TEST(ProtectLimits, ASourceHasSoManySessionsOpenAndOthersDoNotSuffer) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.sessions_per_source = 8; });
    begin(bed, 1, 1000, 64);
    const std::size_t first = passed(bed);
    expect_limited(bed, first, 8);
    EXPECT_EQ(bed.dropped(firewall::Drop::kSourceSessionLimit), 64 - first);
    begin(bed, 2, 1000, 2);
    EXPECT_EQ(passed(bed), 2U);
  });
}

TEST(ProtectLimits, ASourceBeginsSoManySessionsPerSecondAndOthersDoNotSuffer) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.new_sessions_per_source = 8; });
    begin(bed, 1, 1000, 64);
    const std::size_t first = passed(bed);
    expect_limited(bed, first, 8);
    EXPECT_EQ(bed.dropped(firewall::Drop::kSourceRateLimit), 64 - first);
    begin(bed, 2, 1000, 2);
    EXPECT_EQ(passed(bed), 2U);
    bed.set_time(1000);
    begin(bed, 1, 2000, 64);
    expect_limited(bed, passed(bed), 8);
  });
}

TEST(ProtectLimits, TheSourceLimitOfARuleIsItsOwn) {
  for_each_shape([](const Shape& shape) {
    // Rule 0 for port 80, with limits; everything else without.
    ProtectBed bed(shape, Forwarding::kRouted, [](Policy& policy) {
      firewall::Rule web{.name = "web"};
      web.services = {{.protocol = 6, .destination = {80, 80}}};
      web.action = firewall::Action::kAccept;
      policy.matcher = *firewall::RuleMatcher::compile(std::span(&web, 1), {});
      policy.outcomes = {{.action = web.action, .slot = 3, .limits = {.sessions_per_source = 6}}};
    });
    for (std::uint16_t port = 1000; port < 1040; ++port) {
      bed.send(ProtectBed::kInside, bed.from_client().tcp(port, 80).flags("S"));
      bed.send(ProtectBed::kInside, bed.from_client().tcp(port, 443).flags("S"));
    }
    bed.run();
    const std::size_t all = passed(bed);
    EXPECT_EQ(bed.dropped(firewall::Drop::kSourceSessionLimit), 80 - all);
    expect_limited(bed, all - 40, 6);

    std::uint64_t hits = 0;
    std::uint64_t open = 0;
    for (unsigned w = 0; w < bed.workers(); ++w) {
      hits += bed.state(w).rule_counters[3].hits.read();
      open += bed.state(w).rule_counters[3].open_sessions.read();
    }
    EXPECT_EQ(hits, 40U);
    EXPECT_EQ(open, all - 40);
  });
}

// A connection that the server refuses is over; when its remains are gone, its source may begin another.
TEST(ProtectLimits, AnEndedConnectionMakesRoomForTheNext) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted, [](Policy& policy) {
      policy.protection.sessions_per_source = 1;
      policy.otherwise.limits.sessions_per_source = 1;
    });
    for (std::uint32_t round = 0; round < 5; ++round) {
      const std::uint32_t seq = round * 100'000;
      bed.send(ProtectBed::kInside, bed.from_client().tcp(1000, 80).flags("S").seq(seq));
      bed.run();
      EXPECT_EQ(passed(bed), 1U);
      bed.send(ProtectBed::kOutside, bed.from_server().tcp(80, 1000).flags("RA").ack(seq + 1));
      bed.run();
      EXPECT_EQ(bed.open_sessions(), 1U);
      if (bed.workers() == 1) {  // on two, the other may have room
        bed.send(ProtectBed::kInside, bed.from_client().tcp(1001, 80).flags("S"));
        bed.run();
        EXPECT_EQ(passed(bed), 0U);
        EXPECT_EQ(bed.dropped(firewall::Drop::kSourceSessionLimit), round + 1);
      }
      bed.set_time((round + 1) * 60'000);
      bed.run();
      EXPECT_EQ(bed.open_sessions(), 0U);
      for (unsigned w = 0; w < bed.workers(); ++w) {
        EXPECT_EQ(bed.state(w).rule_counters[0].open_sessions.read(), 0U);
      }
    }
  });
}

TEST(ProtectLimits, EndedSessionsAreCountedForTheirRule) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted);
    const auto request = bed.from_client().udp(1000, 53).payload(100);
    const auto answer = bed.from_server().udp(53, 1000).payload(300);
    const std::size_t bytes = 3 * request.datagram().size() + 2 * answer.datagram().size();
    bed.send(ProtectBed::kInside, request);
    bed.run();
    for (int i = 0; i < 2; ++i) {
      bed.send(ProtectBed::kInside, request);
      bed.send(ProtectBed::kOutside, answer);
    }
    bed.run();
    bed.set_time(200'000);
    bed.run();
    ASSERT_EQ(bed.open_sessions(), 0U);
    std::uint64_t packets = 0;
    std::uint64_t counted = 0;
    for (unsigned w = 0; w < bed.workers(); ++w) {
      packets += bed.state(w).rule_counters[0].packets.read();
      counted += bed.state(w).rule_counters[0].bytes.read();
    }
    EXPECT_EQ(packets, 5U);
    EXPECT_EQ(counted, bytes);
  });
}

TEST(ProtectLimits, WhenTheTableOfSourcesIsFullOfOpenOnesNobodyElseIsLimited) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted,
                   [](Policy& policy) { policy.protection.sessions_per_source = 2; },
                   {.sessions = 4096, .rule_slots = 16, .sources = 4});
    for (unsigned client = 1; client <= 20; ++client) begin(bed, client, 1000, 8);
    std::uint64_t unlimited = 0;
    for (unsigned w = 0; w < bed.workers(); ++w) unlimited += bed.state(w).limits.sources().unlimited();
    EXPECT_GT(unlimited, 0U);
    EXPECT_EQ(passed(bed) + bed.dropped(firewall::Drop::kSourceSessionLimit), 160U);
    EXPECT_GE(bed.open_sessions(), unlimited);
  });
}

}  // namespace
}  // namespace millrace::testing
