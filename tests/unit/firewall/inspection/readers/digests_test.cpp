// SPDX-License-Identifier: BSD-3-Clause
// Hashes against the examples of their standards.
#include "vnfs/firewall/inspection/readers/digests.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/support/protocol_listener.h"

namespace millrace::firewall::inspection::readers {
namespace {

template <std::size_t Length>
testing::Octets octets(const std::array<std::uint8_t, Length>& hash) {
  return {hash.begin(), hash.end()};
}

// RFC 1321 appendix A.5, RFC 3174 section 7.3.
TEST(Digests, AreTheRfcs) {
  const testing::StreamCopy abc("abc");
  EXPECT_EQ(octets(md5(abc.bytes())), testing::hex("900150983cd24fb0d6963f7d28e17f72"));
  EXPECT_EQ(octets(md5({})), testing::hex("d41d8cd98f00b204e9800998ecf8427e"));
  EXPECT_EQ(octets(sha1(abc.bytes())), testing::hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

// RFC 4231 sections 4.2 and 4.3.
TEST(Digests, AreKeyedAsTheRfcs) {
  const testing::StreamCopy key(std::string(20, '\x0b'));
  const testing::StreamCopy hi("Hi ");
  const testing::StreamCopy there("There");
  EXPECT_EQ(octets(hmac_sha256(key.bytes(), {hi.bytes(), there.bytes()})),
            testing::hex("b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
  const testing::StreamCopy jefe("Jefe");
  const testing::StreamCopy what("what do ya want for nothing?");
  EXPECT_EQ(octets(hmac_sha256(jefe.bytes(), {what.bytes()})),
            testing::hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
