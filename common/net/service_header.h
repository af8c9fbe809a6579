// SPDX-License-Identifier: BSD-3-Clause
// What a service function forwarder puts in front of a packet so that a chain of functions can tell its way:
// the network service header (RFC 8300), or a label of MPLS (RFC 3032) as OpenStack's networking-sfc uses
// one. No DPDK.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/reader.h"
#include "common/net/wire.h"

namespace millrace::net {

enum class ServiceType : std::uint8_t { kNsh, kMpls };

enum class ServicePayload : std::uint8_t { kEthernet, kIpv4, kIpv6 };

enum class ServiceError : std::uint8_t {
  kNone,
  kBad,         // cut off, another version, or a length against RFC 8300; more than one label
  kOam,         // the O bit
  kMetadata,    // an MD type that is reserved or unknown
  kPayload,     // a next protocol that is unknown, or no IP behind the label
  kTooDeep,     // headers inside headers
  kIndexEnded,  // service index 0; a label that can not be one less
};

struct ServiceHeader {
  std::uint32_t path = 0;    // service path identifier; or the label
  std::uint8_t index = 0;    // service index; 0 with MPLS
  std::uint16_t length = 0;  // bytes of this header and those inside it, up to the payload
  ServicePayload payload = ServicePayload::kEthernet;
  std::uint16_t payload_type =
      0;  // where in those bytes the payload's type stands that changes with its family; 0: nowhere
};

inline constexpr std::uint8_t kNextEthernet = 3;      // RFC 8300 section 2.2, next protocol
inline constexpr std::uint32_t kMostPath = 0xffffff;  // 24 bits
inline constexpr std::uint32_t kMostLabel = 0xfffff;  // 20 bits
inline constexpr std::uint32_t kLeastLabel = 16;      // RFC 3032 section 2.1: those below are reserved

// Reads what stands at the front of `bytes`, the contiguous first part of the packet behind its link header.
// On an error `found` holds what was read before it.
[[nodiscard]] ServiceError read_service(ServiceType type, Bytes bytes, ServiceHeader& found) noexcept;

// What the function gives back: the same header with the index, or the label, one less. RFC 8300 section 2.3.
void take_index(ServiceType type, std::uint8_t* header) noexcept;
// Another path and index: what a classifier does. Of a label `path` is all.
void set_path(ServiceType type, std::uint8_t* header, std::uint32_t path, std::uint8_t index) noexcept;
// The family of a datagram inside, at `payload_type` of its header.
inline void set_payload_family(std::uint8_t* at, bool ipv4) noexcept { *at = ipv4 ? 1 : 2; }

}  // namespace millrace::net
