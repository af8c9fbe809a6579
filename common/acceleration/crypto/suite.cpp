// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/crypto/suite.h"

#include <array>
#include <cstddef>

namespace millrace::crypto {
namespace {

struct CipherFacts {
  std::string_view name;
  std::uint8_t key, salt, packet_iv, nonce, tag, block;
};
// By Cipher.
constexpr std::array kCiphers = {
    CipherFacts{"aes128gcm16", 16, 4, 8, 12, 16, 1}, CipherFacts{"aes192gcm16", 24, 4, 8, 12, 16, 1},
    CipherFacts{"aes256gcm16", 32, 4, 8, 12, 16, 1}, CipherFacts{"chacha20poly1305", 32, 4, 8, 12, 16, 1},
    CipherFacts{"aes128", 16, 0, 16, 16, 0, 16},     CipherFacts{"aes192", 24, 0, 16, 16, 0, 16},
    CipherFacts{"aes256", 32, 0, 16, 16, 0, 16},     CipherFacts{"aes128ctr", 16, 4, 8, 16, 0, 1},
    CipherFacts{"aes192ctr", 24, 4, 8, 16, 0, 1},    CipherFacts{"aes256ctr", 32, 4, 8, 16, 0, 1},
    CipherFacts{"null", 0, 0, 0, 0, 0, 1},
};
static_assert(kCiphers.size() == static_cast<std::size_t>(Cipher::kNull) + 1);

struct HashFacts {
  std::string_view name;
  std::uint8_t key, tag;
};
// By Integrity.
constexpr std::array kHashes = {HashFacts{"", 0, 0}, HashFacts{"sha1", 20, 12}, HashFacts{"sha256", 32, 16},
                                HashFacts{"sha384", 48, 24}, HashFacts{"sha512", 64, 32}};
static_assert(kHashes.size() == static_cast<std::size_t>(Integrity::kHmacSha512) + 1);

constexpr const CipherFacts& of(Cipher cipher) noexcept { return kCiphers[static_cast<std::size_t>(cipher)]; }
constexpr const HashFacts& of(Integrity integrity) noexcept {
  return kHashes[static_cast<std::size_t>(integrity)];
}

constexpr bool of_use(Suite suite) noexcept {
  return (of(suite.cipher).tag != 0) == (suite.integrity == Integrity::kNone);
}

constexpr std::size_t kSuites = [] {
  std::size_t count = 0;
  for (std::size_t c = 0; c < kCiphers.size(); ++c) {
    for (std::size_t i = 0; i < kHashes.size(); ++i)
      count += of_use({static_cast<Cipher>(c), static_cast<Integrity>(i)}) ? 1 : 0;
  }
  return count;
}();

constexpr std::array<Suite, kSuites> kAll = [] {
  std::array<Suite, kSuites> all{};
  std::size_t at = 0;
  for (std::size_t c = 0; c < kCiphers.size(); ++c) {
    for (std::size_t i = 0; i < kHashes.size(); ++i) {
      const Suite suite{static_cast<Cipher>(c), static_cast<Integrity>(i)};
      if (of_use(suite)) all[at++] = suite;
    }
  }
  return all;
}();

}  // namespace

std::span<const Suite> suites() noexcept { return kAll; }
bool is_of_use(Suite suite) noexcept { return of_use(suite); }
bool is_aead(Cipher cipher) noexcept { return of(cipher).tag != 0; }

SuiteSizes sizes_of(Suite suite) noexcept {
  const CipherFacts& cipher = of(suite.cipher);
  const HashFacts& hash = of(suite.integrity);
  return {.cipher_key = cipher.key,
          .integrity_key = hash.key,
          .salt = cipher.salt,
          .packet_iv = cipher.packet_iv,
          .nonce = cipher.nonce,
          .tag = suite.integrity == Integrity::kNone ? cipher.tag : hash.tag,
          .block = cipher.block};
}

std::string_view name(Cipher cipher) noexcept { return of(cipher).name; }
std::string_view name(Integrity integrity) noexcept { return of(integrity).name; }

}  // namespace millrace::crypto
