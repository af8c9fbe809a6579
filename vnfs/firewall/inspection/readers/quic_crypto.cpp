// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/quic_crypto.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/readers/digests.h"

namespace millrace::firewall::inspection::readers {
namespace {

// RFC 9001 section 5.2, RFC 9369 section 3.3.1.
constexpr std::array<std::uint8_t, 20> kSalt1 = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                                 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
constexpr std::array<std::uint8_t, 20> kSalt2 = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                                                 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};

// HKDF-Expand-Label (RFC 8446 section 7.1) of no more than one block, without a context.
template <std::size_t Length>
void expand(Bytes secret, std::string_view label, std::array<std::uint8_t, Length>& out) noexcept {
  static_assert(Length <= 32);
  constexpr std::string_view kPrefix = "tls13 ";
  const std::array<std::uint8_t, 3> lengths = {0, Length,
                                               static_cast<std::uint8_t>(kPrefix.size() + label.size())};
  constexpr std::array<std::uint8_t, 2> kEnd = {0, 1};  // the context's length, the block's number
  const auto block = hmac_sha256(secret, {lengths, bytes_of(kPrefix), bytes_of(label), kEnd});
  std::copy_n(block.begin(), Length, out.begin());
}

int as_int(std::size_t size) noexcept { return static_cast<int>(size); }

}  // namespace

void QuicCrypto::Free::operator()(evp_cipher_ctx_st* context) const noexcept { EVP_CIPHER_CTX_free(context); }

QuicCrypto::Context QuicCrypto::make(const char* cipher, bool encrypts) {
  Context context(EVP_CIPHER_CTX_new());
  EVP_CIPHER* algorithm = EVP_CIPHER_fetch(nullptr, cipher, nullptr);
  const bool ready =
      algorithm != nullptr && context != nullptr &&
      EVP_CipherInit_ex2(context.get(), algorithm, nullptr, nullptr, encrypts ? 1 : 0, nullptr) == 1;
  EVP_CIPHER_free(algorithm);  // the context has its own reference
  if (!ready) throw std::runtime_error(std::string("OpenSSL does not have ") + cipher);
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  return context;
}

QuicCrypto::QuicCrypto() : header_(make("AES-128-ECB", true)), payload_(make("AES-128-GCM", false)) {}

QuicKeys quic_client_keys(std::uint32_t version, Bytes connection_id) noexcept {
  const bool second = version == kQuic2;
  const auto initial = hmac_sha256(second ? kSalt2 : kSalt1, {connection_id});
  std::array<std::uint8_t, 32> secret;
  expand(initial, "client in", secret);
  QuicKeys keys;
  expand(secret, second ? "quicv2 key" : "quic key", keys.key);
  expand(secret, second ? "quicv2 iv" : "quic iv", keys.iv);
  expand(secret, second ? "quicv2 hp" : "quic hp", keys.header_key);
  return keys;
}

std::array<std::uint8_t, 16> QuicCrypto::header_mask(const QuicKeys& keys, Bytes sample) noexcept {
  std::array<std::uint8_t, 16> mask{};
  int length = 0;
  if (EVP_EncryptInit_ex2(header_.get(), nullptr, keys.header_key.data(), nullptr, nullptr) == 1)
    static_cast<void>(EVP_EncryptUpdate(header_.get(), mask.data(), &length, sample.data(), as_int(kSample)));
  return mask;
}

bool QuicCrypto::open(const QuicKeys& keys, std::uint32_t packet_number, std::initializer_list<Bytes> header,
                      Bytes sealed, MutableBytes plain) noexcept {
  if (sealed.size() < kTag || plain.size() != sealed.size() - kTag) return false;
  auto nonce = keys.iv;
  for (std::size_t i = 0; i < 4; ++i)
    nonce[8 + i] ^= static_cast<std::uint8_t>(packet_number >> (24 - 8 * i));
  std::array<std::uint8_t, kTag> tag;
  std::copy_n(sealed.end() - kTag, kTag, tag.begin());
  int length = 0;
  bool good = EVP_DecryptInit_ex2(payload_.get(), nullptr, keys.key.data(), nonce.data(), nullptr) == 1;
  for (const Bytes piece : header)
    good = good && (piece.empty() || EVP_DecryptUpdate(payload_.get(), nullptr, &length, piece.data(),
                                                       as_int(piece.size())) == 1);
  good = good && (plain.empty() || EVP_DecryptUpdate(payload_.get(), plain.data(), &length, sealed.data(),
                                                     as_int(plain.size())) == 1);
  good = good && EVP_CIPHER_CTX_ctrl(payload_.get(), EVP_CTRL_AEAD_SET_TAG, as_int(kTag), tag.data()) == 1;
  return good && EVP_DecryptFinal_ex(payload_.get(), plain.data() + plain.size(), &length) == 1;
}

}  // namespace millrace::firewall::inspection::readers
