// SPDX-License-Identifier: BSD-3-Clause
// What charon's plugin would send, without charon.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/base/reader.h"
#include "common/net/address.h"
#include "vnfs/vpn/ike_protocol.h"

namespace millrace::test::ike {

using Message = std::vector<std::uint8_t>;

template <class T>
void put(Message& message, const T& value) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&value);
  message.insert(message.end(), bytes, bytes + sizeof value);
}

// What the header says becomes what the message is.
inline void set_length(Message& message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  std::memcpy(message.data() + offsetof(millrace_ike_header, length), &length, sizeof length);
}

// A request with these parts behind its header.
template <class... Parts>
Message request(millrace_ike_type type, std::uint32_t serial, const Parts&... parts) {
  Message message;
  put(message, millrace_ike_header{MILLRACE_IKE_VERSION, static_cast<std::uint16_t>(type), serial, 0});
  (put(message, parts), ...);
  set_length(message);
  return message;
}

inline millrace_ike_address address(std::string_view text) {
  const auto parsed = *net::IpAddress::parse(text);
  millrace_ike_address wire{};
  wire.family = static_cast<std::uint8_t>(parsed.family());
  std::memcpy(wire.bytes, parsed.bytes().data(), sizeof wire.bytes);
  return wire;
}

inline millrace_ike_which inbound(std::uint32_t spi) { return {spi, 0, address("192.0.2.2")}; }
inline millrace_ike_which outbound(std::uint32_t spi) { return {spi, 1, address("192.0.2.2")}; }

inline millrace_ike_selector selector() {
  return {.local = address("10.1.0.0"),
          .remote = address("10.2.0.0"),
          .local_length = 16,
          .remote_length = 16,
          .protocol = 0,
          .local_first = 0,
          .local_last = 65535,
          .remote_first = 0,
          .remote_last = 65535};
}

// AES-GCM-128 between 192.0.2.1 and 192.0.2.2.
inline millrace_ike_association association(const millrace_ike_which& key, unsigned flags = 0) {
  return {.key = key,
          .local = address("192.0.2.1"),
          .mode = MILLRACE_IKE_TUNNEL,
          .cipher = MILLRACE_IKE_AES_GCM_128,
          .integrity = MILLRACE_IKE_NO_INTEGRITY,
          .flags = static_cast<std::uint8_t>(flags),
          .window = 64,
          .udp = {4500, 4501},
          .tunnel = 7,
          .interface = 0,
          .seconds = {100, 200},
          .bytes = {300, 400},
          .packets = {500, 600},
          .cipher_key_bytes = 20,
          .integrity_key_bytes = 0,
          .selectors = 1};
}

using Key20 = std::uint8_t[20];
inline constexpr Key20 kKey{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xa, 0xb, 0xc, 0xd};

inline Message add(std::uint32_t serial, const millrace_ike_which& key, unsigned flags = 0) {
  return request(MILLRACE_IKE_ADD_ASSOCIATION, serial, association(key, flags), kKey, selector());
}

inline millrace_ike_which_policy which_policy(std::uint32_t priority) { return {selector(), priority, 0}; }

inline Message add_policy(std::uint32_t serial, std::uint32_t priority) {
  return request(MILLRACE_IKE_ADD_POLICY, serial,
                 millrace_ike_policy{.key = which_policy(priority),
                                     .action = MILLRACE_IKE_PROTECT,
                                     .flags = MILLRACE_IKE_OUTBOUND,
                                     .tunnel = 7,
                                     .outbound = outbound(0x2000)});
}

inline Message hello(std::uint32_t serial) {
  return request(MILLRACE_IKE_HELLO, serial, millrace_ike_hello{4711, "5.9.8"});
}

inline Message trouble(std::uint32_t serial, std::string_view connection, std::string_view text) {
  millrace_ike_trouble wire{};
  std::memcpy(wire.connection, connection.data(), connection.size());
  wire.text_bytes = static_cast<std::uint16_t>(text.size());
  Message message = request(MILLRACE_IKE_TROUBLE, serial, wire);
  message.insert(message.end(), text.begin(), text.end());
  set_length(message);
  return message;
}

// What came back.
struct Answer {
  millrace_ike_header header{};
  millrace_ike_answer body{};
  std::string_view text;  // in the message
};

inline Answer answer(Bytes message) {
  Reader reader(message);
  Answer read;
  if (const auto* header = reader.read<millrace_ike_header>()) read.header = *header;
  if (const auto* body = reader.read<millrace_ike_answer>()) read.body = *body;
  read.text = {reinterpret_cast<const char*>(reader.rest().data()), reader.left()};
  return read;
}

}  // namespace millrace::test::ike
