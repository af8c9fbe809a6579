// SPDX-License-Identifier: BSD-3-Clause
// The algorithms of ESP (RFC 8221): authenticated ciphers, and ciphers with a keyed hash over what they made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::crypto {

enum class Cipher : std::uint8_t {
  kAesGcm128,  // RFC 4106, tag of 16 bytes
  kAesGcm192,
  kAesGcm256,
  kChaCha20Poly1305,  // RFC 7634
  kAesCbc128,         // RFC 3602
  kAesCbc192,
  kAesCbc256,
  kAesCtr128,  // RFC 3686
  kAesCtr192,
  kAesCtr256,
  kNull,  // RFC 2410
};

enum class Integrity : std::uint8_t {
  kNone,        // the cipher's own
  kHmacSha1,    // RFC 2404: 96 bits
  kHmacSha256,  // RFC 4868: 128 bits
  kHmacSha384,  // 192 bits
  kHmacSha512,  // 256 bits
};

struct Suite {
  Cipher cipher = Cipher::kNull;
  Integrity integrity = Integrity::kNone;

  bool operator==(const Suite&) const noexcept = default;
};

// Bytes.
struct SuiteSizes {
  std::uint8_t cipher_key = 0;
  std::uint8_t integrity_key = 0;  // what RFC 2404 and RFC 4868 ask for
  std::uint8_t salt = 0;           // of the key material, in front of each packet's IV
  std::uint8_t packet_iv = 0;      // that stand in each packet
  std::uint8_t nonce = 0;          // what Operation::iv points to
  std::uint8_t tag = 0;
  std::uint8_t block = 1;  // the text is a multiple of that
};

inline constexpr std::size_t kMostTagBytes = 64;  // of any hash, before it is cut

// Those that are of use: authenticated ciphers without a hash, all others with one.
[[nodiscard]] std::span<const Suite> suites() noexcept;
[[nodiscard]] bool is_of_use(Suite suite) noexcept;
[[nodiscard]] bool is_aead(Cipher cipher) noexcept;
[[nodiscard]] SuiteSizes sizes_of(Suite suite) noexcept;
// As operators write them: "aes128gcm16", "chacha20poly1305", "aes256", "null"; "sha256".
[[nodiscard]] std::string_view name(Cipher cipher) noexcept;
[[nodiscard]] std::string_view name(Integrity integrity) noexcept;

}  // namespace millrace::crypto
