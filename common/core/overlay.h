// SPDX-License-Identifier: BSD-3-Clause
// Overlays: interfaces whose frames travel inside other packets. Which interface a packet that arrives
// belongs to, and what is put in front of one that leaves.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <immintrin.h>

#include "common/base/lookup_table.h"
#include "common/core/ids.h"
#include "common/net/overlay_outer.h"

namespace millrace::core {

// What the profile says of an interface that is an overlay's.
struct Overlay {
  net::OverlayEnd end;                // all but the far end
  InterfaceId under;                  // the interface with the address `end.local`
  std::vector<net::IpAddress> peers;  // far ends; what is for everyone goes to each
  bool learns = false;                // takes packets from others as well
  bool zero_checksum = false;         // over IPv6: UDP without a checksum, both ways
  std::optional<std::uint8_t> dscp;   // of the outer header; else that of the packet inside
};

// The way to one far end.
struct alignas(64) OverlayWay {
  net::OverlayOuter outer;
  PortId port;
  bool known = false;              // it is; else port and link header are not
  bool ethernet = true;            // frames are inside; else datagrams
  bool checksum = false;           // UDP has one
  std::uint8_t kept_class = 0xff;  // bits of the inner traffic class that are told outside
  std::uint8_t own_class = 0;      // and what is added
};
static_assert(sizeof(OverlayWay) == 128);

// By far end, network and our own address: which interface. Filled by the control side, read by workers.
class OverlayTable {
 public:
  struct Key {
    net::IpAddress local;
    net::IpAddress remote;  // of an interface that learns: all zero, of the same family
    net::OverlayType type = net::OverlayType::kVxlan;
    DomainId domain{0};  // of the outer packet
    std::uint32_t id = 0;

    bool operator==(const Key&) const noexcept = default;
    [[nodiscard]] std::uint64_t hash() const noexcept;
  };

  // Nearly all overlay traffic: frames over UDP over IPv4, from a far end that is listed, untagged by one
  // port, with nothing out of the ordinary in their headers. All fields as on the wire.
  struct OrdinaryKey {
    std::uint64_t addresses = 0;  // source and destination
    std::uint32_t vni = 0;        // and a byte that is zero

    bool operator==(const OrdinaryKey&) const noexcept = default;
    [[nodiscard]] std::uint64_t hash() const noexcept { return _mm_crc32_u64(vni, addresses); }
  };
  struct Ordinary {
    be16 udp_port;
    PortId port;
    net::MacAddress mac;  // of the interface below
    InterfaceId interface;
    std::uint32_t shim_mask = 0;   // of the first word behind UDP these bits
    std::uint32_t shim_value = 0;  // are these
  };

  [[nodiscard]] bool empty() const noexcept { return ends_.empty(); }
  // The kind of overlay a datagram with these headers would be; nothing when none here is like that.
  [[nodiscard]] std::optional<net::OverlayType> type_of(const net::Headers& headers) const noexcept {
    if (headers.protocol == net::protocol::kGre)
      return gre_ ? std::optional(net::OverlayType::kGre) : std::nullopt;
    if (headers.protocol != net::protocol::kUdp || !headers.has_ports) return std::nullopt;
    for (const auto& [port, type] : udp_ports_) {
      if (port == headers.destination_port) return type;
    }
    return std::nullopt;
  }
  // Whether an overlay of this kind ends at the address.
  [[nodiscard]] bool ends_at(net::OverlayType type, DomainId domain,
                             const net::IpAddress& local) const noexcept;
  [[nodiscard]] InterfaceId find(const Key& key) const noexcept {
    const InterfaceId* found = interfaces_.find(key);
    return found == nullptr ? InterfaceId::none() : *found;
  }
  [[nodiscard]] const Ordinary* find(const OrdinaryKey& key) const noexcept { return ordinary_.find(key); }

  void add(const Key& key, std::uint16_t udp_port, InterfaceId interface);
  // Two that differ in the network below alone have one key: the second is found by the other way.
  void add(const OrdinaryKey& key, const Ordinary& ordinary) {
    static_cast<void>(ordinary_.add(key, ordinary));
  }

 private:
  struct End {
    net::OverlayType type;
    DomainId domain;
    net::IpAddress local;

    bool operator==(const End&) const noexcept = default;
  };

  LookupTable<Key, InterfaceId> interfaces_;
  LookupTable<OrdinaryKey, Ordinary> ordinary_;
  std::vector<End> ends_;
  std::vector<std::pair<be16, net::OverlayType>> udp_ports_;
  bool gre_ = false;
};

}  // namespace millrace::core
