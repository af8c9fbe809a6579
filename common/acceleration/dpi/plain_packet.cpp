// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/plain_packet.h"

#include <algorithm>
#include <cstring>

namespace millrace::dpi {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::uint8_t kTtl = 64;

void put16(std::uint8_t* at, std::size_t value) noexcept {
  at[0] = static_cast<std::uint8_t>(value >> 8U);
  at[1] = static_cast<std::uint8_t>(value);
}

// RFC 791 section 3.1; only source and destination are the packet's own.
void write_ipv4(std::uint8_t* out, Bytes ip, std::size_t total, std::uint8_t protocol) noexcept {
  std::memset(out, 0, kIpv4Bytes);
  out[0] = 0x45;
  put16(out + 2, total);
  out[8] = kTtl;
  out[9] = protocol;
  std::memcpy(out + 12, ip.data() + 12, 8);
}

// RFC 8200 section 3.
void write_ipv6(std::uint8_t* out, Bytes ip, std::size_t total, std::uint8_t protocol) noexcept {
  std::memset(out, 0, 8);
  out[0] = 0x60;
  put16(out + 4, total - kIpv6Bytes);
  out[6] = protocol;
  out[7] = kTtl;
  std::memcpy(out + 8, ip.data() + 8, 32);
}

// Numbers of extension headers (RFC 8200 section 4, RFC 7045): they would be read as such again.
constexpr bool is_extension(std::uint8_t protocol) noexcept {
  constexpr std::uint8_t kExtensions[] = {0, 43, 44, 51, 59, 60, 135, 139, 140, 253, 254};
  return std::ranges::find(kExtensions, protocol) != std::end(kExtensions);
}

struct Shape {
  bool good;
  bool says_nothing;
};

Shape shape_of(Bytes transport, std::uint8_t protocol) noexcept {
  if (protocol == kUdp) return {transport.size() >= kUdpBytes, false};
  if (protocol != kTcp) return {true, false};
  if (transport.size() < kTcpBytes) return {false, false};
  constexpr std::uint8_t kSyn = 0x02;
  const std::size_t header = std::size_t{transport[12]} / 16 * 4;
  return {header >= kTcpBytes && header <= transport.size(),
          header == transport.size() && (transport[13] & kSyn) == 0};
}

}  // namespace

PlainPacket::Made PlainPacket::make(Bytes ip, std::size_t transport, std::uint8_t protocol) noexcept {
  if (ip.empty() || transport > ip.size() || is_extension(protocol)) return {};
  const unsigned version = ip[0] >> 4U;
  const std::size_t header = version == 4 ? kIpv4Bytes : kIpv6Bytes;
  if ((version != 4 && version != 6) || transport < header) return {};
  const Bytes carried = ip.subspan(transport, std::min(ip.size() - transport, kMostTransportBytes));
  const Shape shape = shape_of(carried, protocol);
  if (!shape.good) return {};
  std::uint8_t* const out = memory_.data() + kBefore;
  const std::size_t total = header + carried.size();
  (version == 4 ? write_ipv4 : write_ipv6)(out, ip, total, protocol);
  std::memcpy(out + header, carried.data(), carried.size());
  if (protocol == kUdp) put16(out + header + 4, carried.size());
  if (last_bytes_ > total) std::memset(out + total, 0, last_bytes_ - total);
  last_bytes_ = total;
  return {Bytes(out, total), shape.says_nothing};
}

}  // namespace millrace::dpi
