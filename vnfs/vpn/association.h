// SPDX-License-Identifier: BSD-3-Clause
// Security associations in force. What their packets change is one worker's own (the one that owns the
// bucket) and outlives a move to other addresses; the rest is immutable.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

#include "common/base/clock.h"
#include "common/base/counter.h"
#include "common/core/owner.h"
#include "common/net/tunnel_header.h"
#include "vnfs/vpn/association_spec.h"
#include "vnfs/vpn/esp.h"
#include "vnfs/vpn/lifetime.h"
#include "vnfs/vpn/selector_match.h"

namespace millrace::vpn {

// Of each direction.
inline constexpr std::uint32_t kMostAssociations = 65'536;

// Place of an association among those of its direction: it keeps it all its life, and its successor is
// another.
using Slot = std::uint32_t;

// Written by the worker, read by the control thread.
struct Use {
  Counter packets;
  Counter bytes;      // of the IP datagrams inside
  Counter last_tick;  // of the last packet's; 0: none has passed
};

struct OutboundState {
  OutboundState(const AssociationSpec& spec, std::unique_ptr<const crypto::Key> of_library);

  OutboundSa esp;
  Lifetime lifetime;
  Use use;
  std::unique_ptr<const crypto::Key> key;
};

// What can be wrong with packets that claim to be of an association.
struct InboundFaults {
  Counter replayed;
  Counter forged;  // of which the tag was wrong
  Counter malformed;
  Counter refused;  // its selectors do not mean what was inside
};

struct InboundState {
  InboundState(const AssociationSpec& spec, std::unique_ptr<const crypto::Key> of_library);

  InboundSa esp;
  Lifetime lifetime;
  Use use;
  InboundFaults faults;
  std::unique_ptr<const crypto::Key> key;
  bool told_other_ends = false;  // that a genuine packet came from elsewhere
};

// Counts a packet of one of both, and says which limit that has come to. Data path.
template <class State>
[[nodiscard, gnu::always_inline]] inline Lifetime::Passed count(State& state, unsigned bytes,
                                                                Tick now) noexcept {
  state.use.packets.add(1);
  state.use.bytes.add(bytes);
  state.use.last_tick.set(now | 1U);
  const std::uint64_t packets = state.use.packets.read();
  const std::uint64_t sum = state.use.bytes.read();
  if (!state.lifetime.is_due(packets, sum)) [[likely]]
    return Lifetime::Passed::kNothing;
  return state.lifetime.pass(packets, sum);
}

struct Outbound {
  net::TunnelHeader header;  // with its source
  OutboundState* state = nullptr;
  Slot slot = 0;
  std::uint32_t tunnel = 0;
  std::uint32_t interface = 0;    // as AssociationSpec::interface
  std::uint16_t bucket = 0;       // whose owner seals
  std::uint8_t esp_overhead = 0;  // bytes before the payload and behind its padding, tag included
  Mode mode = Mode::kTunnel;

  AssociationKey key;
  net::IpAddress local;
  std::optional<UdpPorts> udp;
  std::shared_ptr<OutboundState> keeps_state;
};

// Associations of a shared tunnel with the same are of one peer, and so share its packets. Peers behind one
// NAT have different ports.
[[nodiscard]] inline auto sharer_group(const Outbound& association) {
  const UdpPorts udp = association.udp.value_or(UdpPorts{0, 0});
  return std::tuple(association.tunnel, association.interface, association.key.remote, association.local,
                    udp.local, udp.remote);
}

struct Inbound {
  InboundState* state = nullptr;
  std::uint32_t spi = 0;
  Slot slot = 0;
  std::uint32_t tunnel = 0;
  std::uint32_t interface = 0;  // as AssociationSpec::interface
  Mode mode = Mode::kTunnel;
  std::vector<SelectorMatch> selectors;     // none: everything
  std::vector<net::Prefix> local_networks;  // of the selectors

  net::IpAddress local;
  net::IpAddress remote;
  std::optional<UdpPorts> udp;
  std::shared_ptr<InboundState> keeps_state;
};

// The owner of an inbound association follows from its number.
[[nodiscard]] constexpr unsigned bucket_of(std::uint32_t spi) noexcept { return spi % core::kOwnerBuckets; }

// The key was made of `spec`'s; both ends are of one family. Control thread.
[[nodiscard]] std::shared_ptr<const Outbound> make_outbound(const AssociationSpec& spec, Slot slot,
                                                            std::uint16_t bucket,
                                                            std::shared_ptr<OutboundState> state);
[[nodiscard]] std::shared_ptr<const Inbound> make_inbound(const AssociationSpec& spec, Slot slot,
                                                          std::shared_ptr<InboundState> state);
// The same association with other ends.
[[nodiscard]] std::shared_ptr<const Outbound> moved(const Outbound& before, const AssociationMove& to);
[[nodiscard]] std::shared_ptr<const Inbound> moved(const Inbound& before, const AssociationMove& to);

}  // namespace millrace::vpn
