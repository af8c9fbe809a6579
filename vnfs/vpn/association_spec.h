// SPDX-License-Identifier: BSD-3-Clause
// Security associations and policies as they are told to the gateway, by key exchange or by the profile: RFC
// 4301 sections 4.4.1 and 4.4.2. "Local" and "remote" are as the gateway sees them, in either direction.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/acceleration/crypto/secret.h"
#include "common/acceleration/crypto/suite.h"
#include "common/net/address.h"

namespace millrace::vpn {

// Numbers below 256 are not given to associations: RFC 4303 section 2.1.
inline constexpr std::uint32_t kLeastSpi = 256;

// Of policies that nobody makes an association for.
inline constexpr std::uint32_t kNoTunnel = 0;

// Tunnels with numbers from here to the profile's own have several pairs of associations side by side, which
// share its packets; of others the newest pair takes the place of those before it.
inline constexpr std::uint32_t kFirstSharedTunnel = 0x40000000;
// Tunnels of the profile have numbers from here on; key exchange gives lower ones.
inline constexpr std::uint32_t kFirstProfileTunnel = 0x80000000;
inline constexpr unsigned kMostSharers = 64;  // pairs of one tunnel

[[nodiscard]] constexpr bool is_shared(std::uint32_t tunnel) noexcept {
  return tunnel >= kFirstSharedTunnel && tunnel < kFirstProfileTunnel;
}

enum class Mode : std::uint8_t { kTunnel, kTransport };

// The association of a pair of gateways in one direction that has this number. An outbound one's was chosen
// by the peer, so that several peers may have chosen the same.
struct AssociationKey {
  bool outbound = false;
  std::uint32_t spi = 0;
  net::IpAddress remote;  // of an outbound one

  auto operator<=>(const AssociationKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

// What outer datagrams say about being cut: RFC 4301 section 8.1.
enum class DontFragment : std::uint8_t {
  kCopy,   // as the inner ones say
  kSet,    // nobody may; those inside that may be cut are, and those that may not have a sender who is told
  kClear,  // routers may, whatever is inside
};

// ESP in UDP (RFC 3948).
struct UdpPorts {
  std::uint16_t local = 4500;
  std::uint16_t remote = 4500;

  bool operator==(const UdpPorts&) const noexcept = default;
};

struct Ports {
  std::uint16_t first = 0;
  std::uint16_t last = std::numeric_limits<std::uint16_t>::max();

  auto operator<=>(const Ports&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
};

// Of packets inside.
struct Selector {
  net::Prefix local;
  net::Prefix remote;
  std::uint8_t protocol = 0;  // 0: all
  Ports local_ports{};        // of ICMP: type and code as one number, RFC 4301 section 4.4.1.1
  Ports remote_ports{};

  auto operator<=>(const Selector&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
};

// 0: no limit. Key exchange is told at the soft one; the association ends at the hard one.
struct Limit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

struct AssociationSpec {
  AssociationKey key;  // of an inbound one the remote address is told too
  net::IpAddress local;
  Mode mode = Mode::kTunnel;
  crypto::Suite suite;
  // As key exchange derives it: the salt stands behind the cipher's own key (RFC 4106 section 8.1).
  crypto::Secret cipher_key;
  crypto::Secret integrity_key;
  bool extended = false;  // sequence numbers of 64 bits
  unsigned window = 0;    // sequence numbers; inbound
  std::optional<UdpPorts> udp;
  std::uint32_t tunnel = 0;  // whose it is: strongSwan's reqid
  // core::Interface::tunnel of the interface whose packets it carries: strongSwan's if_id. 0: policies say
  // whose.
  std::uint32_t interface = 0;
  std::vector<Selector> selectors;
  Limit seconds{};
  Limit bytes{};  // of the IP datagrams inside
  Limit packets{};
  std::uint64_t iv_base = 0;  // OutboundSa::iv_base: for keys that were used before
};

// An association has other ends from now on: MOBIKE (RFC 4555), or a NAT that changed its mind.
struct AssociationMove {
  net::IpAddress local;
  net::IpAddress remote;
  std::optional<UdpPorts> udp;
};

struct AssociationUse {
  std::uint64_t bytes = 0;
  std::uint64_t packets = 0;
  std::uint64_t idle_seconds = 0;  // since the last packet, or since the association was made
};

enum class Action : std::uint8_t {
  kProtect,  // packets go by the tunnel, and come by no other way
  kBypass,   // packets go as they are
  kDiscard,
};

// By which a policy is known.
struct PolicyKey {
  std::uint32_t priority = 0;  // the lower one goes first
  Selector selector;
  std::uint32_t interface = 0;

  auto operator<=>(const PolicyKey&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
};

// What becomes of packets with these ends, whichever way they go; or, where it has an interface, of those
// that leave by it.
struct PolicySpec {
  Selector selector;
  Action action = Action::kProtect;
  std::uint32_t priority = 0;  // the lower one goes first
  std::uint32_t tunnel = 0;
  // By which packets leave. Nothing: no association is there yet, and the first packet asks for one.
  std::optional<AssociationKey> outbound{};
  std::uint32_t interface = 0;  // as AssociationSpec::interface

  [[nodiscard]] PolicyKey key() const { return {priority, selector, interface}; }
};

}  // namespace millrace::vpn
