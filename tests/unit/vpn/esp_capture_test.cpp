// SPDX-License-Identifier: BSD-3-Clause
// ESP that another implementation sealed: a capture of tcpdump's test suite, whose key stands beside it.
// Nobody published the hash's key, so the tags are made anew, by OpenSSL with a key of ours.
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/hmac.h>

#include "tests/support/corpus.h"
#include "tests/support/hex.h"
#include "tests/support/pcap_reader.h"
#include "vnfs/vpn/esp.h"

namespace millrace::vpn {
namespace {

namespace fs = std::filesystem;
using testing::hex;
using testing::Octets;

constexpr crypto::Suite kSuite{crypto::Cipher::kAesCbc256, crypto::Integrity::kHmacSha1};
// 0xd1234567@192.1.2.45 aes256-cbc-hmac96, as esp-secrets.txt has it.
const Octets kCipherKey = hex("aaaabbbbccccdddd4043434545464649494a4a4c4c4f4f515152525454575758");
const Octets kHashKey(20, 0x5a);
constexpr std::size_t kLinkBytes = 14;
constexpr std::size_t kIpBytes = 20;
constexpr std::size_t kTagBytes = 12;

fs::path capture() { return testing::corpus_folder() / "captures/tcpdump/08-sunrise-sunset-aes.pcap"; }

// Behind its link and IP header.
Octets esp_of(const testing::CapturedPacket& packet) {
  Octets esp(packet.bytes.begin() + kLinkBytes + kIpBytes, packet.bytes.end());
  std::array<std::uint8_t, 20> tag{};
  unsigned bytes = 0;
  HMAC(EVP_sha1(), kHashKey.data(), static_cast<int>(kHashKey.size()), esp.data(), esp.size() - kTagBytes,
       tag.data(), &bytes);
  std::copy_n(tag.begin(), kTagBytes, esp.end() - kTagBytes);
  return esp;
}

using MakeLibrary = Result<std::unique_ptr<crypto::Library>> (*)();
class EspCapture : public ::testing::TestWithParam<MakeLibrary> {};
INSTANTIATE_TEST_SUITE_P(Each, EspCapture,
                         ::testing::Values(&crypto::make_fastest_library, &crypto::make_openssl_library));

// What tcpdump makes of it: echo requests of 84 bytes from 192.0.2.1 to 192.0.1.1 with the numbers 1280, 1536
// ...
TEST_P(EspCapture, IsOpenedWithThePublishedKey) {
  if (!fs::exists(capture())) GTEST_SKIP() << capture() << " is not there";
  const auto packets = testing::read_capture(capture());
  ASSERT_TRUE(packets);
  ASSERT_EQ(packets->size(), 8U);
  const auto library = std::move(*GetParam()());
  const auto engine = std::move(*library->make_engine());
  const auto key = std::move(*library->make_key(kSuite, kCipherKey, kHashKey));
  InboundSa sa(kSuite, *key, 64, false, {});
  unsigned number = 1280;
  for (const testing::CapturedPacket& captured : *packets) {
    SCOPED_TRACE(number);
    Octets bytes = esp_of(captured);
    EspPacket packet{.esp = bytes.data(), .bytes = static_cast<std::uint32_t>(bytes.size())};
    EspScratch scratch;
    crypto::Operation operation;
    ASSERT_EQ(prepare_open(sa, packet, scratch, operation), EspFault::kNone);
    ASSERT_EQ(engine->open({&operation, 1}), 1U);
    const EspPayload opened = finish_open(sa, packet);
    ASSERT_EQ(opened.fault, EspFault::kNone);
    EXPECT_EQ(opened.next_header, 4);
    ASSERT_EQ(opened.bytes, 84U);
    const Octets inner(opened.payload, opened.payload + opened.bytes);
    EXPECT_EQ(Octets(inner.begin() + 8, inner.begin() + 10), hex("3f01")) << "a TTL of 63, ICMP";
    EXPECT_EQ(Octets(inner.begin() + 12, inner.begin() + 20), hex("c0000201c0000101"));
    EXPECT_EQ(Octets(inner.begin() + 20, inner.begin() + 22), hex("0800"));
    EXPECT_EQ(inner[24] << 8 | inner[25], 28416);
    EXPECT_EQ(static_cast<unsigned>(inner[26] << 8 | inner[27]), number);
    number += 256;
  }
}

}  // namespace
}  // namespace millrace::vpn
