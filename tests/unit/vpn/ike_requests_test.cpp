// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ike_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ike_client.h"
#include "tests/support/recording_gateway.h"

namespace millrace::vpn::ike {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace client = test::ike;

struct IkeRequests : testing::Test {
  test::RecordingGateway gateway;
  Requests requests{gateway};

  Requests::Reply take(const Message& message) { return requests.take(message); }
  millrace_ike_status status(const Message& message) {
    const auto reply = take(message);
    EXPECT_FALSE(reply.messages.empty());
    return reply.messages.empty()
               ? MILLRACE_IKE_MALFORMED
               : static_cast<millrace_ike_status>(client::answer(reply.messages[0]).body.status);
  }
  millrace_ike_status simple(millrace_ike_type type) { return status(client::request(type, 1)); }
  // As the plugin comes, with these messages between the beginning and the end of the resync.
  Requests::Reply connect(const std::vector<Message>& told = {}) {
    EXPECT_EQ(status(client::hello(1)), MILLRACE_IKE_OK);
    EXPECT_EQ(simple(MILLRACE_IKE_RESYNC_BEGIN), MILLRACE_IKE_OK);
    for (const Message& message : told) (void)take(message);
    return take(client::request(MILLRACE_IKE_RESYNC_END, 1));
  }
};

TEST_F(IkeRequests, NothingIsDoneBeforeAHello) {
  const auto reply = take(client::request(MILLRACE_IKE_ALLOCATE_SPI, 3));
  EXPECT_TRUE(reply.close);
  EXPECT_THAT(gateway.calls, IsEmpty());
  EXPECT_EQ(client::answer(reply.messages[0]).text, "a hello comes first");
  EXPECT_EQ(status(client::hello(1)), MILLRACE_IKE_OK);
  EXPECT_EQ(status(client::hello(2)), MILLRACE_IKE_MALFORMED);
}

TEST_F(IkeRequests, BecomeCallsOfTheGateway) {
  connect();
  gateway.calls.clear();
  const auto reply = take(client::request(MILLRACE_IKE_ALLOCATE_SPI, 3));
  EXPECT_EQ(client::answer(reply.messages[0]).body.spi, 0xc0000001U);
  EXPECT_EQ(status(client::add(2, client::inbound(0x1000))), MILLRACE_IKE_OK);
  EXPECT_EQ(status(client::add(2, client::outbound(0x2000))), MILLRACE_IKE_OK);
  EXPECT_EQ(status(client::add_policy(3, 5)), MILLRACE_IKE_OK);
  const auto use = take(client::request(MILLRACE_IKE_QUERY_ASSOCIATION, 4, client::outbound(0x2000)));
  EXPECT_EQ(client::answer(use.messages[0]).body.packets, 22U);
  const auto idle = take(client::request(MILLRACE_IKE_QUERY_POLICY, 4, client::which_policy(5)));
  EXPECT_EQ(client::answer(idle.messages[0]).body.idle_seconds, 33U);
  EXPECT_EQ(
      status(client::request(
          MILLRACE_IKE_MOVE_ASSOCIATION, 4,
          millrace_ike_move{
              client::outbound(0x2000), client::address("192.0.2.1"), client::address("192.0.2.9"), 0, {}})),
      MILLRACE_IKE_OK);
  EXPECT_EQ(gateway.associations.rbegin()->first.remote.to_string(), "192.0.2.9");
  EXPECT_EQ(status(client::request(MILLRACE_IKE_REMOVE_POLICY, 4, client::which_policy(5))), MILLRACE_IKE_OK);
  EXPECT_EQ(status(client::request(MILLRACE_IKE_REMOVE_ASSOCIATION, 4, client::inbound(0x1000))),
            MILLRACE_IKE_OK);
  EXPECT_EQ(simple(MILLRACE_IKE_FLUSH_POLICIES), MILLRACE_IKE_OK);
  EXPECT_EQ(simple(MILLRACE_IKE_FLUSH_ASSOCIATIONS), MILLRACE_IKE_OK);
  EXPECT_THAT(gateway.calls, ElementsAre("allocate_spi", "add", "add", "add_policy", "move", "remove_policy",
                                         "remove", "flush_policies", "flush_associations"));
}

TEST_F(IkeRequests, WhatTheGatewayRefusesIsSaidToBothSides) {
  connect();
  gateway.full = true;
  const auto reply = take(client::add(2, client::inbound(0x1000)));
  EXPECT_EQ(client::answer(reply.messages[0]).body.status, MILLRACE_IKE_REFUSED);
  EXPECT_EQ(client::answer(reply.messages[0]).text, "add: there is no room");
  EXPECT_THAT(reply.log, HasSubstr("there is no room"));
  EXPECT_FALSE(reply.close);
}

TEST_F(IkeRequests, AfterAResyncOnlyWhatWasToldIsLeft) {
  connect({client::add(2, client::inbound(0x1000)), client::add(2, client::inbound(0x1001)),
           client::add_policy(2, 5), client::add_policy(2, 6)});
  requests.disconnected();
  EXPECT_EQ(gateway.associations.size(), 2U);
  EXPECT_EQ(gateway.policies.size(), 2U);
  const auto end =
      connect({client::add(2, client::inbound(0x1001), MILLRACE_IKE_AGAIN), client::add_policy(2, 6)});
  EXPECT_THAT(end.log, HasSubstr("1 associations, 1 policies"));
  ASSERT_EQ(gateway.associations.size(), 1U);
  EXPECT_EQ(gateway.associations.begin()->first.spi, 0x1001U);
  ASSERT_EQ(gateway.policies.size(), 1U);
  EXPECT_EQ(gateway.policies.begin()->first.priority, 6U);
}

TEST_F(IkeRequests, AnAssociationToldAgainGoesOnWhereItIs) {
  connect({client::add(2, client::outbound(0x2000))});
  requests.disconnected();
  gateway.calls.clear();
  connect({client::add(2, client::outbound(0x2000), MILLRACE_IKE_AGAIN)});
  EXPECT_THAT(gateway.calls, ElementsAre("hold", "keep_only 1", "release"));
}

TEST_F(IkeRequests, ALostOutboundAssociationIsNotMadeAgain) {
  EXPECT_EQ(status(client::hello(1)), MILLRACE_IKE_OK);
  EXPECT_EQ(status(client::add(2, client::outbound(0x2000), MILLRACE_IKE_AGAIN)), MILLRACE_IKE_STALE);
  EXPECT_EQ(status(client::add(2, client::inbound(0x1000), MILLRACE_IKE_AGAIN)), MILLRACE_IKE_OK);
  EXPECT_THAT(gateway.calls, ElementsAre("add"));
}

TEST_F(IkeRequests, EventsWaitForThePluginToHaveToldEverything) {
  const AssociationKey ended{.outbound = false, .spi = 0x1000, .remote = *net::IpAddress::parse("192.0.2.2")};
  connect({client::add(2, client::inbound(0x1000))});
  requests.disconnected();
  requests.keep_expired(ended, 7, false);
  requests.keep_expired(ended, 7, true);
  requests.keep_expired(ended, 7, true);
  requests.keep_mapping(ended, 7, ended.remote, 1);
  requests.keep_mapping(ended, 7, ended.remote, 2);
  gateway.associations.clear();
  Message again = client::add(2, client::inbound(0x1000), MILLRACE_IKE_AGAIN);
  const auto end = connect({again});
  EXPECT_THAT(gateway.associations, IsEmpty());  // it has ended: it is not made again
  ASSERT_EQ(end.messages.size(), 4U);            // the answer, a soft and a hard limit, where the peer is
  EXPECT_EQ(client::answer(end.messages[0]).header.type, MILLRACE_IKE_ANSWER);
  EXPECT_EQ(client::answer(end.messages[1]).header.type, MILLRACE_IKE_EXPIRED);
  EXPECT_EQ(end.messages[3], write_mapping(ended, 7, ended.remote, 2));
  requests.disconnected();
  EXPECT_EQ(connect().messages.size(), 1U);
}

TEST_F(IkeRequests, AResyncThatBreaksOffHoldsNothing) {
  EXPECT_EQ(status(client::hello(1)), MILLRACE_IKE_OK);
  EXPECT_EQ(simple(MILLRACE_IKE_RESYNC_BEGIN), MILLRACE_IKE_OK);
  requests.disconnected();
  EXPECT_THAT(gateway.calls, ElementsAre("hold", "release"));
}

TEST_F(IkeRequests, TroublesComeInWordsThatCanBePrinted) {
  connect();
  const auto reply = take(client::trouble(2, "to-b", "192.0.2.2 did not\nprove who it is\x1b[2J"));
  EXPECT_EQ(client::answer(reply.messages[0]).body.status, MILLRACE_IKE_OK);
  ASSERT_TRUE(reply.trouble);
  EXPECT_EQ(reply.trouble->connection, "to-b");
  EXPECT_EQ(reply.trouble->text, "192.0.2.2 did not?prove who it is?[2J");
  EXPECT_EQ(reply.log, "connection to-b: " + reply.trouble->text);
  EXPECT_EQ(status(client::trouble(3, "to-b", "")), MILLRACE_IKE_MALFORMED);
  Message cut = client::trouble(4, "", "a text");
  cut.pop_back();
  client::set_length(cut);
  EXPECT_EQ(status(cut), MILLRACE_IKE_MALFORMED);
}

TEST_F(IkeRequests, AnEndWithoutABeginningRemovesNothing) {
  connect({client::add(2, client::inbound(0x1000))});
  EXPECT_EQ(simple(MILLRACE_IKE_RESYNC_END), MILLRACE_IKE_MALFORMED);
  EXPECT_EQ(gateway.associations.size(), 1U);
}

}  // namespace
}  // namespace millrace::vpn::ike
