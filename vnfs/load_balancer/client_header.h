// SPDX-License-Identifier: BSD-3-Clause
// What tells a backend who the client is: the header of the PROXY protocol, version 2 (HAProxy's
// proxy-protocol.txt, section 2.2), and the TCP option "toa". Both are plain bytes. Data path.
#pragma once

#include <array>
#include <cstring>

#include "common/base/reader.h"
#include "common/net/address.h"
#include "common/net/wire.h"

namespace millrace::load_balancer {

namespace detail {
inline std::uint8_t* put(std::uint8_t* at, const net::IpAddress& address) noexcept {
  const std::size_t size = address.is_v4() ? sizeof(net::Ipv4Address) : sizeof(net::Ipv6Address);
  std::memcpy(at, address.bytes().data(), size);
  return at + size;
}
inline std::uint8_t* put(std::uint8_t* at, be16 word) noexcept {
  std::memcpy(at, &word, sizeof word);
  return at + sizeof word;
}
}  // namespace detail

class ProxyHeader {
 public:
  // Both addresses are of one family.
  ProxyHeader(const net::IpAddress& client, const net::IpAddress& service, be16 client_port,
              be16 service_port) noexcept
      : length_(length_of(client.is_v4())) {
    constexpr std::array<std::uint8_t, 12> kSignature{'\r', '\n', '\r', '\n', 0,   '\r',
                                                      '\n', 'Q',  'U',  'I',  'T', '\n'};
    constexpr std::uint8_t kVersion2Proxy = 0x21;
    constexpr std::uint8_t kTcpOverIpv4 = 0x11;
    constexpr std::uint8_t kTcpOverIpv6 = 0x21;
    std::uint8_t* at = bytes_.data();
    std::memcpy(at, kSignature.data(), kSignature.size());
    at += kSignature.size();
    *at++ = kVersion2Proxy;
    *at++ = client.is_v4() ? kTcpOverIpv4 : kTcpOverIpv6;
    at = detail::put(at, be16(static_cast<std::uint16_t>(length_ - kFixed)));
    at = detail::put(detail::put(at, client), service);
    detail::put(detail::put(at, client_port), service_port);
  }

  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(length_); }
  [[nodiscard]] static constexpr std::uint16_t length_of(bool ipv4) noexcept {
    return static_cast<std::uint16_t>(kFixed + (ipv4 ? 12 : 36));
  }

 private:
  static constexpr std::uint16_t kFixed = 16;

  std::array<std::uint8_t, kFixed + 36> bytes_;
  std::uint16_t length_;
};

// As IPVS and DPVS have it: kind 254, length, port, address; 8 bytes for an IPv4 client, 20 for one of IPv6.
class ToaOption {
 public:
  ToaOption(const net::IpAddress& client, be16 port) noexcept : length_(client.is_v4() ? 8 : 20) {
    constexpr std::uint8_t kKind = 254;
    bytes_[0] = kKind;
    bytes_[1] = length_;
    detail::put(detail::put(bytes_.data() + 2, port), client);
  }
  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(length_); }

 private:
  std::array<std::uint8_t, 20> bytes_;
  std::uint8_t length_;
};

}  // namespace millrace::load_balancer
