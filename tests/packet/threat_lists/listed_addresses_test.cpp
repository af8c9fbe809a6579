// SPDX-License-Identifier: BSD-3-Clause
// Sessions whose ends are listed: those to be opened, and those that are open when a list comes into force.
#include "tests/packet/threat_lists/list_bed.h"

namespace millrace::testing {
namespace {

// Hosts by number, of whichever family the bed's shape has.
std::string hosts(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += address + "\n";
  return text;
}
ListSpec client_two(ListAction action = ListAction::kDrop) {
  return {hosts({"10.0.1.2", "2001:db8:1::1:2"}), action};
}
ListSpec server_nine(ListAction action = ListAction::kDrop) {
  return {hosts({"192.168.1.9", "2001:db8:2::1:9"}), action};
}

std::string address_in(const InspectionEvent& event, const std::array<std::uint8_t, 16>& bytes) {
  if (event.family == net::Family::kIpv6) return net::IpAddress(net::Ipv6Address{bytes}).to_string();
  net::Ipv4Address v4;
  std::memcpy(&v4.value, bytes.data(), sizeof v4.value);
  return net::IpAddress(v4).to_string();
}

TEST(ListedAddresses, EitherEndKeepsASessionFromOpening) {
  for_each_list_bed([](const Shape& shape, Forwarding forwarding) {
    ListBed bed(shape, {client_two(), server_nine()}, forwarding);
    EXPECT_EQ(bed.goes_through(kIn, bed.from_client(1).tcp(1000, 80).flags("S")), 1U);
    EXPECT_EQ(bed.hits(0) + bed.hits(1), 0U);
    EXPECT_EQ(bed.goes_through(kIn, bed.from_client(2).tcp(1000, 80).flags("S")), 0U);
    EXPECT_EQ(bed.hits(0), 1U);
    EXPECT_EQ(bed.goes_through(kIn, bed.from_inside(bed.client(1), bed.server(9)).udp(1000, 53)), 0U);
    EXPECT_EQ(bed.goes_through(kOut, bed.from_outside(bed.server(9), bed.client(1)).udp(53, 1000)), 0U);
    EXPECT_EQ(bed.hits(1), 2U);
    EXPECT_EQ(bed.goes_through(kOut, bed.from_outside(bed.server(1), bed.client(2)).udp(53, 1000)), 0U);
    EXPECT_EQ(bed.hits(0), 2U);
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 4U);
    EXPECT_EQ(bed.open_sessions(), 1U);
    EXPECT_TRUE(bed.sent(kIn).empty());  // nobody is told
  });
}

TEST(ListedAddresses, EventsSayWhoAndWhich) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {client_two(), server_nine()});
    bed.goes_through(kIn, bed.from_client(2).tcp(1000, 80).flags("S"));
    auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].kind, EventKind::kListed);
    EXPECT_EQ(events[0].outcome, Outcome::kBlocked);
    EXPECT_EQ(events[0].list_slot, kFirstListSlot);
    EXPECT_FALSE(events[0].is_destination);
    EXPECT_EQ(address_in(events[0], events[0].source), bed.client(2));
    EXPECT_EQ(address_in(events[0], events[0].destination), bed.server(1));
    EXPECT_EQ(events[0].source_port, 1000);
    EXPECT_EQ(events[0].destination_port, 80);
    EXPECT_EQ(events[0].protocol, 6);
    EXPECT_EQ(events[0].session, 0U);
    EXPECT_EQ(events[0].severity, 1);
    bed.goes_through(kIn, bed.from_inside(bed.client(2), bed.server(9)).udp(1000, 53));
    events = bed.events();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_FALSE(events[0].is_destination);
    EXPECT_TRUE(events[1].is_destination);
    EXPECT_EQ(events[1].list_slot, kFirstListSlot + 1);
  });
}

TEST(ListedAddresses, RejectTellsTheSender) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {server_nine(ListAction::kReject)});
    const std::size_t l4 = shape.ipv6 ? 54 : 34;
    EXPECT_EQ(
        bed.goes_through(kIn, bed.from_inside(bed.client(1), bed.server(9)).tcp(1000, 80).flags("S").seq(77)),
        0U);
    const Frame reset = bed.sent_one(kIn);
    ASSERT_GT(reset.size(), l4 + 13);
    EXPECT_EQ(reset[l4 + 13] & 0x04, 0x04);
    EXPECT_EQ(bed.goes_through(kIn, bed.from_inside(bed.client(1), bed.server(9)).udp(1000, 53)), 0U);
    const Frame error = bed.sent_one(kIn);
    ASSERT_GT(error.size(), l4);
    EXPECT_EQ(error[l4], shape.ipv6 ? 1 : 3);  // destination unreachable
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 2U);
    EXPECT_EQ(bed.open_sessions(), 0U);
  });
}

TEST(ListedAddresses, AlertLetsPassAndTellsOnceOfASession) {
  for_each_list_bed([](const Shape& shape, Forwarding forwarding) {
    const std::vector<ListSpec> lists{client_two(ListAction::kAlert)};
    ListBed bed(shape, lists, forwarding);
    const auto question = bed.from_client(2).udp(1000, 53);
    const auto answer = bed.from_server(2).udp(53, 1000);
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    EXPECT_EQ(bed.goes_through(kOut, answer), 1U);
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    // The same lists again, as after a reload.
    bed.publish(with_lists(lists));
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    EXPECT_EQ(bed.hits(0), 1U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].outcome, Outcome::kAllowed);
    EXPECT_NE(events[0].session, 0U);
    EXPECT_EQ(bed.dropped_in_all(), 0U);
    EXPECT_EQ(bed.goes_through(kIn, bed.from_client(2).udp(1001, 53)), 1U);
    EXPECT_EQ(bed.hits(0), 2U);
  });
}

TEST(ListedAddresses, OpenSessionsAreJudgedAgainWhenAListComesIntoForce) {
  for_each_list_bed([](const Shape& shape, Forwarding forwarding) {
    ListBed bed(shape, {}, forwarding);
    const auto question = bed.from_client(2).udp(1000, 53);
    const auto answer = bed.from_server(2).udp(53, 1000);
    const auto other = bed.from_client(1).udp(1000, 53);
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    EXPECT_EQ(bed.goes_through(kIn, other), 1U);
    bed.publish(with_lists({client_two(ListAction::kReject)}));
    // As of a session that the rules refuse from now on: it ends at its next packet, whoever sends that.
    EXPECT_EQ(bed.goes_through(kOut, answer), 0U);
    EXPECT_EQ(bed.dropped(Drop::kPolicyChanged), 1U);
    EXPECT_EQ(bed.open_sessions(), 1U);
    EXPECT_EQ(bed.hits(0), 1U);
    const auto events = bed.events();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].outcome, Outcome::kBlocked);
    EXPECT_NE(events[0].session, 0U);
    EXPECT_EQ(events[0].packets[0], 1U);
    EXPECT_EQ(address_in(events[0], events[0].source), bed.client(2));
    EXPECT_EQ(bed.goes_through(kIn, question), 0U);
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 1U);
    EXPECT_EQ(bed.goes_through(kIn, other), 1U);
    // And out of force again.
    bed.publish({});
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    static_cast<void>(bed.sent(kIn));
  });
}

TEST(ListedAddresses, AListThatChangesUnderPacketsCountsOn) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {client_two()});
    std::uint64_t hits = 0;
    for (unsigned round = 1; round <= 20; ++round) {
      const bool lists_two = round % 2 == 0;
      bed.publish(with_lists({lists_two ? client_two() : server_nine()}));
      for (std::uint16_t port = 0; port < 20; ++port) {
        bed.send(kIn, bed.from_client(2).udp(port, 53));
        bed.send(kIn, bed.from_inside(bed.client(1), bed.server(9)).udp(port, 53));
      }
      bed.run();
      // What was open to the end that is listed now ends at its first packet.
      hits += 20;
      EXPECT_EQ(bed.sent(kOut).size(), 20U);
      EXPECT_EQ(bed.hits(0), hits);
    }
    EXPECT_EQ(bed.dropped(Drop::kThreatList) + bed.dropped(Drop::kPolicyChanged), hits);
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 20U);  // of the first round; then sessions were open
  });
}

TEST(ListedAddresses, WhatTheRulesRefuseIsNotLookedUp) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {client_two()});
    bed.publish([](Policy& policy) {
      add_lists(policy, {client_two()});
      policy.otherwise.action = firewall::Action::kDrop;
    });
    EXPECT_EQ(bed.goes_through(kIn, bed.from_client(2).udp(1000, 53)), 0U);
    EXPECT_EQ(bed.dropped(Drop::kDeniedByDefault), 1U);
    EXPECT_EQ(bed.hits(0), 0U);
    EXPECT_TRUE(bed.events().empty());
  });
}

TEST(ListedAddresses, TheFirstListThatDoesNotOnlyTellDecides) {
  for_each_shape([](const Shape& shape) {
    const auto told_sender = [&](const std::vector<ListSpec>& lists) {
      ListBed bed(shape, lists);
      EXPECT_EQ(bed.goes_through(kIn, bed.from_client(2).udp(1000, 53)), 0U);
      for (std::uint32_t list = 0; list < lists.size(); ++list) EXPECT_EQ(bed.hits(list), 1U);
      for (const InspectionEvent& event : bed.events()) EXPECT_EQ(event.outcome, Outcome::kBlocked);
      return !bed.sent(kIn).empty();
    };
    const ListSpec alert = client_two(ListAction::kAlert);
    const ListSpec drop = client_two(ListAction::kDrop);
    const ListSpec reject = client_two(ListAction::kReject);
    EXPECT_FALSE(told_sender({alert, drop, reject}));
    EXPECT_TRUE(told_sender({alert, reject, drop}));
  });
}

// As for rules: an error is about the session of the packet inside it, wherever it comes from.
TEST(ListedAddresses, ErrorsAboutKnownSessionsPass) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {server_nine()});
    const auto question = bed.from_client(1).udp(1000, 53);
    EXPECT_EQ(bed.goes_through(kIn, question), 1U);
    auto error = bed.from_outside(bed.server(9), bed.client(1));
    error.icmp(shape.ipv6 ? 1 : 3, shape.ipv6 ? 4 : 3).embed(PacketBuilder(question).hop());
    EXPECT_EQ(bed.goes_through(kOut, error), 1U);
    EXPECT_EQ(bed.hits(0), 0U);
  });
}

TEST(ListedAddresses, FragmentsShareTheFateOfTheFirst) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {client_two()});
    const auto whole = bed.from_client(2).udp(1000, 53).payload(2000);
    EXPECT_EQ(bed.goes_through(kIn, whole.piece(0, 1200, 1)), 0U);
    EXPECT_EQ(bed.goes_through(kIn, whole.piece(1200, 808, 1)), 0U);
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 1U);
    EXPECT_EQ(bed.dropped(core::Drop::kFragmentRefused), 1U);
    EXPECT_EQ(bed.open_sessions(), 0U);
  });
}

TEST(ListedAddresses, ASynIsNotAnsweredByACookie) {
  for_each_shape([](const Shape& shape) {
    ListBed bed(shape, {client_two()});
    bed.publish([](Policy& policy) {
      add_lists(policy, {client_two()});
      policy.protection.syn_cookies_above = 1;
    });
    for (std::uint16_t port = 0; port < 64; ++port) bed.send(kIn, bed.from_client(3).tcp(port, 1).flags("S"));
    bed.run();
    static_cast<void>(bed.sent(kOut));
    EXPECT_FALSE(bed.sent(kIn).empty());  // cookies, for those who are not listed
    for (std::uint16_t port = 0; port < 64; ++port)
      bed.send(kIn, bed.from_client(2).tcp(port, 80).flags("S"));
    bed.run();
    EXPECT_TRUE(bed.sent(kIn).empty());
    EXPECT_EQ(bed.dropped(Drop::kThreatList), 64U);
  });
}

TEST(ListedAddresses, AFloodIsCountedInFullAndToldOfInPart) {
  for (const unsigned workers : {1U, 2U}) {
    ListBed bed({.burst = 32, .workers = workers, .ipv6 = false}, {client_two()});
    constexpr unsigned kPackets = 5000;
    for (unsigned i = 0; i < kPackets; ++i) {
      bed.send(kIn, bed.from_client(2).udp(static_cast<std::uint16_t>(i), 53));
      if (i % 1000 == 999) bed.run();
    }
    EXPECT_EQ(bed.hits(0), kPackets);
    EXPECT_EQ(bed.events().size(), 1000U * workers);
    std::uint64_t kept_back = 0;
    for (unsigned worker = 0; worker < workers; ++worker)
      kept_back += bed.state(worker).list_events_kept_back.read();
    EXPECT_EQ(kept_back, kPackets - 1000U * workers);
    bed.set_time(500);
    for (unsigned i = 0; i < 1000; ++i)
      bed.send(kIn, bed.from_client(2).udp(static_cast<std::uint16_t>(i), 53));
    bed.run();
    const std::size_t told = bed.events().size();
    EXPECT_LE(told, 500U * workers);
    EXPECT_GE(told, 500U);
  }
}

}  // namespace
}  // namespace millrace::testing
