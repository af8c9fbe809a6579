// SPDX-License-Identifier: BSD-3-Clause
// The first messages of a TLS handshake (RFC 8446 section 4.1): what a client offers and what a server takes
// of it. Serves TLS over TCP and QUIC. Data path.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"
#include "vnfs/firewall/inspection/room.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::uint8_t kTlsClientHello = 1;
inline constexpr std::uint8_t kTlsServerHello = 2;
inline constexpr std::uint16_t kTls13 = 0x0304;

// All views are of the message, and empty where it has no such thing.
struct TlsHello {
  std::uint16_t version = 0;         // legacy_version
  std::uint16_t newest = 0;          // a client's newest version; the one that a server has chosen
  bool has_server_name = false;      // the extension, which may be empty
  bool has_encrypted_hello = false;  // RFC 9849: the server name may be another's
  bool is_retry = false;             // a HelloRetryRequest
  Bytes ciphers;                     // two bytes each; of a server, the one it has chosen
  Bytes extensions;                  // type, length and content of each
  Bytes versions;                    // two bytes each, of a client
  Bytes groups;                      // two bytes each
  Bytes point_formats;
  Bytes server_name;
  Bytes protocols;  // ALPN (RFC 7301): a length of one byte before each name; only whole names
};

// `body` is the message without its header of four bytes, or as much as there is of it.
void read_client_hello(Bytes body, TlsHello& hello, ReadAnomalySet& anomalies) noexcept;
void read_server_hello(Bytes body, TlsHello& hello, ReadAnomalySet& anomalies) noexcept;

// RFC 8701: values that clients offer so that servers get used to unknown ones.
[[nodiscard]] constexpr bool is_grease(std::uint16_t value) noexcept {
  return (value & 0x0f0fU) == 0x0a0aU && value >> 8U == (value & 0xffU);
}

// Takes the next name off a hello's protocols; empty behind the last.
[[nodiscard]] inline Bytes take_protocol(Bytes& protocols) noexcept {
  if (protocols.empty() || protocols.size() <= protocols[0]) return {};
  const Bytes name = protocols.subspan(1, protocols[0]);
  protocols = protocols.subspan(1 + name.size());
  return name;
}

// Sets the parts that signatures look at: the server name, and JA3 (https://github.com/salesforce/ja3).
// Returns how many bytes of the room it has taken.
[[nodiscard]] std::size_t add_client_hello(const TlsHello& hello, Room& room, Parts& parts,
                                           ReadAnomalySet& anomalies) noexcept;

}  // namespace millrace::firewall::inspection::readers
