// SPDX-License-Identifier: BSD-3-Clause
// What a sender may try so that other bytes are looked at than its receiver reads.
#include "tests/packet/application/application_bed.h"

namespace millrace::testing {
namespace {

TEST(ApplicationEvasion, SegmentsBehindAHoleDoNotPass) {
  for_each_shape([](const Shape& shape) {
    ApplicationBed bed(shape, no_torrents());
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    const std::string text = text_of(bittorrent_handshake());
    // The second half first: it would be looked at as if it were the beginning.
    EXPECT_EQ(bed.client_sends(bed.client_segment(talk, "PA", 30).payload(text.substr(30))), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kStreamHoles), 1U);
    // In order it is what it is, however it is cut.
    EXPECT_TRUE(bed.client_says(talk, text.substr(0, 10)));
    EXPECT_FALSE(bed.client_says(talk, text.substr(10)));
    EXPECT_EQ(bed.application(), "bittorrent");
  });
}

TEST(ApplicationEvasion, WhatComesAgainIsNotLookedAtAgain) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner));
    for (int i = 0; i < 40; ++i)
      EXPECT_EQ(bed.client_sends(bed.client_segment(talk, "PA", 0).payload(kHalfBanner)), 1U);
    EXPECT_EQ(bed.application(), "undecided");
    EXPECT_FALSE(bed.server_says(talk, kServerBanner));
    EXPECT_EQ(bed.application(), "ssh");
  });
}

TEST(ApplicationEvasion, ASynWithBytesHasToComeAgainWithout) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk;
    EXPECT_EQ(bed.client_sends(bed.client_segment(talk, "S", 0xffffffff).payload(hello())), 0U);
    EXPECT_EQ(bed.application(), "undecided");
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, hello()));
    EXPECT_EQ(bed.application(), "tls");
  });
}

TEST(ApplicationEvasion, AWrongChecksumIsNotLookedAt) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_EQ(bed.client_sends(bed.client_segment(talk, "PA", 0).payload(hello()).bad_transport_checksum()),
              0U);
    EXPECT_EQ(bed.application(), "undecided");
  });
}

TEST(ApplicationEvasion, SegmentsOutOfTheWindowAreNotLookedAt) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_EQ(bed.client_sends(bed.client_segment(talk, "PA", 0xf0000000).payload(hello())), 0U);
    EXPECT_EQ(bed.application(), "undecided");
    EXPECT_FALSE(bed.client_says(talk, text_of(bittorrent_handshake())));
  });
}

// The first bytes of one protocol, and another one behind them: no name that the rules accept, so it ends.
TEST(ApplicationEvasion, TheBeginningOfOneProtocolAndThenAnother) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, tls_only());
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    static_cast<void>(bed.client_says(talk, hello().substr(0, 4)));
    static_cast<void>(bed.client_says(talk, kHalfBanner));
    static_cast<void>(bed.server_says(talk, kServerBanner));
    for (unsigned i = 0; i < 40; ++i) static_cast<void>(bed.client_says(talk, noise(100, i)));
    EXPECT_NE(bed.application(), "undecided");
    EXPECT_FALSE(bed.client_says(talk, noise(100, 1))) << bed.application();
    EXPECT_FALSE(bed.server_says(talk, noise(100, 1)));
  });
}

// What is settled stays settled: TLS at first is TLS to the end. Rules by application say nothing of what is
// spoken inside.
TEST(ApplicationEvasion, WhatComesAfterTheNameDoesNotChangeIt) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(
        shape, {.rules = {drop("no-torrents").application("bittorrent"), accept("web").application("tls")}});
    ApplicationBed::Talk talk;
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, hello()));
    EXPECT_TRUE(bed.client_says(talk, text_of(bittorrent_handshake())));
    EXPECT_EQ(bed.application(), "tls");
  });
}

// A connection that ends, and another on its ports, in one burst: nothing is known of the new one.
TEST(ApplicationEvasion, ANewConnectionOnTheSamePortsHasNoName) {
  for (const unsigned burst : {1U, 32U}) {
    ApplicationBed bed({.burst = burst}, tls_only());
    ApplicationBed::Talk talk;
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, hello()));
    EXPECT_EQ(bed.application(), "tls");
    const auto from = [&] { return bed.bed.from_client().tcp(talk.port, talk.server_port); };
    bed.bed.send(ProtectBed::kInside, bed.client_segment(talk, "RA", talk.from_client));
    bed.bed.send(ProtectBed::kInside, from().flags("S").seq(0x20000000));
    bed.bed.run();
    EXPECT_EQ(bed.bed.sent(ProtectBed::kOutside).size(), 2U);
    EXPECT_EQ(bed.server_sends(bed.bed.from_server().tcp(443, talk.port).flags("SA").seq(9).ack(0x20000001)),
              1U);
    EXPECT_EQ(bed.client_sends(from().flags("A").seq(0x20000001).ack(10)), 1U);
    EXPECT_EQ(bed.application(), "undecided");
    EXPECT_EQ(
        bed.client_sends(from().flags("PA").seq(0x20000001).ack(10).payload(text_of(bittorrent_handshake()))),
        0U);
    EXPECT_EQ(bed.application(), "bittorrent");
  }
}

TEST(ApplicationEvasion, DatagramsInFragmentsAreLookedAtWhole) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {drop("no-quic").application("quic")}, .otherwise = Action::kAccept});
    const auto whole = bed.bed.from_client().udp(5000, 443).payload(text_of(quic_initial("www.youtube.com")));
    bed.bed.send(ProtectBed::kInside, whole.piece(0, 600, 7));
    bed.bed.send(ProtectBed::kInside, whole.piece(600, 608, 7));
    bed.bed.run();
    EXPECT_TRUE(bed.bed.sent(ProtectBed::kOutside).empty());
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 1U);
    EXPECT_EQ(bed.application(), "quic/youtube");
  });
}

}  // namespace
}  // namespace millrace::testing
