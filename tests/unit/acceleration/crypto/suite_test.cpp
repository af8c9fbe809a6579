// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/suite.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace millrace::crypto {
namespace {

TEST(Suites, AreAllThatEspHasAUseFor) {
  EXPECT_EQ(suites().size(), 4U + 7U * 4U);
  EXPECT_TRUE(std::ranges::all_of(suites(), is_of_use));
  EXPECT_FALSE(is_of_use({Cipher::kNull, Integrity::kNone}));
  EXPECT_FALSE(is_of_use({Cipher::kChaCha20Poly1305, Integrity::kHmacSha256}));
}

// RFC 4106 section 8.1, RFC 7634 section 2, RFC 3602 sections 2 and 3, RFC 3686 section 5.1, RFC 4868
// section 2.6.
TEST(Suites, HaveTheSizesOfTheirStandards) {
  const SuiteSizes gcm = sizes_of({Cipher::kAesGcm256, Integrity::kNone});
  EXPECT_EQ(gcm.cipher_key + gcm.salt, 36);
  EXPECT_EQ(gcm.packet_iv, 8);
  EXPECT_EQ(gcm.tag, 16);
  const SuiteSizes chacha = sizes_of({Cipher::kChaCha20Poly1305, Integrity::kNone});
  EXPECT_EQ(chacha.cipher_key + chacha.salt, 36);
  const SuiteSizes cbc = sizes_of({Cipher::kAesCbc192, Integrity::kHmacSha512});
  EXPECT_EQ(cbc.cipher_key, 24);
  EXPECT_EQ(cbc.packet_iv, 16);
  EXPECT_EQ(cbc.block, 16);
  EXPECT_EQ(cbc.integrity_key, 64);
  EXPECT_EQ(cbc.tag, 32);
  const SuiteSizes ctr = sizes_of({Cipher::kAesCtr128, Integrity::kHmacSha1});
  EXPECT_EQ(ctr.cipher_key + ctr.salt, 20);
  EXPECT_EQ(ctr.tag, 12);
}

}  // namespace
}  // namespace millrace::crypto
