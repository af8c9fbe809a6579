// SPDX-License-Identifier: BSD-3-Clause
// What the gateway says.
#include <cstring>

#include <fmt/format.h>

#include "vnfs/vpn/ike_messages.h"

namespace millrace::vpn::ike {
namespace {

template <class T>
void put(Message& message, const T& value) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&value);
  message.insert(message.end(), bytes, bytes + sizeof value);
}

// `wire` with its header in front and `text` behind it.
template <class T>
Message written(millrace_ike_type type, std::uint32_t serial, const T& wire, std::string_view text = {}) {
  Message message;
  const std::size_t length = sizeof(millrace_ike_header) + sizeof wire + text.size();
  message.reserve(length);
  put(message, millrace_ike_header{MILLRACE_IKE_VERSION, static_cast<std::uint16_t>(type), serial,
                                   static_cast<std::uint32_t>(length)});
  put(message, wire);
  message.insert(message.end(), text.begin(), text.end());
  return message;
}

millrace_ike_address wire_of(const net::IpAddress& address) {
  millrace_ike_address wire{};
  wire.family = static_cast<std::uint8_t>(address.family());
  std::memcpy(wire.bytes, address.bytes().data(), sizeof wire.bytes);
  return wire;
}

millrace_ike_which wire_of(const AssociationKey& key) {
  return {key.spi, static_cast<std::uint8_t>(key.outbound), wire_of(key.remote)};
}

millrace_ike_selector wire_of(const Selector& selector) {
  return {.local = wire_of(selector.local.address),
          .remote = wire_of(selector.remote.address),
          .local_length = selector.local.length,
          .remote_length = selector.remote.length,
          .protocol = selector.protocol,
          .local_first = selector.local_ports.first,
          .local_last = selector.local_ports.last,
          .remote_first = selector.remote_ports.first,
          .remote_last = selector.remote_ports.last};
}

}  // namespace

Message write_answer(std::uint32_t serial, const Answer& answer) {
  const std::string_view text = std::string_view(answer.text).substr(0, MILLRACE_IKE_MOST_TEXT);
  const millrace_ike_answer wire{.status = static_cast<std::uint16_t>(answer.status),
                                 .text_bytes = static_cast<std::uint16_t>(text.size()),
                                 .spi = answer.spi,
                                 .bytes = answer.use.bytes,
                                 .packets = answer.use.packets,
                                 .idle_seconds = answer.use.idle_seconds};
  return written(MILLRACE_IKE_ANSWER, serial, wire, text);
}

Message write_expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) {
  return written(
      MILLRACE_IKE_EXPIRED, 0,
      millrace_ike_expired{wire_of(which), tunnel, static_cast<std::uint8_t>(hard ? MILLRACE_IKE_HARD : 0)});
}

Message write_acquire(std::uint32_t tunnel, const Selector& packet) {
  return written(MILLRACE_IKE_ACQUIRE, 0, millrace_ike_acquire{tunnel, wire_of(packet)});
}

Message write_mapping(const AssociationKey& which, std::uint32_t tunnel, const net::IpAddress& remote,
                      std::uint16_t remote_port) {
  return written(MILLRACE_IKE_MAPPING, 0,
                 millrace_ike_mapping{wire_of(which), tunnel, wire_of(remote), remote_port});
}

std::string text_of(const AssociationKey& key) {
  return key.outbound ? fmt::format("outbound association 0x{:08x} to {}", key.spi, key.remote.to_string())
                      : fmt::format("inbound association 0x{:08x}", key.spi);
}

}  // namespace millrace::vpn::ike
