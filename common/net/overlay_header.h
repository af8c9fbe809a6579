// SPDX-License-Identifier: BSD-3-Clause
// What stands between an outer IP header and the frame or datagram of an overlay: VXLAN (RFC 7348), its
// generic protocol extension (draft-ietf-nvo3-vxlan-gpe-13), GENEVE (RFC 8926), GRE (RFC 2784) with key and
// sequence number (RFC 2890). Bytes in, a few fields out. No DPDK, no allocation.
#pragma once

#include <cstdint>

#include "common/base/reader.h"
#include "common/net/parse.h"
#include "common/net/wire.h"

namespace millrace::net {

enum class OverlayType : std::uint8_t { kVxlan, kVxlanGpe, kGeneve, kGre };

// IANA service name registry.
inline constexpr std::uint16_t kVxlanPort = 4789;
inline constexpr std::uint16_t kVxlanGpePort = 4790;
inline constexpr std::uint16_t kGenevePort = 6081;
inline constexpr std::uint32_t kMostVni = 0xffffff;  // 24 bits

enum class OverlayPayload : std::uint8_t { kEthernet, kIpv4, kIpv6, kOther };

enum class OverlayError : std::uint8_t {
  kNone,
  kBad,       // cut off, another version, or a field against its RFC
  kControl,   // for the far end itself, and not to be forwarded
  kCritical,  // a GENEVE option that must be understood, and is not
};

// Offsets count from the first byte of the frame.
struct OverlayHeader {
  std::uint32_t id = 0;              // VNI, or GRE's key; 0 where GRE has none
  std::uint16_t payload_offset = 0;  // of what is inside
  OverlayPayload payload = OverlayPayload::kOther;
  bool has_checksum = false;  // GRE's own, over header and payload; right behind the first four bytes
};

// Reads what stands at `outer.l4_offset`: for all but GRE a UDP header. `frame` is the contiguous first part
// of the packet. On an error `found` holds what was read before it.
[[nodiscard]] OverlayError read_overlay(OverlayType type, Bytes frame, const Headers& outer,
                                        OverlayHeader& found) noexcept;

}  // namespace millrace::net
