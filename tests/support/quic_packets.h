// SPDX-License-Identifier: BSD-3-Clause
// Initial packets of QUIC clients, protected by OpenSSL's own HKDF and ciphers (RFC 9001 section 5).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tests/support/tls_bytes.h"

namespace millrace::testing {

class QuicSealer {
 public:
  QuicSealer(std::uint32_t version, std::string_view id) : version_(version), id_(id) {
    const bool second = version != 1;
    static constexpr unsigned char kSalts[2][20] = {
        {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
         0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a},
        {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
         0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9}};
    const std::string salt(reinterpret_cast<const char*>(kSalts[second ? 1 : 0]), 20);
    const std::string initial = hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, id_, salt, 32);
    const std::string secret = expand(initial, "client in", 32);
    const std::string prefix = second ? "quicv2 " : "quic ";
    key = expand(secret, prefix + "key", 16);
    iv = expand(secret, prefix + "iv", 12);
    header_key = expand(secret, prefix + "hp", 16);
  }

  // A whole packet with a packet number of `number_bytes` bytes, padded with frames to that many bytes.
  [[nodiscard]] std::string initial(std::string frames, std::uint32_t number, unsigned length = 4,
                                    std::size_t padded = 1200, std::string_view token = {}) const {
    const unsigned type = version_ == 1 ? 0xc0U : 0xd0U;
    std::string header = number_bytes(type | (length - 1), 1) + number_bytes(version_, 4) + counted(id_, 1) +
                         counted("", 1) + number_bytes(0x4000U | token.size(), 2) + std::string(token);
    if (token.empty()) header = header.substr(0, header.size() - 2) + std::string(1, '\0');
    const std::size_t rest = header.size() + 2 + length + 16;
    if (frames.size() + rest < padded) frames.resize(padded - rest, '\0');
    header += number_bytes(0x4000U | (length + frames.size() + 16), 2);
    const std::size_t number_at = header.size();
    header += number_bytes(number, length);
    std::string packet = header + seal(header, frames, number);
    const std::string mask = encrypt_block(packet.substr(number_at + 4, 16));
    packet[0] = static_cast<char>(packet[0] ^ (mask[0] & 0x0f));
    for (unsigned i = 0; i < length; ++i)
      packet[number_at + i] = static_cast<char>(packet[number_at + i] ^ mask[1 + i]);
    return packet;
  }

  [[nodiscard]] static std::string crypto(std::size_t offset, std::string_view data) {
    return "\x06" + number_bytes(0x80000000U | offset, 4) + number_bytes(0x4000U | data.size(), 2) +
           std::string(data);
  }

  std::string key;
  std::string iv;
  std::string header_key;

 private:
  static std::string hkdf(int mode, std::string secret, std::string salt_or_info, std::size_t length) {
    EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256";
    const bool extract = mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(extract ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO,
                                          salt_or_info.data(), salt_or_info.size()),
        OSSL_PARAM_construct_end()};
    std::string out(length, '\0');
    const int good =
        EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), length, parameters);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    if (good != 1) throw std::runtime_error("HKDF");
    return out;
  }
  static std::string expand(const std::string& secret, const std::string& label, std::size_t length) {
    return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret,
                number_bytes(length, 2) + counted("tls13 " + label, 1) + std::string(1, '\0'), length);
  }
  static const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }

  [[nodiscard]] std::string seal(std::string_view header, std::string_view plain,
                                 std::uint32_t number) const {
    std::string nonce = iv;
    for (unsigned i = 0; i < 4; ++i)
      nonce[8 + i] = static_cast<char>(nonce[8 + i] ^ static_cast<char>(number >> (24 - 8 * i)));
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    std::string out(plain.size() + 16, '\0');
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    int length = 0;
    EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, raw(key), raw(nonce));
    EVP_EncryptUpdate(context, nullptr, &length, raw(header), static_cast<int>(header.size()));
    EVP_EncryptUpdate(context, to, &length, raw(plain), static_cast<int>(plain.size()));
    EVP_EncryptFinal_ex(context, to + length, &length);
    EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + plain.size());
    EVP_CIPHER_CTX_free(context);
    return out;
  }
  [[nodiscard]] std::string encrypt_block(std::string_view block) const {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    std::string out(32, '\0');
    int length = 0;
    EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), nullptr, raw(header_key), nullptr);
    EVP_EncryptUpdate(context, reinterpret_cast<unsigned char*>(out.data()), &length, raw(block), 16);
    EVP_CIPHER_CTX_free(context);
    return out;
  }

  std::uint32_t version_;
  std::string id_;
};

}  // namespace millrace::testing
