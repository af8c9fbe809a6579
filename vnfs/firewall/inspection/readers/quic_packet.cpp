// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/quic_packet.h"

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/readers/quic_crypto.h"

namespace millrace::firewall::inspection::readers {

std::optional<std::uint64_t> take_quic_number(Reader& reader) noexcept {
  const auto* first = reader.peek<std::uint8_t>();
  if (first == nullptr) return std::nullopt;
  const std::size_t size = std::size_t{1} << (*first >> 6U);
  const Bytes bytes = reader.take(size);
  if (bytes.empty()) return std::nullopt;
  std::uint64_t value = bytes[0] & 0x3fU;
  for (const std::uint8_t byte : bytes.subspan(1)) value = value << 8U | byte;
  return value;
}

std::optional<QuicPacket> read_quic_packet(Bytes datagram) noexcept {
  Reader reader(datagram);
  const auto* first = reader.read<std::uint8_t>();
  const auto* version = reader.read<be32>();
  if (version == nullptr || (*first & 0x80U) == 0) return std::nullopt;
  QuicPacket packet;
  packet.version = version->host();
  if (packet.version != kQuic1 && packet.version != kQuic2) return std::nullopt;

  const auto take_id = [&]() noexcept -> std::optional<Bytes> {
    const auto* length = reader.read<std::uint8_t>();
    if (length == nullptr || *length > kLongestQuicId || reader.left() < *length) return std::nullopt;
    return reader.take(*length);
  };
  const auto destination = take_id();
  if (!destination || !take_id()) return std::nullopt;
  packet.destination = *destination;

  // RFC 9369 section 3.2 counts the types from another one on.
  const unsigned type = ((*first >> 4U & 3U) + (packet.version == kQuic2 ? 3U : 0U)) & 3U;
  constexpr unsigned kInitial = 0;
  constexpr unsigned kRetry = 3;
  if (type == kRetry) return std::nullopt;
  packet.is_initial = type == kInitial;
  if (packet.is_initial) {
    const auto token = take_quic_number(reader);
    if (!token || *token > reader.left() || !reader.skip(*token)) return std::nullopt;
  }
  const auto length = take_quic_number(reader);
  if (!length || *length > reader.left()) return std::nullopt;
  packet.number_at = reader.offset();
  packet.bytes = datagram.first(packet.number_at + *length);
  return packet;
}

}  // namespace millrace::firewall::inspection::readers
