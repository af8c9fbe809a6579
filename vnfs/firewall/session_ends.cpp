// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_ends.h"

#include "common/core/owner.h"

namespace millrace::firewall {

SessionEnds ends_of(const Session& session) noexcept {
  const flow::FlowKey& key = session.key;
  const auto address = [&](bool of_high) -> net::IpAddress {
    if (key.is_ipv6()) return of_high ? session.addresses.high : session.addresses.low;
    return net::Ipv4Address{be32::from_wire(of_high ? key.high_word() : key.low_word())};
  };
  const bool high = session.has(Session::kInitiatorHigh);
  return {.initiator = address(high),
          .responder = address(!high),
          .initiator_port = (high ? key.high_port() : key.low_port()).host(),
          .responder_port = (high ? key.low_port() : key.high_port()).host()};
}

flow::FlowLookup lookup_of(const Session& session, std::uint64_t seed) noexcept {
  const bool wide = session.key.is_wide();
  flow::FlowLookup lookup;
  lookup.key = session.key;
  if (wide) lookup.addresses = session.addresses;
  lookup.hash = flow::hash_key(session.key, wide ? &session.addresses : nullptr, seed);
  lookup.sender = session.has(Session::kInitiatorHigh) ? flow::Sender::kHigh : flow::Sender::kLow;
  return lookup;
}

void set_flow(Session& session, const SessionEnds& ends, std::uint8_t protocol,
              flow::Segment segment) noexcept {
  flow::FlowLookup lookup;
  const std::uint16_t domain = segment.domain_id();
  const be16 from(ends.initiator_port);
  const be16 to(ends.responder_port);
  if (ends.initiator.is_v4()) {
    flow::make_ipv4_lookup(lookup, ends.initiator.v4(), ends.responder.v4(), from, to, protocol, domain, 0);
  } else {
    flow::make_ipv6_lookup(lookup, ends.initiator.v6(), ends.responder.v6(), from, to, protocol, domain, 0);
  }
  if (segment.on_wire()) flow::enter_wire(lookup, segment, 0);
  session.key = lookup.key;
  if (session.key.is_wide()) session.addresses = lookup.addresses;
  const bool high = lookup.sender == flow::Sender::kHigh;
  session.flags = static_cast<std::uint8_t>((session.flags & ~Session::kInitiatorHigh) |
                                            (high ? Session::kInitiatorHigh : 0));
}

std::uint32_t owner_hash(const Session& session) noexcept {
  const flow::FlowKey& key = session.key;
  std::uint64_t folded = 0;
  if (key.is_ipv6()) {
    for (const net::Ipv6Address* address : {&session.addresses.low, &session.addresses.high}) {
      folded ^= address->high() ^ address->low();  // as host integers: swapped once, below
    }
    folded = byte_swap(folded);
  } else {
    folded = key.low_word() ^ key.high_word();
  }
  folded ^= folded >> 32;
  folded ^= folded >> 16;
  return core::symmetric_hash(
      static_cast<std::uint16_t>(folded ^ key.low_port().wire() ^ key.high_port().wire()));
}

}  // namespace millrace::firewall
