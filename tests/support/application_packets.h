// SPDX-License-Identifier: BSD-3-Clause
// IP packets of well-known applications, written out from their specifications.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/reader.h"

namespace millrace::testing {

using Octets = std::vector<std::uint8_t>;

[[nodiscard]] Octets octets(std::string_view text);

struct IpShape {
  std::uint8_t version = 4;
  std::uint8_t protocol = 6;
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 443;
  std::uint32_t sequence = 1001;
  std::uint8_t tcp_flags = 0x18;  // PSH, ACK
  std::size_t option_bytes = 0;   // IPv4: no-operations; IPv6: a destination options header, 8 bytes each
};
// Where the transport header of such a packet begins.
[[nodiscard]] std::size_t transport_of(const IpShape& shape);
// From 192.0.2.1 to 198.51.100.1, or 2001:db8::1 to 2001:db8::2. Checksums are zero.
[[nodiscard]] Octets ip_packet(const IpShape& shape, Bytes payload);

// A TLS record with a ClientHello of TLS 1.2 and up (RFC 8446 section 4.1.2) that asks for `host`; `extra`
// are bytes of padding (RFC 7685).
[[nodiscard]] Octets client_hello_record(std::string_view host, std::size_t extra = 0);
[[nodiscard]] Octets client_hello(std::string_view host,
                                  std::size_t extra = 0);  // without the record's header
// RFC 1035 section 4.1: a question for the A of `name`.
[[nodiscard]] Octets dns_query(std::string_view name);
// BEP 3.
[[nodiscard]] Octets bittorrent_handshake();
// RFC 9000 section 17.2.2, RFC 9001 section 5: a client's first Initial of version 1, 1200 bytes.
[[nodiscard]] Octets quic_initial(std::string_view host);

}  // namespace millrace::testing
