// SPDX-License-Identifier: BSD-3-Clause
// Sealing and opening of many packets at once, each under a key of its own.
//
// A Library is one implementation of all suites: IPsec-MB, or OpenSSL as its reference and where IPsec-MB can
// not run. It expands keys, off the data path; its engines, one for each worker, use them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/acceleration/crypto/suite.h"
#include "common/base/reader.h"
#include "common/base/result.h"

namespace millrace::crypto {

// Expanded for one library. Used by one engine at a time; wiped when it goes.
class Key {
 public:
  // `material`: what engines read of it; empty where the library does not tell.
  explicit Key(Suite suite, Bytes material = {}) noexcept
      : suite_(suite), tag_bytes_(sizes_of(suite).tag), material_(material) {}
  virtual ~Key() = default;
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  [[nodiscard]] Suite suite() const noexcept { return suite_; }
  [[nodiscard]] unsigned tag_bytes() const noexcept { return tag_bytes_; }
  // For prefetching.
  [[nodiscard]] Bytes material() const noexcept { return material_; }

 private:
  Suite suite_;
  std::uint8_t tag_bytes_;
  Bytes material_;
};

// One packet's. Everything it points to is the caller's, and contiguous.
struct Operation {
  const Key* key = nullptr;
  std::uint8_t* text = nullptr;  // changed in place
  std::uint32_t text_bytes = 0;  // of AES-CBC a multiple of 16
  // What the tag covers. Of an authenticated cipher: 8 or 12 bytes beside the text. Of a hash: one run of
  // bytes that holds the text, with whatever stands before and behind it.
  std::uint32_t covered_bytes = 0;
  const std::uint8_t* covered = nullptr;
  const std::uint8_t* iv = nullptr;  // AEAD: the nonce; CBC: the IV; CTR: the first counter block
  std::uint8_t* tag = nullptr;       // written when sealed, compared when opened; not among what is covered
};

// One worker's own.
class Engine {
 public:
  static constexpr std::size_t kMostOperations = 64;  // in one call

  virtual ~Engine() = default;

  // Keys are of this engine's library. No allocation, no system call.
  virtual void seal(std::span<const Operation> operations) noexcept = 0;
  // A bit for each whose tag is right. The text of the others is worth nothing.
  [[nodiscard]] virtual std::uint64_t open(std::span<const Operation> operations) noexcept = 0;
};

// Any thread. Outlives its keys and engines.
class Library {
 public:
  virtual ~Library() = default;

  // "IPsec-MB 1.3.0 with AVX-512 and VAES"
  [[nodiscard]] virtual std::string description() const = 0;
  // Fails when the suite is of no use, when a key has not the size that the suite asks for, or for want of
  // memory. `integrity_key` is empty for an authenticated cipher; for others it may be shorter than what is
  // asked for.
  [[nodiscard]] virtual Result<std::unique_ptr<Key>> make_key(Suite suite, Bytes cipher_key,
                                                              Bytes integrity_key) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<Engine>> make_engine() = 0;
};

// Fails when this processor can not run it.
[[nodiscard]] Result<std::unique_ptr<Library>> make_ipsec_mb_library();
[[nodiscard]] Result<std::unique_ptr<Library>> make_openssl_library();
// IPsec-MB, else OpenSSL.
[[nodiscard]] Result<std::unique_ptr<Library>> make_fastest_library();

// What make_key() checks first.
[[nodiscard]] Result<void> check_key_sizes(Suite suite, Bytes cipher_key, Bytes integrity_key);

}  // namespace millrace::crypto
