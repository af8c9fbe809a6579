// SPDX-License-Identifier: BSD-3-Clause
// Whether a source address can be the sender's: reverse path, and addresses of the firewall's own.
#include "tests/packet/protect_bed.h"

namespace millrace::testing {
namespace {

using core::Forwarding;
using firewall::Policy;
using firewall::ReversePath;

struct Case {
  const char* what;
  const char* ipv4;
  const char* ipv6;
  firewall::Drop off;  // what happens with each setting; kCount: it passes
  firewall::Drop loose;
  firewall::Drop strict;
};

constexpr firewall::Drop kPass = firewall::Drop::kCount;

// A packet comes in by the client's port and goes to a server.
constexpr Case kCases[] = {
    {"a client", "10.0.1.1", "2001:db8:1::77", kPass, kPass, kPass},
    {"behind the other interface", "192.168.9.9", "2001:db8:2::99", kPass, kPass,
     firewall::Drop::kReversePath},
    {"nowhere", "203.0.113.7", "2001:db8:777::7", kPass, firewall::Drop::kReversePath,
     firewall::Drop::kReversePath},
    {"a black hole", "172.16.1.1", "2001:db8:bad::1", kPass, firewall::Drop::kReversePath,
     firewall::Drop::kReversePath},
    {"our address on this side", "10.0.0.1", "2001:db8:1::1", firewall::Drop::kSpoofedLocal,
     firewall::Drop::kSpoofedLocal, firewall::Drop::kSpoofedLocal},
    {"our address on the other", "192.168.0.1", "2001:db8:2::1", firewall::Drop::kSpoofedLocal,
     firewall::Drop::kSpoofedLocal, firewall::Drop::kSpoofedLocal},
};

void check(const Shape& shape, ReversePath mode, firewall::Drop Case::*expected) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.what);
    ProtectBed bed(shape, Forwarding::kRouted,
                   [&](Policy& policy) { policy.protection.reverse_path = mode; });
    bed.send(ProtectBed::kInside, bed.from_inside(shape.ipv6 ? c.ipv6 : c.ipv4, bed.server()).udp(1000, 53));
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), c.*expected == kPass ? 1U : 0U);
    EXPECT_EQ(bed.dropped_in_all(), c.*expected == kPass ? 0U : 1U);
    if (c.*expected != kPass) {
      EXPECT_EQ(bed.dropped(c.*expected), 1U);
    }
  }
}

TEST(ProtectSource, OffRefusesOurOwnAddressesOnly) {
  for_each_shape([](const Shape& shape) { check(shape, ReversePath::kOff, &Case::off); });
}

TEST(ProtectSource, LooseWantsARouteBack) {
  for_each_shape([](const Shape& shape) { check(shape, ReversePath::kLoose, &Case::loose); });
}

TEST(ProtectSource, StrictWantsARouteBackByTheSameInterface) {
  for_each_shape([](const Shape& shape) { check(shape, ReversePath::kStrict, &Case::strict); });
}

TEST(ProtectSource, ARejectIsNotSentToASpoofedSource) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted, [](Policy& policy) {
      policy.protection.reverse_path = ReversePath::kStrict;
      policy.otherwise.action = firewall::Action::kReject;
    });
    bed.send(ProtectBed::kInside, bed.from_inside(bed.server(9), bed.server()).tcp(1000, 80).flags("S"));
    bed.run();
    EXPECT_EQ(bed.dropped(firewall::Drop::kReversePath), 1U);
    EXPECT_EQ(bed.total(&core::WorkerCounters::originated), 0U);
  });
}

TEST(ProtectSource, AnOpenSessionIsNotAskedAgain) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kRouted);
    const auto request = bed.from_inside(bed.server(9), bed.server()).udp(1000, 53);
    bed.send(ProtectBed::kInside, request);
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), 1U);
    // The strict check comes with a new policy: it is for sessions that begin.
    bed.publish([](Policy& policy) { policy.protection.reverse_path = ReversePath::kStrict; });
    bed.send(ProtectBed::kInside, request);
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), 1U);
  });
}

TEST(ProtectSource, TransparentModeHasNoRoutesToAsk) {
  for_each_shape([](const Shape& shape) {
    ProtectBed bed(shape, Forwarding::kTransparent,
                   [](Policy& policy) { policy.protection.reverse_path = ReversePath::kStrict; });
    const auto request =
        bed.from_inside(shape.ipv6 ? "2001:db8:777::7" : "203.0.113.7", bed.server()).udp(1000, 53);
    bed.send(ProtectBed::kInside, request);
    bed.run();
    EXPECT_TRUE(same_packet(request.bytes(), bed.sent_one(ProtectBed::kOutside)));
  });
}

}  // namespace
}  // namespace millrace::testing
