// SPDX-License-Identifier: BSD-3-Clause
// What inside hosts get by NAT-PMP: RFC 6886 section 3.
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing {
namespace {

using pcp_client::answering;
using pcp_client::kHost;
using pcp_client::packet_of;
using pcp_client::reply_to;

class NatPmp : public NatTest {};
MILLRACE_NAT_VARIANTS(NatPmp);

constexpr std::uint8_t kPmpUdp = 1;
constexpr std::uint8_t kPmpTcp = 2;

Frame pmp_map(std::uint8_t opcode, unsigned port, unsigned suggested, unsigned lifetime) {
  const auto high = [](unsigned value) { return static_cast<std::uint8_t>(value >> 8); };
  const auto low = [](unsigned value) { return static_cast<std::uint8_t>(value); };
  return {0,
          opcode,
          0,
          0,
          high(port),
          low(port),
          high(suggested),
          low(suggested),
          0,
          0,
          high(lifetime),
          low(lifetime)};
}

unsigned pmp_word(const Frame& frame, std::size_t at) { return frame.at(at) * 256U + frame.at(at + 1); }

// The result of a mapping's response, which answers `request`.
unsigned check_mapping(const Frame& request, const Frame& response) {
  EXPECT_EQ(response.size(), 16U);
  if (response.size() != 16) return 99;
  EXPECT_EQ(response[0], 0);
  EXPECT_EQ(response[1], 128 + request[1]);
  EXPECT_EQ(pmp_word(response, 8), pmp_word(request, 4));
  return pmp_word(response, 2);
}

TEST_P(NatPmp, TheOutsideAddressIsTold) {
  NatBed bed(variant(), answering());
  bed.wait(7'000);
  const Frame response = reply_to(bed, {0, 0});
  ASSERT_EQ(response.size(), 12U);
  EXPECT_EQ(Frame(response.begin(), response.begin() + 4), (Frame{0, 128, 0, 0}));
  EXPECT_GE(response[7], 6);  // seconds since the start
  EXPECT_LE(response[7], 8);
  EXPECT_EQ(Frame(response.begin() + 8, response.end()), (Frame{203, 0, 113, 1}));
  EXPECT_EQ(bed.subscribers(), 0U);
}

TEST_P(NatPmp, TheAddressIsThatOfTheMappings) {
  NatSpec spec = answering();
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.4", "203.0.113.9", "203.0.113.12"};
  NatBed bed(variant(), spec);
  for (int host = 10; host < 16; ++host) {
    const std::string inside = "10.0.0." + std::to_string(host);
    const Frame told = reply_to(bed, {0, 0}, inside);
    const auto out = bed.one(kInside, NatBed::inside(inside, "8.8.8.8").udp(1, 53));
    ASSERT_TRUE(out && told.size() == 12);
    EXPECT_EQ(out->source, "203.0.113." + std::to_string(told[11]));
  }
}

TEST_P(NatPmp, PortsAreMapped) {
  NatBed bed(variant(), answering());
  const Frame udp = pmp_map(kPmpUdp, 4000, 5000, 600);
  const Frame udp_response = reply_to(bed, udp);
  EXPECT_EQ(check_mapping(udp, udp_response), 0U);
  EXPECT_EQ(pmp_word(udp_response, 10), 5000U);
  EXPECT_EQ(pmp_word(udp_response, 14), 600U);
  const Frame tcp = pmp_map(kPmpTcp, 4000, 5000, 600);
  EXPECT_EQ(check_mapping(tcp, reply_to(bed, tcp)), 0U);
  const auto in = bed.one(kOutside, NatBed::outside("9.9.9.9", "203.0.113.1").tcp(1, 5000).flags("S"));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "9.9.9.9:1 > 10.0.0.10:4000");
  // Another host gets another port.
  const Frame other = reply_to(bed, udp, "10.0.0.11");
  EXPECT_EQ(check_mapping(udp, other), 0U);
  EXPECT_NE(pmp_word(other, 10), 5000U);
}

// RFC 6886 section 3.4.
TEST_P(NatPmp, LifetimeZeroDeletes) {
  NatBed bed(variant(), answering());
  for (const unsigned port : {1U, 2U, 3U}) static_cast<void>(reply_to(bed, pmp_map(kPmpUdp, port, 0, 600)));
  static_cast<void>(reply_to(bed, pmp_map(kPmpTcp, 1, 0, 600)));
  const Frame one = pmp_map(kPmpUdp, 1, 0, 0);
  const Frame gone = reply_to(bed, one);
  EXPECT_EQ(check_mapping(one, gone), 0U);
  EXPECT_EQ(pmp_word(gone, 10), 0U);
  EXPECT_EQ(pmp_word(gone, 14), 0U);
  EXPECT_EQ(check_mapping(one, reply_to(bed, one)), 0U);
  const Frame all = pmp_map(kPmpUdp, 0, 0, 0);
  EXPECT_EQ(check_mapping(all, reply_to(bed, all)), 0U);
  bed.wait(130'000);
  EXPECT_EQ(bed.mappings(), 1U);  // of TCP
}

TEST_P(NatPmp, AMappingOfPcpIsNotTaken) {
  NatBed bed(variant(), answering());
  ASSERT_TRUE(pcp_client::ask(bed, pcp_client::map({})));
  const Frame request = pmp_map(kPmpUdp, 4000, 0, 600);
  EXPECT_EQ(check_mapping(request, reply_to(bed, request)), 2U);
}

TEST_P(NatPmp, ShortageIsSaid) {
  NatSpec spec = answering();
  spec.port_control->mappings_per_subscriber = 1;
  NatBed bed(variant(), spec);
  static_cast<void>(reply_to(bed, pmp_map(kPmpUdp, 1, 0, 600)));
  const Frame request = pmp_map(kPmpUdp, 2, 0, 600);
  EXPECT_EQ(check_mapping(request, reply_to(bed, request)), 4U);
}

// RFC 6886 section 3.5.
TEST_P(NatPmp, AnUnknownOpcodeIsSaid) {
  NatBed bed(variant(), answering());
  const Frame response = reply_to(bed, {0, 3});
  ASSERT_EQ(response.size(), 8U);
  EXPECT_EQ(Frame(response.begin(), response.begin() + 4), (Frame{0, 131, 0, 5}));
}

TEST_P(NatPmp, ResponsesAndPartsOfRequestsAreNotAnswered) {
  NatBed bed(variant(), answering());
  for (const Frame& message : {Frame{0}, Frame{0, 128}, Frame{0, 1, 0, 0, 1, 1}, pmp_map(kPmpUdp, 0, 0, 600)})
    bed.refused(kInside, packet_of(message), nat::Drop::kPortControlMalformed);
}

// RFC 6887 appendix A.
TEST_P(NatPmp, WithoutItItsVersionIsNotKnown) {
  NatSpec spec = answering();
  spec.port_control->nat_pmp = false;
  NatBed bed(variant(), spec);
  const auto answer = pcp_client::ask(bed, {0, 0});
  ASSERT_TRUE(answer);
  EXPECT_EQ(int{answer->result}, pcp_client::kUnsuppVersion);
}

}  // namespace
}  // namespace millrace::testing
