// SPDX-License-Identifier: BSD-3-Clause
// The options of PCP: RFC 6887 section 13.
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing {
namespace {

using namespace pcp_client;

class PortOptions : public NatTest {};
MILLRACE_NAT_VARIANTS(PortOptions);

// RFC 6887 section 13.3.
TEST_P(PortOptions, AFilterSaysWhoMayComeIn) {
  NatBed bed(variant(), answering());
  const auto mapping =
      ask(bed, with(with(map({}), filter("9.9.0.0", 96 + 16, 0)), filter("8.8.8.8", 128, 53)));
  ASSERT_TRUE(mapping);
  EXPECT_EQ(int{mapping->result}, kSuccess);
  EXPECT_EQ(mapping->payload.size(), 60U + 24 + 24);
  EXPECT_TRUE(bed.one(kOutside, into(*mapping, "9.9.1.1", 7)));
  EXPECT_TRUE(bed.one(kOutside, into(*mapping, "8.8.8.8", 53)));
  bed.refused(kOutside, into(*mapping, "8.8.8.8", 54), nat::Drop::kFiltered);
  bed.refused(kOutside, into(*mapping, "9.8.1.1"), nat::Drop::kFiltered);
  // A renewal adds to them, and takes all away by the length of zero.
  ASSERT_TRUE(ask(bed, with(map({}), filter("9.8.1.1", 128, 0))));
  EXPECT_TRUE(bed.one(kOutside, into(*mapping, "9.8.1.1")));
  EXPECT_TRUE(bed.one(kOutside, into(*mapping, "9.9.1.2", 7)));
  ASSERT_TRUE(ask(bed, with(map({}), filter("0.0.0.0", 0, 0))));
  EXPECT_TRUE(bed.one(kOutside, into(*mapping, "1.2.3.4")));
}

TEST_P(PortOptions, TooManyFiltersAreRefused) {
  NatBed bed(variant(), answering());
  Frame message = map({});
  for (int i = 0; i < 8; ++i) message = with(message, filter("9.9.9." + std::to_string(i), 128, 0));
  EXPECT_EQ(result_of(bed, message), kExcessiveRemotePeers);
  EXPECT_EQ(bed.mappings(), 0U);
  for (int i = 0; i < 7; ++i)
    EXPECT_EQ(result_of(bed, with(map({}), filter("9.9.9." + std::to_string(i), 128, 0))), kSuccess);
  EXPECT_EQ(result_of(bed, with(map({}), filter("9.9.9.6", 128, 0))), kSuccess);
  EXPECT_EQ(result_of(bed, with(map({}), filter("9.9.9.7", 128, 0))), kExcessiveRemotePeers);
  EXPECT_EQ(result_of(bed, with(map({.port = 1}), filter("2001:db8::1", 128, 0))), kMalformedOption);
  EXPECT_EQ(bed.mappings(), 1U);
}

// RFC 6887 section 13.2.
TEST_P(PortOptions, PreferFailureGivesThatPortOrNone) {
  NatSpec spec = answering();
  EXPECT_FALSE(spec.port_control->prefer_failure);
  NatBed off(variant(), spec);
  EXPECT_EQ(result_of(off, with(map({.suggested = 5000}), prefer_failure())), kUnsuppOption);
  spec.port_control->prefer_failure = true;
  NatBed bed(variant(), spec);
  const auto first = ask(bed, with(map({.suggested = 5000}), prefer_failure()));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->port, 5000);
  EXPECT_EQ(first->payload.size(), 64U);
  const auto taken =
      ask(bed, with(map({.client = "10.0.0.11", .suggested = 5000}), prefer_failure()), "10.0.0.11");
  ASSERT_TRUE(taken);
  EXPECT_EQ(int{taken->result}, kCannotProvideExternal);
  EXPECT_EQ(taken->lifetime, 30U);
  EXPECT_EQ(result_of(bed, with(map({.suggested = 5001}), prefer_failure())), kCannotProvideExternal);
  EXPECT_EQ(result_of(bed, with(map({.port = 7, .suggested = 80}), prefer_failure())),
            kCannotProvideExternal);
  EXPECT_EQ(leases(bed), 1U);
}

// RFC 6887 section 13.1.
TEST_P(PortOptions, ThirdPartyIsOffUnlessSaid) {
  NatBed bed(variant(), answering());
  EXPECT_EQ(result_of(bed, with(map({}), third_party("10.0.0.11"))), kUnsuppOption);
  EXPECT_EQ(bed.mappings(), 0U);
}

TEST_P(PortOptions, AThirdPartyIsServedByTheWorkerThatHasIt) {
  NatSpec spec = answering();
  spec.port_control->third_party = true;
  NatBed bed(variant(), spec);
  EXPECT_EQ(result_of(bed, with(map({}), third_party(kHost))), kMalformedRequest);
  for (int host = 11; host < 19; ++host) {
    const std::string other = "10.0.0." + std::to_string(host);
    const auto mapping = ask(bed, with(map({}), third_party(other)));
    ASSERT_TRUE(mapping);
    EXPECT_EQ(int{mapping->result}, kSuccess);
    EXPECT_EQ(mapping->payload.size(), 80U);
    const auto in = bed.one(kOutside, into(*mapping));
    ASSERT_TRUE(in);
    EXPECT_EQ(in->ends(), "9.9.9.9:999 > " + other + ":4000");
    // The host itself knows the nonce, and may delete it.
    EXPECT_EQ(result_of(bed, map({.client = other, .lifetime = 0}), other), kSuccess);
  }
  EXPECT_EQ(leases(bed), 0U);
}

}  // namespace
}  // namespace millrace::testing
