// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/seen.h"

#include <algorithm>
#include <span>

#include <gtest/gtest.h>

#include "common/net/address.h"

namespace millrace::testing {
namespace {

constexpr unsigned kMac = 14;

unsigned u16(const Frame& bytes, std::size_t at) { return bytes.at(at) * 256U + bytes.at(at + 1); }

std::string dotted(const Frame& bytes, std::size_t at) {
  return std::to_string(bytes.at(at)) + "." + std::to_string(bytes.at(at + 1)) + "." +
         std::to_string(bytes.at(at + 2)) + "." + std::to_string(bytes.at(at + 3));
}

std::span<const std::uint8_t> part(const Frame& bytes, std::size_t from, std::size_t to) {
  return std::span(bytes).subspan(from, to - from);
}

net::Ipv6Address address6(const Frame& bytes, std::size_t at) {
  net::Ipv6Address address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), address.bytes.size(), address.bytes.begin());
  return address;
}

// An IPv6 datagram without extension headers, or with a fragment header.
Seen read_datagram6(const Frame& ip, bool whole) {
  constexpr std::size_t kHeader = 40;
  Seen seen;
  seen.source = address6(ip, 8).to_string();
  seen.destination = address6(ip, 24).to_string();
  seen.ttl = ip.at(7);
  seen.protocol = ip.at(6);
  const std::size_t end = whole ? kHeader + u16(ip, 4) : ip.size();
  std::size_t l4 = kHeader;
  if (seen.protocol == 44) {
    seen.protocol = ip.at(kHeader);
    l4 += 8;
  }
  const bool fragment = l4 != kHeader;
  if (fragment && (u16(ip, kHeader + 2) & 0xfff8U) != 0) return seen;
  std::size_t behind = 8;
  if (seen.protocol == 58) {
    seen.icmp_type = ip.at(l4);
    seen.icmp_code = ip.at(l4 + 1);
    if (seen.icmp_type == 128 || seen.icmp_type == 129)
      seen.source_port = seen.destination_port = static_cast<std::uint16_t>(u16(ip, l4 + 4));
  } else {
    seen.source_port = static_cast<std::uint16_t>(u16(ip, l4));
    seen.destination_port = static_cast<std::uint16_t>(u16(ip, l4 + 2));
    if (seen.protocol == 6 && ip.size() > l4 + 13) {
      seen.tcp_flags = ip.at(l4 + 13);
      behind = (ip.at(l4 + 12) >> 4U) * 4U;
    }
  }
  const bool summed = seen.protocol == 6 || seen.protocol == 17 || seen.protocol == 58;
  // GUE does without: RFC 6935 section 5.
  const bool tunnel = seen.protocol == 17 && seen.destination_port == 6080 && u16(ip, l4 + 6) == 0;
  if (whole && !fragment && summed && !tunnel) {
    std::uint32_t pseudo = seen.protocol + static_cast<std::uint32_t>(end - l4);
    for (std::size_t at = 8; at < kHeader; at += 2) pseudo += u16(ip, at);
    EXPECT_EQ(plain_checksum(part(ip, l4, end), pseudo), 0) << "transport checksum";
  }
  if (l4 + behind <= end) {
    seen.payload.assign(ip.begin() + static_cast<std::ptrdiff_t>(l4 + behind),
                        ip.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return seen;
}

// `whole`: the datagram is all there, so that its checksums must hold.
Seen read_datagram(const Frame& ip, bool whole) {
  if (ip.at(0) >> 4U == 6) return read_datagram6(ip, whole);
  Seen seen;
  const std::size_t header = (ip.at(0) & 0xfU) * 4U;
  EXPECT_EQ(plain_checksum(part(ip, 0, header)), 0) << "IPv4 header checksum";
  seen.source = dotted(ip, 12);
  seen.destination = dotted(ip, 16);
  seen.ttl = ip.at(8);
  seen.protocol = ip.at(9);
  const std::size_t end = whole ? u16(ip, 2) : ip.size();
  const unsigned fragment = u16(ip, 6) & 0x3fffU;
  if ((fragment & 0x1fffU) != 0) {
    seen.payload.assign(ip.begin() + static_cast<std::ptrdiff_t>(header),
                        ip.begin() + static_cast<std::ptrdiff_t>(end));
    return seen;
  }
  std::size_t behind = 8;
  if (seen.protocol == 1) {
    seen.icmp_type = ip.at(header);
    seen.icmp_code = ip.at(header + 1);
    if (seen.icmp_type == 0 || seen.icmp_type == 8) {
      seen.source_port = seen.destination_port = static_cast<std::uint16_t>(u16(ip, header + 4));
    }
    if (whole && fragment == 0) {
      EXPECT_EQ(plain_checksum(part(ip, header, end)), 0) << "ICMP checksum";
    }
  } else {
    seen.source_port = static_cast<std::uint16_t>(u16(ip, header));
    seen.destination_port = static_cast<std::uint16_t>(u16(ip, header + 2));
    const std::size_t checksum = seen.protocol == 6 ? 16 : 6;
    if (seen.protocol == 6 && ip.size() > header + 13) {
      seen.tcp_flags = ip.at(header + 13);
      behind = (ip.at(header + 12) >> 4U) * 4U;
    }
    const bool summed = seen.protocol == 6 || (seen.protocol == 17 && u16(ip, header + checksum) != 0);
    if (whole && fragment == 0 && summed) {
      const auto length = static_cast<std::uint32_t>(end - header);
      std::uint32_t pseudo = seen.protocol + length;
      for (std::size_t at = 12; at < 20; at += 2) pseudo += u16(ip, at);
      EXPECT_EQ(plain_checksum(part(ip, header, end), pseudo), 0) << "transport checksum";
    }
  }
  if (header + behind <= end) {
    seen.payload.assign(ip.begin() + static_cast<std::ptrdiff_t>(header + behind),
                        ip.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return seen;
}

}  // namespace

std::string Seen::source_end() const { return source + ":" + std::to_string(source_port); }

std::string Seen::ends() const {
  return source_end() + " > " + destination + ":" + std::to_string(destination_port);
}

Seen Seen::embedded() const { return read_datagram(payload, false); }

Seen read_frame(unsigned port, const Frame& frame) {
  std::size_t l3 = kMac;
  while (u16(frame, l3 - 2) == 0x8100) l3 += 4;
  EXPECT_EQ(u16(frame, l3 - 2), frame.at(l3) >> 4U == 6 ? 0x86ddU : 0x0800U);
  Seen seen = read_datagram(Frame(frame.begin() + static_cast<std::ptrdiff_t>(l3), frame.end()), true);
  seen.port = port;
  seen.frame = frame;
  return seen;
}

}  // namespace millrace::testing
