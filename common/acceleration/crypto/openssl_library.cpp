// SPDX-License-Identifier: BSD-3-Clause
// OpenSSL's ciphers, one packet after the other.
#include <array>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "common/acceleration/crypto/engine.h"

namespace millrace::crypto {
namespace {

struct Deleter {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Deleter>;

const EVP_CIPHER* cipher_of(Cipher cipher) noexcept {
  switch (cipher) {
    case Cipher::kAesGcm128:
      return EVP_aes_128_gcm();
    case Cipher::kAesGcm192:
      return EVP_aes_192_gcm();
    case Cipher::kAesGcm256:
      return EVP_aes_256_gcm();
    case Cipher::kChaCha20Poly1305:
      return EVP_chacha20_poly1305();
    case Cipher::kAesCbc128:
      return EVP_aes_128_cbc();
    case Cipher::kAesCbc192:
      return EVP_aes_192_cbc();
    case Cipher::kAesCbc256:
      return EVP_aes_256_cbc();
    case Cipher::kAesCtr128:
      return EVP_aes_128_ctr();
    case Cipher::kAesCtr192:
      return EVP_aes_192_ctr();
    case Cipher::kAesCtr256:
      return EVP_aes_256_ctr();
    case Cipher::kNull:
      break;
  }
  return nullptr;
}

const char* digest_of(Integrity integrity) noexcept {
  switch (integrity) {
    case Integrity::kHmacSha1:
      return "SHA1";
    case Integrity::kHmacSha256:
      return "SHA256";
    case Integrity::kHmacSha384:
      return "SHA384";
    default:
      return "SHA512";
  }
}

std::string last_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

struct OpensslKey final : Key {
  using Key::Key;

  CipherContext encrypt;  // none for the null cipher
  CipherContext decrypt;
  MacContext mac;  // none for an authenticated cipher
};

const OpensslKey& openssl_key(const Operation& operation) noexcept {
  return static_cast<const OpensslKey&>(*operation.key);
}

void run_mac(const Operation& one, std::uint8_t* tag) noexcept {
  EVP_MAC_CTX* context = openssl_key(one).mac.get();
  std::array<std::uint8_t, kMostTagBytes> whole;
  std::size_t length = 0;
  EVP_MAC_init(context, nullptr, 0, nullptr);
  EVP_MAC_update(context, one.covered, one.covered_bytes);
  EVP_MAC_final(context, whole.data(), &length, whole.size());
  std::copy_n(whole.data(), one.key->tag_bytes(), tag);
}

// False when the cipher has a tag, and it is not right.
bool run_cipher(const Operation& one, bool encrypt) noexcept {
  const OpensslKey& key = openssl_key(one);
  EVP_CIPHER_CTX* context = (encrypt ? key.encrypt : key.decrypt).get();
  if (context == nullptr) return true;
  const bool aead = is_aead(key.suite().cipher);
  const int tag_bytes = static_cast<int>(key.tag_bytes());
  int length = 0;
  EVP_CipherInit_ex(context, nullptr, nullptr, nullptr, one.iv, -1);
  if (aead) {
    EVP_CipherUpdate(context, nullptr, &length, one.covered, static_cast<int>(one.covered_bytes));
    if (!encrypt) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, one.tag);
  }
  if (one.text_bytes != 0)
    EVP_CipherUpdate(context, one.text, &length, one.text, static_cast<int>(one.text_bytes));
  std::array<std::uint8_t, 32> rest;
  const bool good = EVP_CipherFinal_ex(context, rest.data(), &length) == 1;
  if (aead && encrypt) EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, one.tag);
  return good || !aead;
}

class OpensslEngine final : public Engine {
 public:
  void seal(std::span<const Operation> operations) noexcept override {
    for (const Operation& one : operations) {
      (void)run_cipher(one, true);
      if (openssl_key(one).mac) run_mac(one, one.tag);
    }
  }

  std::uint64_t open(std::span<const Operation> operations) noexcept override {
    std::uint64_t right = 0;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const Operation& one = operations[i];
      bool good = true;
      if (openssl_key(one).mac) {
        std::array<std::uint8_t, kMostTagBytes> tag;
        run_mac(one, tag.data());
        good = CRYPTO_memcmp(tag.data(), one.tag, one.key->tag_bytes()) == 0;
      }
      good = run_cipher(one, false) && good;
      right |= std::uint64_t{good} << i;
    }
    return right;
  }
};

class OpensslLibrary final : public Library {
 public:
  std::string description() const override { return OpenSSL_version(OPENSSL_VERSION); }

  Result<std::unique_ptr<Key>> make_key(Suite suite, Bytes cipher_key, Bytes integrity_key) override {
    if (auto sizes = check_key_sizes(suite, cipher_key, integrity_key); !sizes)
      return tl::unexpected(sizes.error());
    auto key = std::make_unique<OpensslKey>(suite);
    const bool made = set_cipher(*key, cipher_key) && set_mac(*key, integrity_key);
    if (!made) return failure(fmt::format("make a key for {}", name(suite.cipher)), last_error());
    return key;
  }

  Result<std::unique_ptr<Engine>> make_engine() override { return std::make_unique<OpensslEngine>(); }

 private:
  static bool set_cipher(OpensslKey& key, Bytes bytes) {
    const EVP_CIPHER* cipher = cipher_of(key.suite().cipher);
    if (cipher == nullptr) return true;
    key.encrypt.reset(EVP_CIPHER_CTX_new());
    key.decrypt.reset(EVP_CIPHER_CTX_new());
    const auto set = [&](EVP_CIPHER_CTX* context, int encrypt) {
      return context != nullptr &&
             EVP_CipherInit_ex(context, cipher, nullptr, bytes.data(), nullptr, encrypt) == 1 &&
             EVP_CIPHER_CTX_set_padding(context, 0) == 1;
    };
    return set(key.encrypt.get(), 1) && set(key.decrypt.get(), 0);
  }

  static bool set_mac(OpensslKey& key, Bytes bytes) {
    if (key.suite().integrity == Integrity::kNone) return true;
    const std::unique_ptr<EVP_MAC, Deleter> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    if (!mac) return false;
    key.mac.reset(EVP_MAC_CTX_new(mac.get()));
    std::string digest = digest_of(key.suite().integrity);
    const std::array parameters{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
                                OSSL_PARAM_construct_end()};
    return key.mac != nullptr &&
           EVP_MAC_init(key.mac.get(), bytes.data(), bytes.size(), parameters.data()) == 1;
  }
};

}  // namespace

Result<std::unique_ptr<Library>> make_openssl_library() { return std::make_unique<OpensslLibrary>(); }

}  // namespace millrace::crypto
