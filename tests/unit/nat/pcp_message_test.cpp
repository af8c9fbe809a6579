// SPDX-License-Identifier: BSD-3-Clause
// Messages byte by byte, from the figures of RFC 6887 sections 7, 11, 12 and 13.
#include "vnfs/nat/pcp_message.h"

#include <vector>

#include <gtest/gtest.h>

namespace millrace::nat::pcp {
namespace {

using Octets = std::vector<std::uint8_t>;

const net::IpAddress kClient = *net::IpAddress::parse("10.0.0.10");

Octets join(std::initializer_list<Octets> parts) {
  Octets all;
  for (const Octets& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

Octets mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
}

// Version, opcode, reserved, a lifetime of 3600 s, the client's address.
Octets header(std::uint8_t opcode) {
  return join({{2, opcode, 0, 0, 0, 0, 0x0e, 0x10}, mapped(10, 0, 0, 10)});
}

// Nonce, UDP, port 4000, suggested 203.0.113.7:5000.
const Octets kMapBody = join(
    {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {17, 0, 0, 0, 0x0f, 0xa0, 0x13, 0x88}, mapped(203, 0, 113, 7)});
const Octets kRemote = join({{0, 53, 0, 0}, mapped(8, 8, 8, 8)});
const Octets kMap = join({header(1), kMapBody});
const Octets kPeer = join({header(2), kMapBody, kRemote});
const Octets kThirdParty = join({{1, 0, 0, 16}, mapped(10, 0, 0, 11)});
const Octets kPreferFailure{2, 0, 0, 0};
const Octets kFilter = join({{3, 0, 0, 20, 0, 120, 0, 53}, mapped(9, 9, 9, 9)});

Read read(const Octets& message, Options options = {.third_party = true, .prefer_failure = true}) {
  return read_request(message, kClient, options);
}

void expect_refused(const Octets& message, Result result, Options options = {true, true}) {
  const Read got = read(message, options);
  EXPECT_EQ(got.verdict, Verdict::kRefuse);
  EXPECT_EQ(int(got.result), int(result));
}

Octets changed(Octets message, std::size_t at, std::uint8_t value) {
  message.at(at) = value;
  return message;
}

TEST(PcpMessage, AMapRequestIsRead) {
  const Read got = read(kMap);
  ASSERT_EQ(got.verdict, Verdict::kServe);
  const Request& request = got.request;
  EXPECT_EQ(request.opcode, Opcode::kMap);
  EXPECT_EQ(request.lifetime, 3600U);
  EXPECT_EQ(request.nonce, (Nonce{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(request.protocol, 17);
  EXPECT_EQ(request.internal_port, 4000);
  EXPECT_EQ(request.suggested_port, 5000);
  EXPECT_EQ(request.suggested_address.to_string(), "203.0.113.7");
  EXPECT_FALSE(request.third_party || request.prefer_failure || request.clears_filters);
  EXPECT_TRUE(request.new_filters().empty());
}

TEST(PcpMessage, APeerRequestIsRead) {
  const Read got = read(kPeer);
  ASSERT_EQ(got.verdict, Verdict::kServe);
  EXPECT_EQ(got.request.opcode, Opcode::kPeer);
  EXPECT_EQ(got.request.remote_port, 53);
  EXPECT_EQ(got.request.remote_address.to_string(), "8.8.8.8");
}

TEST(PcpMessage, ReservedFieldsMayHaveAnything) {
  for (const std::size_t at : {2U, 3U, 37U, 38U, 39U, 62U, 63U})
    EXPECT_EQ(read(changed(kPeer, at, 0xff)).verdict, Verdict::kServe) << at;
}

TEST(PcpMessage, AnAnnounceRequestIsRead) {
  EXPECT_EQ(read(header(0)).verdict, Verdict::kServe);
  EXPECT_EQ(read(header(0)).request.opcode, Opcode::kAnnounce);
}

TEST(PcpMessage, OptionsAreRead) {
  const Octets second = changed(changed(kFilter, 5, 128), 23, 8);
  const Read got =
      read(join({kMap, kFilter, kPreferFailure, kThirdParty, second, {200, 0, 0, 1, 7, 0, 0, 0}}));
  ASSERT_EQ(got.verdict, Verdict::kServe);
  EXPECT_TRUE(got.request.prefer_failure);
  EXPECT_EQ(got.request.third_party->to_string(), "10.0.0.11");
  ASSERT_EQ(got.request.filter_count, 2U);
  EXPECT_EQ(got.request.filters[0].remote.to_string(), "9.9.9.0/24");
  EXPECT_EQ(got.request.filters[0].port, 53);
  EXPECT_EQ(got.request.filters[1].remote.to_string(), "9.9.9.8/32");
}

TEST(PcpMessage, AFilterOfLengthZeroVoidsThoseBefore) {
  const Octets none = changed(kFilter, 5, 0);
  const Read got = read(join({kMap, kFilter, none}));
  ASSERT_EQ(got.verdict, Verdict::kServe);
  EXPECT_TRUE(got.request.clears_filters);
  EXPECT_EQ(got.request.filter_count, 0U);
  EXPECT_EQ(read(join({kMap, none, kFilter})).request.filter_count, 1U);
}

// RFC 6887 section 8.2.
TEST(PcpMessage, ResponsesAndStubsAreIgnored) {
  EXPECT_EQ(read(changed(kMap, 1, 0x81)).verdict, Verdict::kIgnore);
  EXPECT_EQ(read({2}).verdict, Verdict::kIgnore);
  EXPECT_EQ(read({}).verdict, Verdict::kIgnore);
}

TEST(PcpMessage, WhatCanNotBeReadIsMalformed) {
  expect_refused({2, 1}, Result::kMalformedRequest);
  for (std::size_t length = 2; length < kMap.size(); ++length)
    expect_refused({kMap.begin(), kMap.begin() + static_cast<std::ptrdiff_t>(length)},
                   Result::kMalformedRequest);
  for (std::size_t length = 24; length < kPeer.size(); ++length)
    expect_refused({kPeer.begin(), kPeer.begin() + static_cast<std::ptrdiff_t>(length)},
                   Result::kMalformedRequest);
  expect_refused(join({kMap, {0}}), Result::kMalformedRequest);
  Octets longest = kMap;
  while (longest.size() < kLongest) longest = join({longest, {200, 0, 0, 0}});
  EXPECT_EQ(read(longest).verdict, Verdict::kServe);
  expect_refused(join({longest, {200, 0, 0, 0}}), Result::kMalformedRequest);
  expect_refused(changed(kMap, 36, 0), Result::kMalformedRequest);   // all protocols, one port
  expect_refused(changed(kPeer, 36, 0), Result::kMalformedRequest);  // no protocol
  expect_refused(changed(changed(kPeer, 40, 0), 41, 0), Result::kMalformedRequest);       // no port
  expect_refused(changed(kPeer, 61, 0), Result::kMalformedRequest);                       // no remote port
  expect_refused(join({kMap, changed(kThirdParty, 19, 10)}), Result::kMalformedRequest);  // for itself
}

TEST(PcpMessage, VersionOpcodeAndAddressAreChecked) {
  for (const std::uint8_t version : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{3}})
    expect_refused(changed(kMap, 0, version), Result::kUnsupportedVersion);
  expect_refused({1, 1}, Result::kUnsupportedVersion);
  expect_refused(changed(kMap, 1, 3), Result::kUnsupportedOpcode);
  expect_refused(changed(kMap, 1, 127), Result::kUnsupportedOpcode);
  expect_refused(changed(kMap, 23, 11), Result::kAddressMismatch);
  expect_refused(changed(kMap, 8, 1), Result::kAddressMismatch);
}

// RFC 6887 section 7.3 and 13.
TEST(PcpMessage, OptionsAreChecked) {
  const Options none;
  expect_refused(join({kMap, kThirdParty}), Result::kUnsupportedOption, none);
  expect_refused(join({kMap, kPreferFailure}), Result::kUnsupportedOption, none);
  expect_refused(join({kMap, {4, 0, 0, 0}}), Result::kUnsupportedOption);
  expect_refused(join({kMap, {127, 0, 0, 0}}), Result::kUnsupportedOption);
  EXPECT_EQ(read(join({kMap, {128, 0, 0, 0}})).verdict, Verdict::kServe);
  for (const Octets& option : {Octets{200, 0, 0, 4}, Octets{200, 0, 0xff, 0xff}, Octets{1, 0, 0, 0},
                               Octets{2, 0, 0, 1, 0, 0, 0, 0}, Octets{3, 0, 0, 4, 0, 0, 0, 0}})
    expect_refused(join({kMap, option}), Result::kMalformedOption);
  expect_refused(join({kMap, kThirdParty, kThirdParty}), Result::kMalformedOption);
  expect_refused(join({kMap, kPreferFailure, kPreferFailure}), Result::kMalformedOption);
  expect_refused(join({header(0), kThirdParty}), Result::kMalformedOption);
  expect_refused(join({kPeer, kPreferFailure}), Result::kMalformedOption);
  expect_refused(join({kPeer, kFilter}), Result::kMalformedOption);
  expect_refused(join({kMap, changed(kFilter, 5, 95)}), Result::kMalformedOption);
  expect_refused(join({kMap, changed(kFilter, 5, 129)}), Result::kMalformedOption);
  const Octets deletion = changed(changed(kMap, 6, 0), 7, 0);
  EXPECT_EQ(read(deletion).request.lifetime, 0U);
  expect_refused(join({deletion, kPreferFailure}), Result::kMalformedOption);
  Octets filters = kMap;
  for (unsigned i = 0; i < kMostFilters; ++i) filters = join({filters, kFilter});
  EXPECT_EQ(read(filters).request.filter_count, kMostFilters);
  expect_refused(join({filters, kFilter}), Result::kExcessiveRemotePeers);
}

TEST(PcpMessage, AResponseHasTheAssignedEndAndTheOptionsThatWereHeeded) {
  Message out;
  const Octets request = join({kMap, {200, 0, 0, 1, 7, 0, 0, 0}, kFilter});
  const std::size_t length = write_response(out, request,
                                            {.lifetime = 7200,
                                             .epoch = 0x01020304,
                                             .external_port = 6000,
                                             .external_address = *net::IpAddress::parse("203.0.113.9")});
  const Octets expected =
      join({{2, 0x81, 0, 0, 0, 0, 0x1c, 0x20, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
            {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
            {17, 0, 0, 0, 0x0f, 0xa0, 0x17, 0x70},
            mapped(203, 0, 113, 9),
            kFilter});
  EXPECT_EQ(Octets(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length)), expected);
}

TEST(PcpMessage, AResponseToPeerHasTheRemoteEnd) {
  Message out;
  ASSERT_EQ(write_response(out, kPeer, {}), 80U);
  EXPECT_EQ(out[1], 0x82);
  EXPECT_EQ(Octets(out.begin() + 60, out.begin() + 80), kRemote);
}

// RFC 6887 section 8.2.
TEST(PcpMessage, AnErrorHasTheRequestInIt) {
  Message out;
  const Octets newer = changed(join({kMap, {9, 9}}), 0, 7);
  const std::size_t length = write_error(out, newer, Result::kUnsupportedVersion, 1800, 5);
  ASSERT_EQ(length, 64U);
  EXPECT_EQ(Octets(out.begin(), out.begin() + 24),
            (Octets{2, 0x81, 0, 1, 0, 0, 7, 8, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(Octets(out.begin() + 24, out.begin() + 64), join({kMapBody, {9, 9, 0, 0}}));
  EXPECT_EQ(write_error(out, Octets{2, 1}, Result::kMalformedRequest, 1, 1), 24U);
  EXPECT_EQ(write_error(out, Octets(5000, 1), Result::kMalformedRequest, 1, 1), kLongest);
}

// RFC 6887 section 7.4.
TEST(PcpMessage, ErrorsLastShortOrLong) {
  for (const Result result :
       {Result::kNetworkFailure, Result::kNoResources, Result::kUserQuota, Result::kCannotProvideExternal})
    EXPECT_EQ(error_lifetime(result), 30U);
  for (const Result result :
       {Result::kUnsupportedVersion, Result::kNotAuthorized, Result::kMalformedRequest,
        Result::kUnsupportedOpcode, Result::kUnsupportedOption, Result::kMalformedOption,
        Result::kUnsupportedProtocol, Result::kAddressMismatch, Result::kExcessiveRemotePeers})
    EXPECT_EQ(error_lifetime(result), 1800U);
}

}  // namespace
}  // namespace millrace::nat::pcp
