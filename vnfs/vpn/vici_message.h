// SPDX-License-Identifier: BSD-3-Clause
// Messages of VICI, the protocol by which strongSwan's charon is configured and asked: strongSwan 5.9,
// src/libcharon/plugins/vici/README.md. A message is a JSON object of texts, lists of texts, and objects.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/reader.h"
#include "common/base/result.h"

namespace millrace::vpn::vici {

enum class PacketType : std::uint8_t {
  kCommand = 0,
  kAnswer = 1,
  kUnknownCommand = 2,
  kSubscribe = 3,
  kUnsubscribe = 4,
  kSubscribed = 5,
  kUnknownEvent = 6,
  kEvent = 7,
};

// charon takes and gives no longer ones.
inline constexpr std::size_t kMostPacketBytes = std::size_t{512} * 1024;
inline constexpr std::size_t kLengthBytes = 4;

// Of what comes from charon: a view into the bytes it was read from.
struct Packet {
  PacketType type{};
  std::string_view name;  // of an event
  Bytes message;
};

// With its length in front. Fails when something is too long for the protocol, and names it. Whoever gave it
// secrets wipes what comes back.
[[nodiscard]] Result<std::vector<std::uint8_t>> write_packet(PacketType type, std::string_view name,
                                                             const boost::json::object& message);
// Without its length.
[[nodiscard]] Result<Packet> read_packet(Bytes bytes);
[[nodiscard]] Result<boost::json::object> read_message(Bytes bytes);

}  // namespace millrace::vpn::vici
