// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/application_packets.h"

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace millrace::testing {
namespace {

void put(Octets& out, std::size_t value, unsigned bytes) {
  while (bytes-- != 0) out.push_back(static_cast<std::uint8_t>(value >> (8 * bytes)));
}
void put(Octets& out, Bytes bytes) {
  for (const std::uint8_t byte : bytes) out.push_back(byte);
}

Octets extension(std::uint16_t type, Bytes body) {
  Octets out;
  put(out, type, 2);
  put(out, body.size(), 2);
  put(out, body);
  return out;
}

Octets tcp_header(const IpShape& shape) {
  Octets out;
  put(out, shape.source_port, 2);
  put(out, shape.destination_port, 2);
  put(out, shape.sequence, 4);
  put(out, 1, 4);  // acknowledged
  out.push_back(0x50);
  out.push_back(shape.tcp_flags);
  put(out, 65535, 2);
  put(out, 0, 4);
  return out;
}

Octets transport_bytes(const IpShape& shape, Bytes payload) {
  Octets out;
  if (shape.protocol == 6) {
    out = tcp_header(shape);
  } else if (shape.protocol == 17) {
    put(out, shape.source_port, 2);
    put(out, shape.destination_port, 2);
    put(out, 8 + payload.size(), 2);
    put(out, 0, 2);
  }
  put(out, payload);
  return out;
}

using Block = std::array<std::uint8_t, 32>;

Block hmac(Bytes key, Bytes text) {
  Block out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(), out.data(), &size);
  return out;
}

// HKDF-Expand-Label (RFC 8446 section 7.1) of at most one block.
Octets expand(Bytes secret, std::string_view label, std::size_t bytes) {
  Octets info;
  put(info, bytes, 2);
  put(info, 6 + label.size(), 1);
  put(info, octets("tls13 "));
  put(info, octets(label));
  put(info, 0x0001, 2);  // no context; the block's number
  const Block block = hmac(secret, info);
  return {block.begin(), block.begin() + static_cast<std::ptrdiff_t>(bytes)};
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

void require(int done) {
  if (done != 1) throw std::runtime_error("OpenSSL does not encrypt");
}

Octets seal(Bytes key, Bytes iv, Bytes header, Bytes text) {
  const Cipher cipher(EVP_CIPHER_CTX_new());
  Octets out(text.size() + 16);
  int size = 0;
  require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_gcm(), nullptr, key.data(), iv.data()));
  require(EVP_EncryptUpdate(cipher.get(), nullptr, &size, header.data(), static_cast<int>(header.size())));
  require(EVP_EncryptUpdate(cipher.get(), out.data(), &size, text.data(), static_cast<int>(text.size())));
  require(EVP_EncryptFinal_ex(cipher.get(), out.data() + size, &size));
  require(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, 16, out.data() + text.size()));
  return out;
}

Octets encrypt_block(Bytes key, Bytes block) {
  const Cipher cipher(EVP_CIPHER_CTX_new());
  Octets out(32);
  int size = 0;
  require(EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_ecb(), nullptr, key.data(), nullptr));
  require(EVP_EncryptUpdate(cipher.get(), out.data(), &size, block.data(), 16));
  return out;
}

}  // namespace

Octets octets(std::string_view text) { return {text.begin(), text.end()}; }

std::size_t transport_of(const IpShape& shape) { return (shape.version == 4 ? 20 : 40) + shape.option_bytes; }

Octets ip_packet(const IpShape& shape, Bytes payload) {
  const Octets transport = transport_bytes(shape, payload);
  Octets out;
  if (shape.version == 4) {
    out.push_back(static_cast<std::uint8_t>(0x45 + shape.option_bytes / 4));
    out.push_back(0);
    put(out, 20 + shape.option_bytes + transport.size(), 2);
    put(out, 0, 4);
    put(out, Octets{64, shape.protocol, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1});
    out.insert(out.end(), shape.option_bytes, 1);
  } else {
    put(out, Octets{0x60, 0, 0, 0});
    put(out, shape.option_bytes + transport.size(), 2);
    out.push_back(shape.option_bytes == 0 ? shape.protocol : 60);
    out.push_back(64);
    const Octets source{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    put(out, source);
    put(out, source);
    out.back() = 2;
    for (std::size_t done = 0; done < shape.option_bytes; done += 8) {
      const bool last = done + 8 == shape.option_bytes;
      put(out, Octets{last ? shape.protocol : std::uint8_t{60}, 0, 1, 4, 0, 0, 0, 0});
    }
  }
  put(out, transport);
  return out;
}

Octets client_hello(std::string_view host, std::size_t extra) {
  Octets names;
  put(names, host.size() + 3, 2);
  names.push_back(0);
  put(names, host.size(), 2);
  put(names, octets(host));
  Octets extensions = extension(0, names);
  put(extensions, extension(43, Octets{4, 3, 4, 3, 3}));           // TLS 1.3, 1.2
  put(extensions, extension(10, Octets{0, 4, 0, 0x1d, 0, 0x17}));  // x25519, secp256r1
  put(extensions, extension(13, Octets{0, 4, 4, 3, 8, 4}));        // signatures
  put(extensions, extension(16, Octets{0, 12, 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}));
  if (extra != 0) put(extensions, extension(21, Octets(extra)));
  Octets body{3, 3};
  for (std::uint8_t i = 0; i < 32; ++i) body.push_back(static_cast<std::uint8_t>(7 * i + 1));  // random
  body.push_back(0);
  put(body, Octets{0, 6, 0x13, 1, 0x13, 2, 0xc0, 0x2f});
  put(body, Octets{1, 0});
  put(body, extensions.size(), 2);
  put(body, extensions);
  Octets out{1};
  put(out, body.size(), 3);
  put(out, body);
  return out;
}

Octets client_hello_record(std::string_view host, std::size_t extra) {
  const Octets hello = client_hello(host, extra);
  Octets out{22, 3, 1};
  put(out, hello.size(), 2);
  put(out, hello);
  return out;
}

Octets dns_query(std::string_view name) {
  Octets out{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    put(out, label.size(), 1);
    put(out, octets(label));
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  put(out, Octets{0, 0, 1, 0, 1});
  return out;
}

Octets bittorrent_handshake() {
  Octets out{19};
  put(out, octets("BitTorrent protocol"));
  out.resize(out.size() + 8);
  for (std::uint8_t i = 0; i < 20; ++i) out.push_back(static_cast<std::uint8_t>(11 * i + 5));
  put(out, octets("-TR3000-0123456789ab"));
  return out;
}

Octets quic_initial(std::string_view host) {
  const Octets salt{0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                    0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
  const Octets connection{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
  const Octets client = expand(hmac(salt, connection), "client in", 32);
  const Octets key = expand(client, "quic key", 16);
  const Octets iv = expand(client, "quic iv", 12);  // the packet's number is 0
  const Octets header_key = expand(client, "quic hp", 16);

  constexpr std::size_t kPacket = 1200;
  constexpr std::size_t kNumberBytes = 4;
  Octets header{0xc3, 0, 0, 0, 1, 8};
  put(header, connection);
  put(header, Octets{0, 0});  // no source connection id, no token
  put(header, 0x4000 | (kPacket - header.size() - 2), 2);
  header.resize(header.size() + kNumberBytes);

  const Octets hello = client_hello(host);
  Octets text{6, 0};
  put(text, 0x4000 | hello.size(), 2);
  put(text, hello);
  text.resize(kPacket - header.size() - 16);
  const Octets sealed = seal(key, iv, header, text);
  const Octets mask = encrypt_block(header_key, Bytes(sealed).first(16));
  header[0] = static_cast<std::uint8_t>(header[0] ^ (mask[0] & 0x0fU));
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    auto& byte = header[header.size() - kNumberBytes + i];
    byte = static_cast<std::uint8_t>(byte ^ mask[1 + i]);
  }
  put(header, sealed);
  return header;
}

}  // namespace millrace::testing
