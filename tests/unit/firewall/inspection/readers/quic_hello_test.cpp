// SPDX-License-Identifier: BSD-3-Clause
// QUIC's Initial packets: the examples of RFC 9001 appendix A and RFC 9369 appendix A, and packets made by
// OpenSSL.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/support/protocol_listener.h"
#include "tests/support/quic_packets.h"
#include "vnfs/firewall/inspection/readers/quic_packet.h"

namespace millrace::firewall::inspection::readers {
namespace {

using ::testing::ElementsAre;
using testing::hex;
using ::testing::IsEmpty;
using testing::QuicListener;
using testing::QuicSealer;
using ::testing::SizeIs;

std::string quic_text(const testing::Octets& octets) { return {octets.begin(), octets.end()}; }

const std::string kQuicId = quic_text(hex("8394c8f03e515708"));

// The CRYPTO frame of both appendices, in section A.2.
const std::string kQuicFrame = quic_text(
    hex("060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000041301130201"
        "0000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70"
        "6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74"
        "d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffff"
        "ffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff"));
const std::string kQuicHello = kQuicFrame.substr(4);

struct QuicVector {
  std::uint32_t version;
  const char* key;
  const char* iv;
  const char* header_key;
  const char* begins;  // the protected packet of 1,200 bytes
  const char* ends;
};
class QuicVectors : public ::testing::TestWithParam<QuicVector> {};

TEST_P(QuicVectors, GiveTheKeys) {
  const testing::StreamCopy id(kQuicId);
  const QuicKeys keys = quic_client_keys(GetParam().version, id.bytes());
  EXPECT_EQ(testing::Octets(keys.key.begin(), keys.key.end()), hex(GetParam().key));
  EXPECT_EQ(testing::Octets(keys.iv.begin(), keys.iv.end()), hex(GetParam().iv));
  EXPECT_EQ(testing::Octets(keys.header_key.begin(), keys.header_key.end()), hex(GetParam().header_key));
}

// The packet is made here; that it ends with the RFC's tag shows that it is the RFC's.
TEST_P(QuicVectors, AreRead) {
  const std::string packet = QuicSealer(GetParam().version, kQuicId).initial(kQuicFrame, 2);
  ASSERT_EQ(packet.size(), 1200U);
  ASSERT_EQ(packet.substr(0, 32), quic_text(hex(GetParam().begins)));
  ASSERT_EQ(packet.substr(1184), quic_text(hex(GetParam().ends)));
  QuicListener listener;
  listener.hear(packet);
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kTlsSni], "example.com");
  EXPECT_EQ(listener.told[0][Buffer::kJa3String],
            "771,4865-4866,0-65281-10-16-5-51-43-13-45-28-57,29-23-24,");
  EXPECT_THAT(listener.told[0].others, ElementsAre("771", "772", "alpn"));
  EXPECT_TRUE(listener.anomalies.empty());
  EXPECT_EQ(listener.progress, ReadProgress::kOver);
  EXPECT_EQ(listener.pool.bytes_in_use(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Rfcs, QuicVectors,
    ::testing::Values(QuicVector{1, "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
                                 "9f50449e04a0e810283a1e9933adedd2",
                                 "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
                                 "e221af44860018ab0856972e194cd934"},
                      QuicVector{0x6b3343cf, "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
                                 "45b95e15235d6f45a6b19cbcb0294ba9",
                                 "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
                                 "a18b2faa745b6fe189cf772a9f84cbfc"}));

const QuicSealer kQuicSealer(1, kQuicId);

// The server's side of RFC 9001 appendix A.3 is no client's: it has no keys that open it here.
TEST(QuicHello, IsNotTheServers) {
  QuicListener listener;
  listener.hear(quic_text(hex(
      "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38cc5"
      "a99f5ede4cf73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4"
      "cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee")));
  EXPECT_THAT(listener.told, IsEmpty());
  EXPECT_TRUE(listener.anomalies.has(ReadAnomaly::kQuicBadPacket));
}

// As browsers do: frames in any order, of any length, over datagrams, with pings and padding between.
TEST(QuicHello, IsJoinedInAnyOrder) {
  std::minstd_rand random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> frames;
    for (std::size_t at = 0; at < kQuicHello.size();) {
      const std::size_t length = std::min<std::size_t>(kQuicHello.size() - at, 16 + random() % 60);
      // Some of the bytes before and behind come again.
      const std::size_t back = std::min<std::size_t>(at, random() % 8);
      frames.push_back(QuicSealer::crypto(
          at - back, std::string_view(kQuicHello).substr(at - back, length + back + random() % 8)));
      at += length;
    }
    std::ranges::shuffle(frames, random);
    const std::size_t half = random() % (frames.size() + 1);
    std::string first(random() % 3, '\x01');
    std::string second;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      std::string& datagram = i < half ? first : second;
      datagram += frames[i];
      datagram += std::string(random() % 3, '\0') + "\x01";
    }
    QuicListener listener;
    listener.hear(kQuicSealer.initial(first, 0, 1));
    listener.hear(kQuicSealer.initial(second, 1, 2));
    ASSERT_THAT(listener.told, SizeIs(1)) << round;
    EXPECT_EQ(listener.told[0][Buffer::kTlsSni], "example.com");
    EXPECT_TRUE(listener.anomalies.empty());
    EXPECT_EQ(listener.pool.bytes_in_use(), 0U);
  }
}

TEST(QuicHello, ReadsPacketsBehindEachOther) {
  QuicListener listener;
  const std::string half = kQuicSealer.initial(QuicSealer::crypto(0, kQuicHello.substr(0, 100)), 0, 4, 0);
  listener.hear(half + kQuicSealer.initial(QuicSealer::crypto(100, kQuicHello.substr(100)), 1));
  EXPECT_THAT(listener.told, SizeIs(1));
  EXPECT_TRUE(listener.anomalies.empty());
}

// RFC 9000 section 17.2.5.2: behind a retry the client takes the server's id, and the token.
TEST(QuicHello, BeginsAnewBehindARetry) {
  QuicListener listener;
  listener.hear(kQuicSealer.initial(QuicSealer::crypto(0, kQuicHello.substr(0, 100)), 0));
  listener.hear(QuicSealer(1, "another id")
                    .initial(QuicSealer::crypto(100, kQuicHello.substr(100)), 1, 4, 1200, "token"));
  EXPECT_THAT(listener.told, IsEmpty());
  listener.hear(QuicSealer(1, "another id").initial(QuicSealer::crypto(0, kQuicHello.substr(0, 100)), 2));
  EXPECT_THAT(listener.told, SizeIs(1));
  EXPECT_TRUE(listener.anomalies.empty());
}

TEST(QuicHello, SkipsAcknowledgements) {
  QuicListener listener;
  listener.hear(kQuicSealer.initial(quic_text(hex("0205000101000003050000000102"
                                                  "03")) +
                                        kQuicFrame,
                                    0));
  EXPECT_THAT(listener.told, SizeIs(1));
}

struct QuicCase {
  const char* name;
  std::string frames;
  ReadAnomaly anomaly;
  bool over;
};
class QuicAnomaly : public ::testing::TestWithParam<QuicCase> {};

TEST_P(QuicAnomaly, IsNamed) {
  QuicListener listener;
  listener.hear(kQuicSealer.initial(GetParam().frames, 0));
  EXPECT_TRUE(listener.anomalies.has(GetParam().anomaly)) << GetParam().name;
  EXPECT_EQ(listener.progress == ReadProgress::kOver, GetParam().over) << GetParam().name;
  if (GetParam().over) {
    EXPECT_EQ(listener.pool.bytes_in_use(), 0U);
  }
  listener.reader.end(listener.pool);
  EXPECT_EQ(listener.pool.bytes_in_use(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    All, QuicAnomaly,
    ::testing::Values(
        QuicCase{"a stream frame", "\x08", ReadAnomaly::kQuicBadFrame, false},
        QuicCase{"a frame past the end", std::string("\x06\0\x7f\xff", 4), ReadAnomaly::kQuicBadFrame, false},
        QuicCase{"different bytes",
                 QuicSealer::crypto(0, std::string("\1\0\0\x50xy", 6)) + QuicSealer::crypto(4, "xz"),
                 ReadAnomaly::kQuicConflict, false},
        QuicCase{"too far", QuicSealer::crypto(16384, "x"), ReadAnomaly::kQuicTooLong, true},
        QuicCase{"too long", QuicSealer::crypto(0, "\1\1\1\1"), ReadAnomaly::kQuicTooLong, true},
        QuicCase{"no hello", QuicSealer::crypto(0, "\2\1\1\1"), ReadAnomaly::kQuicNoHello, true},
        QuicCase{"many pieces",
                 [] {
                   std::string frames;
                   for (std::size_t i = 0; i <= kMostQuicPieces; ++i)
                     frames += QuicSealer::crypto(2 * i, "x");
                   return frames;
                 }(),
                 ReadAnomaly::kQuicTooManyPieces, true}));

TEST(QuicHello, GivesUpInTheEnd) {
  QuicListener listener;
  for (unsigned i = 0; i < kMostQuicDatagrams; ++i) {
    EXPECT_EQ(listener.progress, ReadProgress::kReading);
    listener.hear(kQuicSealer.initial("\x01", i));
  }
  EXPECT_EQ(listener.progress, ReadProgress::kOver);
  EXPECT_TRUE(listener.anomalies.has(ReadAnomaly::kQuicNoHello));
}

TEST(QuicHello, NamesDamage) {
  const std::string packet = kQuicSealer.initial(kQuicFrame, 2);
  for (std::size_t at = 0; at < packet.size(); at += 13) {
    std::string damaged = packet;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    QuicListener listener;
    listener.hear(damaged);
    EXPECT_THAT(listener.told, IsEmpty()) << at;
    listener.hear(packet.substr(0, at));
    EXPECT_THAT(listener.told, IsEmpty()) << at;
    listener.reader.end(listener.pool);
    EXPECT_EQ(listener.pool.bytes_in_use(), 0U);
  }
}

TEST(QuicHello, KnowsWhatOpensAConnection) {
  const auto is_initial = [](const std::string& datagram) {
    const testing::StreamCopy copy(datagram);
    return is_quic_initial(copy.bytes());
  };
  const std::string packet = kQuicSealer.initial(kQuicFrame, 2);
  EXPECT_TRUE(is_initial(packet));
  EXPECT_TRUE(is_initial(QuicSealer(0x6b3343cf, kQuicId).initial(kQuicFrame, 2)));
  EXPECT_FALSE(is_initial(packet.substr(0, 1199)));
  EXPECT_FALSE(is_initial(kQuicSealer.initial(kQuicFrame, 2, 4, 0)));
  EXPECT_FALSE(is_initial(std::string(1200, 'x')));
}

// RFC 9000 appendix A.1.
TEST(QuicPacket, ReadsTheRfcsNumbers) {
  const auto number = [](const char* digits) {
    const testing::Octets octets = hex(digits);
    Reader reader(octets);
    return take_quic_number(reader);
  };
  EXPECT_EQ(number("c2197c5eff14e88c"), 151288809941952652U);
  EXPECT_EQ(number("9d7f3e7d"), 494878333U);
  EXPECT_EQ(number("7bbd"), 15293U);
  EXPECT_EQ(number("25"), 37U);
  EXPECT_EQ(number("4025"), 37U);
  EXPECT_EQ(number("7b"), std::nullopt);
  EXPECT_EQ(number(""), std::nullopt);
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
