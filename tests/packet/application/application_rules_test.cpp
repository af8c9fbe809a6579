// SPDX-License-Identifier: BSD-3-Clause
// What rules by application do to sessions of well-known applications.
#include "tests/packet/application/application_bed.h"

namespace millrace::testing {
namespace {

TEST(ApplicationRules, WhatIsNamedAndAcceptedGoesOn) {
  for_each_shape([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk;
    const auto hits = bed.hits("web");
    ASSERT_TRUE(bed.open(talk));
    EXPECT_EQ(bed.application(), "undecided");
    EXPECT_EQ(bed.undecided(), 0U) << "a connection that has not spoken takes nothing";
    EXPECT_TRUE(bed.client_says(talk, hello("www.youtube.com")));
    EXPECT_EQ(bed.application(), "tls/youtube");
    EXPECT_EQ(bed.undecided(), 0U);
    EXPECT_TRUE(bed.server_says(talk, noise(1000, 1)));
    EXPECT_TRUE(bed.client_says(talk, noise(1000, 2)));
    EXPECT_EQ(bed.hits("web") - hits, 1U);
    EXPECT_EQ(bed.rule_sessions("web"), 1U);
    EXPECT_FALSE(bed.session().has(firewall::Session::kInspected)) << "nobody looks any more";
    EXPECT_EQ(bed.bed.dropped_in_all(), 0U);
  });
}

TEST(ApplicationRules, WhatIsNamedAndRefusedEndsBeforeThePacketThatNamesIt) {
  for_each_shape([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner)) << "not enough to know";
    EXPECT_EQ(bed.undecided(), 1U);
    EXPECT_FALSE(bed.server_says(talk, kServerBanner));
    EXPECT_EQ(bed.application(), "ssh");
    EXPECT_EQ(bed.undecided(), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 1U);
    // It stays, so that it can not begin anew, and nothing of it passes.
    EXPECT_FALSE(bed.client_says(talk, "more"));
    EXPECT_FALSE(bed.server_says(talk, "more"));
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 3U);
    EXPECT_EQ(bed.bed.open_sessions(), 1U);
  });
}

TEST(ApplicationRules, TheRestIsAcceptedAndOneApplicationNot) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, no_torrents());
    const auto hits = bed.hits("no-torrents");
    ApplicationBed::Talk torrent{.server_port = 51413};
    ASSERT_TRUE(bed.open(torrent));
    EXPECT_FALSE(bed.client_says(torrent, text_of(bittorrent_handshake())));
    EXPECT_EQ(bed.application(), "bittorrent");
    EXPECT_EQ(bed.hits("no-torrents") - hits, 1U);
    ApplicationBed::Talk web{.port = 40'001};
    ASSERT_TRUE(bed.open(web));
    EXPECT_TRUE(bed.client_says(web, hello()));
    EXPECT_TRUE(bed.server_says(web, noise(100, 1)));
  });
}

TEST(ApplicationRules, NothingPassesWhenNoneOfTheCandidatesAccepts) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {drop("no-torrents").application("bittorrent"),
                                         accept("elsewhere").service("udp").application("quic")}});
    EXPECT_FALSE(bed.open({}));
    EXPECT_EQ(bed.bed.dropped(Drop::kDeniedByDefault), 1U);
    EXPECT_EQ(bed.bed.open_sessions(), 0U);
  });
}

TEST(ApplicationRules, ACertainRuleBeforeThemAsksNothing) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape,
                       {.rules = {accept("admin").service("tcp/22"), drop("no-ssh").application("ssh")},
                        .otherwise = Action::kAccept});
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_EQ(bed.application(), "none");
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner));
    EXPECT_TRUE(bed.server_says(talk, kServerBanner));
    EXPECT_EQ(bed.undecided(), 0U);
    ApplicationBed::Talk hidden{.port = 40'001, .server_port = 2222};
    ASSERT_TRUE(bed.open(hidden));
    EXPECT_TRUE(bed.client_says(hidden, kHalfBanner));
    EXPECT_FALSE(bed.server_says(hidden, kServerBanner));
  });
}

TEST(ApplicationRules, TheFirstRuleForOneOfItsTwoNamesDecides) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(
        shape, {.rules = {drop("no-video").application("youtube"), accept("web").application("tls")}});
    ApplicationBed::Talk video;
    ASSERT_TRUE(bed.open(video));
    EXPECT_FALSE(bed.client_says(video, hello("www.youtube.com")));
    ApplicationBed::Talk page{.port = 40'001};
    ASSERT_TRUE(bed.open(page));
    EXPECT_TRUE(bed.client_says(page, hello("intranet.example")));
  });
}

TEST(ApplicationRules, RejectTellsBothSides) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(
        shape, {.rules = {reject("no-torrents").application("bittorrent")}, .otherwise = Action::kAccept});
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    bed.bed.send(ProtectBed::kInside,
                 bed.client_segment(talk, "PA", 0).payload(text_of(bittorrent_handshake())));
    bed.bed.run();
    const std::size_t flags = (bed.ipv6 ? 54U : 34U) + 13;
    EXPECT_EQ(bed.bed.sent_one(ProtectBed::kOutside)[flags], 0x14);  // RST, ACK
    EXPECT_EQ(bed.bed.sent_one(ProtectBed::kInside)[flags] & 0x04, 0x04);
    EXPECT_FALSE(bed.client_says(talk, text_of(bittorrent_handshake())));
  });
}

TEST(ApplicationRules, DatagramsAreRefusedForAsLongAsTheyCome) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {drop("no-quic").application("quic")}, .otherwise = Action::kAccept});
    const std::string first = text_of(quic_initial("www.youtube.com"));
    EXPECT_FALSE(bed.client_datagram(5000, first));
    EXPECT_EQ(bed.application(), "quic/youtube");
    for (int i = 0; i < 5; ++i) {
      bed.wait(20'000);  // less than the session's idle time
      EXPECT_FALSE(bed.client_datagram(5000, noise(100, 1)));
    }
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 6U);
    EXPECT_TRUE(bed.client_datagram(5001, text_of(dns_query("example.org")), 53));
  });
}

TEST(ApplicationRules, WhatCannotBeNamedIsOther) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {accept("web").application("tls"), drop("rest").application("other")},
                               .otherwise = Action::kAccept});
    ApplicationBed::Talk talk{.server_port = 40'001};
    ASSERT_TRUE(bed.open(talk));
    unsigned passed = 0;
    for (unsigned i = 0; i < 40; ++i) passed += bed.client_says(talk, noise(200, i)) ? 1 : 0;
    EXPECT_EQ(bed.application(), "other");
    EXPECT_LT(passed, 16U) << "so many are looked at";
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 40U - passed);
  });
}

TEST(ApplicationRules, APortIsNoName) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {accept("ssh").application("ssh")}});
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    for (unsigned i = 0; i < 40; ++i) static_cast<void>(bed.client_says(talk, noise(200, i)));
    EXPECT_EQ(bed.application(), "other");
    EXPECT_FALSE(bed.client_says(talk, noise(10, 1)));
  });
}

TEST(ApplicationRules, ANewPolicyWhileUndecided) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner));
    bed.publish({.rules = {accept("admin").application("ssh")}});
    EXPECT_TRUE(bed.server_says(talk, kServerBanner)) << "what was seen before is not forgotten";
    EXPECT_EQ(bed.application(), "ssh");
    EXPECT_EQ(bed.rule_sessions("admin"), 1U);
    EXPECT_EQ(bed.rule_sessions("web"), 0U);
    // And one that no longer lets it in even provisionally.
    bed.publish(tls_only());
    EXPECT_FALSE(bed.client_says(talk, "x"));
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 1U);
    // What is known stays known.
    bed.publish({.rules = {accept("admin").application("ssh")}});
    EXPECT_TRUE(bed.client_says(talk, "x"));
    bed.publish({.rules = {}});
    EXPECT_FALSE(bed.client_says(talk, "x"));
    EXPECT_EQ(bed.bed.dropped(Drop::kPolicyChanged), 1U);
    EXPECT_EQ(bed.bed.open_sessions(), 0U);
  });
}

TEST(ApplicationRules, APolicyThatAsksNoMoreForgetsWhatItKept) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, no_torrents());
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner));
    EXPECT_EQ(bed.undecided(), 1U);
    bed.publish({.rules = {}, .otherwise = Action::kAccept});
    EXPECT_TRUE(bed.server_says(talk, kServerBanner));
    EXPECT_EQ(bed.undecided(), 0U);
    EXPECT_EQ(bed.application(), "none");
  });
}

TEST(ApplicationRules, ASessionOfAPolicyThatDidNotAskIsLookedAtFromThenOn) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {}, .otherwise = Action::kAccept});
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, noise(50, 1)));
    bed.publish(no_torrents());
    EXPECT_FALSE(bed.client_says(talk, text_of(bittorrent_handshake())));
    EXPECT_EQ(bed.application(), "bittorrent");
  });
}

TEST(ApplicationRules, LimitsAreThoseOfTheRuleItBecomes) {
  for_some_shapes([](const Shape& shape) {
    if (shape.workers != 1) return;
    firewall::Rule few = accept("few").application("tls");
    few.limits.sessions = 1;
    ApplicationBed bed(shape, {.rules = {accept("any-ssh").application("ssh"), few}});
    ApplicationBed::Talk first;
    ApplicationBed::Talk second{.port = 40'001};
    ASSERT_TRUE(bed.open(first));
    ASSERT_TRUE(bed.open(second)) << "provisionally of the first rule";
    EXPECT_EQ(bed.rule_sessions("any-ssh"), 2U);
    EXPECT_TRUE(bed.client_says(first, hello()));
    EXPECT_FALSE(bed.client_says(second, hello()));
    EXPECT_EQ(bed.bed.dropped(Drop::kRuleSessionLimit), 1U);
    EXPECT_FALSE(bed.client_says(second, hello()));
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 1U);
    EXPECT_TRUE(bed.client_says(first, noise(10, 1)));
  });
}

TEST(ApplicationRules, OnAWire) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only(),
                       {.sessions = 64, .memory_bytes = std::size_t{1} << 20, .packets = 16},
                       core::Forwarding::kTransparent);
    ApplicationBed::Talk talk;
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, hello()));
    ApplicationBed::Talk torrent{.port = 40'001};
    ASSERT_TRUE(bed.open(torrent));
    EXPECT_FALSE(bed.client_says(torrent, text_of(bittorrent_handshake())));
  });
}

}  // namespace
}  // namespace millrace::testing
