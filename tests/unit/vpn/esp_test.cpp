// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/esp.h"

#include <memory>
#include <random>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace millrace::vpn {
namespace {

using crypto::Cipher;
using crypto::Integrity;
using crypto::Suite;
using testing::hex;
using testing::Octets;

constexpr auto kForged = static_cast<EspFault>(0xff);  // the engine's word

// Keys of one suite in both libraries.
class Keys {
 public:
  Keys(Suite suite, const Octets& cipher, const Octets& integrity) {
    fast_key = std::move(*fast->make_key(suite, cipher, integrity));
    reference_key = std::move(*reference->make_key(suite, cipher, integrity));
  }
  // Of bytes that say nothing.
  explicit Keys(Suite suite)
      : Keys(suite, some(crypto::sizes_of(suite).cipher_key), some(crypto::sizes_of(suite).integrity_key)) {}

  std::unique_ptr<crypto::Library> fast = std::move(*crypto::make_fastest_library());
  std::unique_ptr<crypto::Library> reference = std::move(*crypto::make_openssl_library());
  std::unique_ptr<crypto::Engine> fast_engine = std::move(*fast->make_engine());
  std::unique_ptr<crypto::Engine> reference_engine = std::move(*reference->make_engine());
  std::unique_ptr<crypto::Key> fast_key;
  std::unique_ptr<crypto::Key> reference_key;

 private:
  static Octets some(std::size_t count) {
    Octets bytes(count);
    for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + count);
    return bytes;
  }
};

constexpr std::array<std::uint8_t, 4> kSalt = {0xde, 0xad, 0xbe, 0xef};
constexpr std::uint32_t kSpi = 0x01020304;

// The whole ESP packet around a payload.
Octets seal(crypto::Engine& engine, OutboundSa& sa, const Octets& payload, std::uint8_t next_header) {
  const auto bytes = static_cast<std::uint32_t>(payload.size());
  Octets packet(sa.layout.front());
  packet.insert(packet.end(), payload.begin(), payload.end());
  packet.resize(packet.size() + sa.layout.behind(bytes));
  EspScratch scratch;
  crypto::Operation operation;
  prepare_seal(sa, packet.data() + sa.layout.front(), bytes, next_header, scratch, operation);
  engine.seal({&operation, 1});
  return packet;
}

struct Opened {
  EspFault fault = EspFault::kNone;
  Octets payload;
  std::uint8_t next_header = 0;
};
Opened open(crypto::Engine& engine, InboundSa& sa, Octets bytes) {
  EspPacket packet{.esp = bytes.data(), .bytes = static_cast<std::uint32_t>(bytes.size())};
  EspScratch scratch;
  crypto::Operation operation;
  if (const EspFault fault = prepare_open(sa, packet, scratch, operation); fault != EspFault::kNone)
    return {fault, {}};
  if (engine.open({&operation, 1}) != 1) return {kForged, {}};
  const EspPayload opened = finish_open(sa, packet);
  if (opened.fault != EspFault::kNone) return {opened.fault, {}};
  return {EspFault::kNone, {opened.payload, opened.payload + opened.bytes}, opened.next_header};
}

Octets payload_of(std::size_t bytes) {
  Octets payload(bytes);
  for (std::size_t i = 0; i < bytes; ++i) payload[i] = static_cast<std::uint8_t>(i * 31 + bytes);
  return payload;
}

class EachSa : public ::testing::TestWithParam<std::tuple<Suite, bool>> {};
std::string sa_name(const ::testing::TestParamInfo<std::tuple<Suite, bool>>& one) {
  const auto& [suite, extended] = one.param;
  return std::string(name(suite.cipher)) + std::string(name(suite.integrity)) + (extended ? "esn" : "");
}
const auto kSuites = ::testing::ValuesIn(crypto::suites().begin(), crypto::suites().end());
INSTANTIATE_TEST_SUITE_P(Each, EachSa, ::testing::Combine(kSuites, ::testing::Bool()), sa_name);

TEST_P(EachSa, GivesBackEveryPayloadWhoeverOpensIt) {
  const auto [suite, extended] = GetParam();
  Keys keys(suite);
  OutboundSa out(suite, *keys.fast_key, kSpi, extended, kSalt);
  InboundSa in(suite, *keys.fast_key, 64, extended, kSalt);
  InboundSa reference(suite, *keys.reference_key, 64, extended, kSalt);
  if (extended) {  // about to carry into the upper half
    out.sent = 0xffffffc0;
    ASSERT_TRUE(in.window.take(0xffffffc0) && reference.window.take(0xffffffc0));
  }
  for (std::size_t bytes = 0; bytes < 200; ++bytes) {
    SCOPED_TRACE(bytes);
    const Octets payload = payload_of(bytes);
    const Octets packet = seal(*keys.fast_engine, out, payload, 4);
    EXPECT_EQ(packet.size() % 4, 0U);
    const Opened opened = open(*keys.fast_engine, in, packet);
    ASSERT_EQ(opened.fault, EspFault::kNone);
    EXPECT_EQ(opened.payload, payload);
    EXPECT_EQ(opened.next_header, 4);
    const Opened again = open(*keys.reference_engine, reference, packet);
    ASSERT_EQ(again.fault, EspFault::kNone);
    EXPECT_EQ(again.payload, payload);
  }
}

TEST_P(EachSa, TakesNoPacketTwiceAndNoneThatWasChanged) {
  const auto [suite, extended] = GetParam();
  Keys keys(suite);
  OutboundSa out(suite, *keys.fast_key, kSpi, extended, kSalt);
  InboundSa in(suite, *keys.fast_key, 64, extended, kSalt);
  const Octets packet = seal(*keys.fast_engine, out, payload_of(50), 4);
  for (std::size_t at = 0; at < packet.size(); ++at) {
    Octets changed = packet;
    changed[at] ^= 0x04;
    EXPECT_EQ(open(*keys.fast_engine, in, changed).fault, kForged) << at;
  }
  for (std::size_t bytes = 0; bytes < packet.size(); ++bytes)
    EXPECT_NE(open(*keys.fast_engine, in,
                   Octets(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(bytes)))
                  .fault,
              EspFault::kNone);
  EXPECT_EQ(in.window.highest(), 0U);
  EXPECT_EQ(open(*keys.fast_engine, in, packet).fault, EspFault::kNone);
  EXPECT_EQ(open(*keys.fast_engine, in, packet).fault, EspFault::kReplayed);
}

// draft-mcgrew-gcm-test-01: test case 1, whose sequence number is an extended one, and test case 2.
TEST(Esp, OpensThePublishedGcmPackets) {
  const Suite gcm128{Cipher::kAesGcm128, Integrity::kNone};
  Keys keys(gcm128, hex("4c80cdefbb5d10da906ac73c3613a634"), {});
  for (const bool reference : {false, true}) {
    InboundSa in(gcm128, reference ? *keys.reference_key : *keys.fast_key, 64, true,
                 {0x2e, 0x44, 0x3b, 0x68});
    ASSERT_TRUE(in.window.take(0x87654320ffffffff));
    const Opened opened = open(
        reference ? *keys.reference_engine : *keys.fast_engine, in,
        hex("0000432100000000"
            "4956ed7e3b244cfe"
            "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d"
            "15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732"
            "459018148f6cbe722fd04796562dfdb4"));
    ASSERT_EQ(opened.fault, EspFault::kNone);
    EXPECT_EQ(opened.payload, hex("45000048699a000080114db7c0a80102c0a801010a9bf15638d30100000100000000000004"
                                  "5f736970045f75647003736970"
                                  "0963796265726369747902646b0000210001"));
    EXPECT_EQ(opened.next_header, 1);
  }
  const Suite gcm192{Cipher::kAesGcm192, Integrity::kNone};
  Keys other(gcm192, hex("feffe9928665731c6d6a8f9467308308feffe9928665731c"), {});
  InboundSa in(gcm192, *other.fast_key, 64, false, {0xca, 0xfe, 0xba, 0xbe});
  const Opened opened =
      open(*other.fast_engine, in,
           hex("0000a5f80000000a"
               "facedbaddecaf888"
               "a5b1f8066029aea40e598b8122de02420938b3ab33f828e687b8858b5bfbdbd0315b27452144cc77"
               "95457b9652037f5318027b5b4cd7a636"));
  ASSERT_EQ(opened.fault, EspFault::kNone);
  EXPECT_EQ(opened.payload,
            hex("45000028a4ad4000400678800a01038f0a010612802306b8cb712602dd6bb03e501016d07568"));
}

// RFC 3602 section 4, case 5, which has no tag: one by OpenSSL stands behind it.
TEST(Esp, OpensThePublishedCbcPacket) {
  const Suite suite{Cipher::kAesCbc128, Integrity::kHmacSha256};
  Octets packet =
      hex("0000432100000001"
          "e96e8c08ab465763fd098d45dd3ff893"
          "f663c25d325c18c6a9453e194e120849a4870b66cc6b9965330013b4898dc856a4699e523a55db080b59ec3a8e4b7e5277"
          "5b07d1db34ed9c"
          "538ab50c551b874aa269add047ad2d5913ac19b7cfbad4a6");
  const Octets hash_key(32, 0x11);
  Keys keys(suite, hex("90d382b410eeba7ad938c46cec1a82bf"), hash_key);
  Keys hash({Cipher::kNull, Integrity::kHmacSha256}, {}, hash_key);
  Octets tag(16);
  const crypto::Operation operation{.key = hash.reference_key.get(),
                                    .text = packet.data(),
                                    .text_bytes = 0,
                                    .covered_bytes = static_cast<std::uint32_t>(packet.size()),
                                    .covered = packet.data(),
                                    .tag = tag.data()};
  hash.reference_engine->seal({&operation, 1});
  packet.insert(packet.end(), tag.begin(), tag.end());
  InboundSa in(suite, *keys.fast_key, 64, false, {});
  const Opened opened = open(*keys.fast_engine, in, packet);
  ASSERT_EQ(opened.fault, EspFault::kNone);
  EXPECT_EQ(
      opened.payload,
      hex("08000ebda70a00008e9c083db95b070008090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
          "28292a2b2c2d2e2f3031323334353637"));
  EXPECT_EQ(opened.next_header, 1);
}

// RFC 4303 section 2: each field where it belongs.
TEST(Esp, WritesTheFieldsInTheirPlaces) {
  const Suite suite{Cipher::kNull, Integrity::kHmacSha1};
  Keys keys(suite);
  OutboundSa out(suite, *keys.fast_key, kSpi, false, {});
  out.sent = 0x0a0b0c0c;
  const Octets packet = seal(*keys.fast_engine, out, {0xf0, 0xf1, 0xf2, 0xf3, 0xf4}, 41);
  EXPECT_EQ(Octets(packet.begin(), packet.end() - 12), hex("010203040a0b0c0df0f1f2f3f4010129"));
  EXPECT_EQ(packet.size(), 16U + 12U);
}

// RFC 3602 section 3: no two IVs are alike, nor is one what a simple count would give.
TEST(Esp, CbcHasAnUnforeseeableIvInEachPacket) {
  const Suite suite{Cipher::kAesCbc256, Integrity::kHmacSha512};
  Keys keys(suite);
  OutboundSa out(suite, *keys.fast_key, kSpi, false, {});
  const Octets first = seal(*keys.fast_engine, out, payload_of(20), 4);
  const Octets second = seal(*keys.fast_engine, out, payload_of(20), 4);
  const auto iv = [](const Octets& packet) { return Octets(packet.begin() + 8, packet.begin() + 24); };
  unsigned differing = 0;
  for (std::size_t i = 0; i < 16; ++i) differing += iv(first)[i] != iv(second)[i] ? 1 : 0;
  EXPECT_GT(differing, 8U);
}

TEST(Esp, RefusesPaddingThatIsNone) {
  const Suite suite{Cipher::kNull, Integrity::kHmacSha256};
  Keys keys(suite);
  const auto with_trailer = [&](const Octets& text) {
    Octets packet = hex("0102030400000001");
    packet.insert(packet.end(), text.begin(), text.end());
    Octets tag(16);
    const crypto::Operation operation{.key = keys.fast_key.get(),
                                      .text = packet.data(),
                                      .text_bytes = 0,
                                      .covered_bytes = static_cast<std::uint32_t>(packet.size()),
                                      .covered = packet.data(),
                                      .tag = tag.data()};
    keys.fast_engine->seal({&operation, 1});
    packet.insert(packet.end(), tag.begin(), tag.end());
    InboundSa in(suite, *keys.fast_key, 64, false, {});
    return open(*keys.fast_engine, in, packet);
  };
  EXPECT_EQ(with_trailer(hex("01020204")).payload, Octets());
  EXPECT_EQ(with_trailer(hex("01020204")).fault, EspFault::kNone);
  EXPECT_EQ(with_trailer(hex("01020304")).fault, EspFault::kPadding);  // more than there is
  EXPECT_EQ(with_trailer(hex("02010204")).fault, EspFault::kPadding);
  EXPECT_EQ(with_trailer(hex("aabbcc0102ff0304")).fault, EspFault::kPadding);
  EXPECT_EQ(with_trailer(hex("aa01020304")).fault, EspFault::kTruncated);  // no multiple of four
}

TEST(Esp, AnSaIsUsedUpBeforeANumberComesAgain) {
  const Suite suite{Cipher::kAesGcm128, Integrity::kNone};
  Keys keys(suite);
  OutboundSa out(suite, *keys.fast_key, kSpi, false, kSalt);
  out.sent = 0xfffffffe;
  EXPECT_FALSE(out.is_used_up());
  (void)seal(*keys.fast_engine, out, payload_of(4), 4);
  EXPECT_TRUE(out.is_used_up());
  OutboundSa extended(suite, *keys.fast_key, kSpi, true, kSalt);
  extended.sent = 0xffffffff;
  EXPECT_FALSE(extended.is_used_up());
}

}  // namespace
}  // namespace millrace::vpn
