// SPDX-License-Identifier: BSD-3-Clause
// What protects QUIC's Initial packets (RFC 9001 section 5, RFC 9369 section 3.3): keys that follow from the
// client's first connection id alone, so that anyone on the path can read them. One worker's own; all
// contexts are made with it, and nothing is allocated for a packet.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>

#include "common/base/reader.h"

struct evp_cipher_ctx_st;

namespace millrace::firewall::inspection::readers {

inline constexpr std::uint32_t kQuic1 = 0x00000001;
inline constexpr std::uint32_t kQuic2 = 0x6b3343cf;

struct QuicKeys {
  std::array<std::uint8_t, 16> key;
  std::array<std::uint8_t, 12> iv;
  std::array<std::uint8_t, 16> header_key;
};

// Of what the client sends, in version 1 or 2.
[[nodiscard]] QuicKeys quic_client_keys(std::uint32_t version, Bytes connection_id) noexcept;

class QuicCrypto {
 public:
  static constexpr std::size_t kTag = 16;     // bytes behind a payload
  static constexpr std::size_t kSample = 16;  // bytes of it

  // Throws std::runtime_error when OpenSSL has not what it takes.
  QuicCrypto();

  // RFC 9001 section 5.4.3. `sample` has kSample bytes.
  [[nodiscard]] std::array<std::uint8_t, 16> header_mask(const QuicKeys& keys, Bytes sample) noexcept;
  // AES-128-GCM. `sealed` has its tag behind it; `plain` is that much shorter. False when it is not genuine.
  [[nodiscard]] bool open(const QuicKeys& keys, std::uint32_t packet_number,
                          std::initializer_list<Bytes> header, Bytes sealed, MutableBytes plain) noexcept;

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, Free>;
  [[nodiscard]] static Context make(const char* cipher, bool encrypts);

  Context header_;
  Context payload_;
};

}  // namespace millrace::firewall::inspection::readers
