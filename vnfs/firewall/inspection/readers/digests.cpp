// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/digests.h"

#include <algorithm>

#include <openssl/md5.h>
#include <openssl/sha.h>

namespace millrace::firewall::inspection::readers {

// OpenSSL would have its EVP functions used in place of these. In 3.0 they allocate for each message, even
// with a context that is used again.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

std::array<std::uint8_t, 16> md5(Bytes bytes) noexcept {
  std::array<std::uint8_t, 16> out;
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, bytes.data(), bytes.size());
  MD5_Final(out.data(), &context);
  return out;
}

std::array<std::uint8_t, 20> sha1(Bytes bytes) noexcept {
  std::array<std::uint8_t, 20> out;
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, bytes.data(), bytes.size());
  SHA1_Final(out.data(), &context);
  return out;
}

std::array<std::uint8_t, 32> hmac_sha256(Bytes key, std::initializer_list<Bytes> pieces) noexcept {
  std::array<std::uint8_t, 64> inner;
  std::array<std::uint8_t, 64> outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (std::size_t i = 0; i < std::min(key.size(), inner.size()); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  std::array<std::uint8_t, 32> hash;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, inner.data(), inner.size());
  for (const Bytes piece : pieces) SHA256_Update(&context, piece.data(), piece.size());
  SHA256_Final(hash.data(), &context);
  SHA256_Init(&context);
  SHA256_Update(&context, outer.data(), outer.size());
  SHA256_Update(&context, hash.data(), hash.size());
  SHA256_Final(hash.data(), &context);
  return hash;
}

#pragma GCC diagnostic pop

}  // namespace millrace::firewall::inspection::readers
