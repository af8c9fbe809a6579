// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ike_messages.h"

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ike_client.h"

namespace millrace::vpn::ike {
namespace {

using testing::HasSubstr;
namespace client = test::ike;

template <class T>
T read(const Message& message) {
  auto request = read_request(message);
  EXPECT_TRUE(request) << (request ? "" : request.error().reason);
  if (!request || !std::holds_alternative<T>(request->body)) {
    ADD_FAILURE() << "another request";
    return {};
  }
  EXPECT_EQ(request->serial, 9U);
  return std::move(std::get<T>(request->body));
}

std::string why_not(const Message& message) {
  auto request = read_request(message);
  if (!request) return request.error().reason;
  ADD_FAILURE() << "it was read";
  return {};
}

std::vector<Message> one_of_each() {
  const auto which = client::outbound(0x2000);
  return {client::hello(9),
          client::request(MILLRACE_IKE_ALLOCATE_SPI, 9),
          client::add(9, client::inbound(0x1000), MILLRACE_IKE_UDP),
          client::request(MILLRACE_IKE_MOVE_ASSOCIATION, 9,
                          millrace_ike_move{which,
                                            client::address("2001:db8::1"),
                                            client::address("2001:db8::2"),
                                            MILLRACE_IKE_UDP,
                                            {1, 2}}),
          client::request(MILLRACE_IKE_REMOVE_ASSOCIATION, 9, which),
          client::request(MILLRACE_IKE_QUERY_ASSOCIATION, 9, which),
          client::add_policy(9, 5),
          client::request(MILLRACE_IKE_REMOVE_POLICY, 9, client::which_policy(5)),
          client::request(MILLRACE_IKE_QUERY_POLICY, 9, client::which_policy(5)),
          client::request(MILLRACE_IKE_FLUSH_ASSOCIATIONS, 9),
          client::request(MILLRACE_IKE_FLUSH_POLICIES, 9),
          client::request(MILLRACE_IKE_RESYNC_BEGIN, 9),
          client::request(MILLRACE_IKE_RESYNC_END, 9)};
}

void set_length(Message& message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  if (message.size() >= sizeof(millrace_ike_header))
    std::memcpy(message.data() + offsetof(millrace_ike_header, length), &length, sizeof length);
}

TEST(IkeMessages, AnAssociationIsReadWhole) {
  const auto added = read<AddAssociation>(client::add(
      9, client::inbound(0xc0001234), MILLRACE_IKE_UDP | MILLRACE_IKE_EXTENDED | MILLRACE_IKE_AGAIN));
  const AssociationSpec& spec = added.spec;
  EXPECT_TRUE(added.again);
  EXPECT_EQ(spec.key.spi, 0xc0001234U);
  EXPECT_FALSE(spec.key.outbound);
  EXPECT_EQ(spec.key.remote.to_string(), "192.0.2.2");
  EXPECT_EQ(spec.local.to_string(), "192.0.2.1");
  EXPECT_EQ(spec.mode, Mode::kTunnel);
  EXPECT_EQ(spec.suite, (crypto::Suite{crypto::Cipher::kAesGcm128, crypto::Integrity::kNone}));
  EXPECT_TRUE(std::ranges::equal(spec.cipher_key.bytes(), client::kKey));
  EXPECT_TRUE(spec.integrity_key.bytes().empty());
  EXPECT_TRUE(spec.extended);
  EXPECT_EQ(spec.window, 64U);
  EXPECT_EQ(spec.udp, (UdpPorts{.local = 4500, .remote = 4501}));
  EXPECT_EQ(spec.tunnel, 7U);
  ASSERT_EQ(spec.selectors.size(), 1U);
  EXPECT_EQ(spec.selectors[0].remote.to_string(), "10.2.0.0/16");
  EXPECT_EQ(spec.seconds.soft, 100U);
  EXPECT_EQ(spec.bytes.hard, 400U);
  EXPECT_EQ(spec.packets.soft, 500U);
}

TEST(IkeMessages, EverySuiteTakesKeysOfItsSizesAndNoOthers) {
  for (const crypto::Suite suite : crypto::suites()) {
    const crypto::SuiteSizes sizes = crypto::sizes_of(suite);
    auto wire = client::association(client::inbound(0x1000));
    wire.cipher = static_cast<std::uint8_t>(static_cast<int>(suite.cipher) + 1);
    wire.integrity = static_cast<std::uint8_t>(suite.integrity);
    wire.cipher_key_bytes = static_cast<std::uint8_t>(sizes.cipher_key + sizes.salt);
    wire.integrity_key_bytes = sizes.integrity_key;
    wire.selectors = 0;
    Message message = client::request(MILLRACE_IKE_ADD_ASSOCIATION, 9, wire);
    message.resize(message.size() + wire.cipher_key_bytes + wire.integrity_key_bytes, 0x5a);
    set_length(message);
    EXPECT_EQ(read<AddAssociation>(message).spec.suite, suite);
    ++wire.integrity_key_bytes;
    Message wrong = client::request(MILLRACE_IKE_ADD_ASSOCIATION, 9, wire);
    wrong.resize(message.size() + 1, 0x5a);
    set_length(wrong);
    EXPECT_THAT(why_not(wrong), HasSubstr("takes a key of"));
  }
}

TEST(IkeMessages, EachRequestIsReadAndNoneWithAByteLessOrMore) {
  std::size_t index = 0;
  for (const Message& message : one_of_each()) {
    auto request = read_request(message);
    ASSERT_TRUE(request) << request.error().reason;
    EXPECT_EQ(request->body.index(), index++);
    for (std::size_t size = 0; size < message.size(); ++size) {
      Message cut(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(read_request(cut));
      set_length(cut);
      EXPECT_FALSE(read_request(cut));
    }
    Message longer = message;
    longer.push_back(0);
    EXPECT_THAT(why_not(longer), HasSubstr("a length of"));
    set_length(longer);
    EXPECT_THAT(why_not(longer), HasSubstr("1 bytes behind the end"));
  }
}

TEST(IkeMessages, AMoveChangesFamilies) {
  const auto move = read<MoveAssociation>(one_of_each()[3]);
  EXPECT_TRUE(move.key.outbound);
  EXPECT_EQ(move.to.remote.to_string(), "2001:db8::2");
  EXPECT_EQ(move.to.udp, (UdpPorts{.local = 1, .remote = 2}));
}

TEST(IkeMessages, WhatIsWrongIsNamed) {
  const auto association = [](auto change) {
    auto wire = client::association(client::inbound(0x1000));
    change(wire);
    return why_not(client::request(MILLRACE_IKE_ADD_ASSOCIATION, 9, wire, client::kKey, client::selector()));
  };
  EXPECT_THAT(association([](auto& wire) { wire.key.remote.family = 9; }), HasSubstr("family 4 or 6, not 9"));
  EXPECT_THAT(association([](auto& wire) { wire.local.bytes[15] = 1; }), HasSubstr("zeros behind it"));
  EXPECT_THAT(association([](auto& wire) { wire.key.outbound = 2; }), HasSubstr("direction"));
  EXPECT_THAT(association([](auto& wire) { wire.mode = 3; }), HasSubstr("mode"));
  EXPECT_THAT(association([](auto& wire) { wire.cipher = 12; }), HasSubstr("no cipher 12"));
  EXPECT_THAT(association([](auto& wire) { wire.cipher = 0; }), HasSubstr("no cipher 0"));
  EXPECT_THAT(association([](auto& wire) { wire.integrity = 5; }), HasSubstr("no hash 5"));
  EXPECT_THAT(association([](auto& wire) { wire.integrity = 1; }), HasSubstr("takes no hash"));
  EXPECT_THAT(association([](auto& wire) { wire.flags = 0x80; }), HasSubstr("flags 0x80"));
  EXPECT_THAT(association([](auto& wire) { wire.cipher_key_bytes = 16; }), HasSubstr("20 bytes"));
  EXPECT_THAT(association([](auto& wire) { wire.selectors = 2; }), HasSubstr("a selector takes"));
  EXPECT_THAT(association([](auto& wire) { wire.selectors = 65535; }), HasSubstr("at most 1024"));
  const auto selector = [](auto change) {
    auto wire = client::which_policy(1);
    change(wire.selector);
    return why_not(client::request(MILLRACE_IKE_QUERY_POLICY, 9, wire));
  };
  EXPECT_THAT(selector([](auto& wire) { wire.local_length = 33; }), HasSubstr("at most 32 bits"));
  EXPECT_THAT(selector([](auto& wire) { wire.local_length = 8; }), HasSubstr("10.1.0.0/8 has bits set"));
  EXPECT_THAT(selector([](auto& wire) { wire.remote_first = 9, wire.remote_last = 8; }), HasSubstr("ports"));
  EXPECT_THAT(why_not(client::request(MILLRACE_IKE_HELLO, 9, millrace_ike_hello{1, "5.9 8"})),
              HasSubstr("printable"));
  EXPECT_THAT(why_not(client::request(static_cast<millrace_ike_type>(31), 9)), HasSubstr("no request 31"));
}

TEST(IkeMessages, InterfacesAreTold) {
  millrace_ike_association association = client::association(client::outbound(0x2000));
  association.interface = 77;
  const auto added = read_request(
      client::request(MILLRACE_IKE_ADD_ASSOCIATION, 9, association, client::kKey, client::selector()));
  ASSERT_TRUE(added) << added.error().reason;
  EXPECT_EQ(std::get<AddAssociation>(added->body).spec.interface, 77U);
  millrace_ike_which_policy policy = client::which_policy(5);
  policy.interface = 78;
  const auto removed = read_request(client::request(MILLRACE_IKE_REMOVE_POLICY, 9, policy));
  ASSERT_TRUE(removed) << removed.error().reason;
  EXPECT_EQ(std::get<RemovePolicy>(removed->body).key.interface, 78U);
}

TEST(IkeMessages, AnotherVersionIsStrange) {
  Message message = client::hello(9);
  message[0] = MILLRACE_IKE_VERSION + 1;
  const auto request = read_request(message);
  ASSERT_FALSE(request);
  EXPECT_TRUE(request.error().strange);
  EXPECT_EQ(request.error().serial, 9U);
  EXPECT_THAT(request.error().reason, HasSubstr("same release"));
}

TEST(IkeMessages, AnswersAndEventsSayTheirLength) {
  const Message long_answer =
      write_answer(5, {.status = MILLRACE_IKE_REFUSED, .text = std::string(5000, 'x'), .spi = 3});
  const auto answer = client::answer(long_answer);
  EXPECT_EQ(answer.header.serial, 5U);
  EXPECT_EQ(answer.header.length, long_answer.size());
  EXPECT_EQ(answer.body.status, MILLRACE_IKE_REFUSED);
  EXPECT_EQ(answer.text.size(), static_cast<std::size_t>(MILLRACE_IKE_MOST_TEXT));
  const AssociationKey key{.outbound = true, .spi = 1, .remote = *net::IpAddress::parse("192.0.2.2")};
  for (const Message& event :
       {write_expired(key, 7, true), write_mapping(key, 7, key.remote, 9), write_acquire(7, {})}) {
    const auto header = client::answer(event).header;
    EXPECT_EQ(header.length, event.size());
    EXPECT_EQ(header.serial, 0U);
    EXPECT_GE(header.type, MILLRACE_IKE_EXPIRED);
  }
}

}  // namespace
}  // namespace millrace::vpn::ike
