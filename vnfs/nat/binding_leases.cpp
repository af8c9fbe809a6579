// SPDX-License-Identifier: BSD-3-Clause
// Bindings that were asked for: they have the port that was wished for if it can be, and stay until their
// lease is over.
#include <algorithm>

#include "vnfs/nat/binding_table.h"

namespace millrace::nat {

// A port of that address: the one that was suggested if it can be, or an even one.
Shortage BindingTable::take_port_at(OutsideAddress& address, const NewMapping& wanted, const Pool& pool,
                                    OutsidePort& out, Tick now) noexcept {
  const PortWish wish = wish_of(wanted, pool);
  out = {&address, wanted.suggested.wire_port().host()};
  if (out.port != 0 && ports_.take_exactly(wish, out, now) == Shortage::kNone) return Shortage::kNone;
  const Shortage shortage = ports_.take_at(wish, address, out, now);
  if (shortage != Shortage::kNone || !wanted.even_port || out.port % 2 == 0) return shortage;
  const OutsidePort even{&address, static_cast<std::uint16_t>(out.port - 1)};
  if (ports_.take_exactly(wish, even, now) == Shortage::kNone) {
    ports_.give_back(wish.subscriber, wish.space, out, now);
    out = even;
  }
  return Shortage::kNone;
}

// The port that was suggested if it can be, else another; of a fixed address any port.
Shortage BindingTable::take_port(const NewMapping& wanted, const Pool& pool, OutsidePort& out,
                                 Tick now) noexcept {
  const PortWish wish = wish_of(wanted, pool);
  if (wanted.suggested.address == 0 && wanted.suggested.port == 0) return ports_.take(wish, out, now);
  const auto named =
      std::ranges::lower_bound(pool.addresses, wanted.suggested.ipv4(), {}, &OutsideAddress::address);
  const bool known = named != pool.addresses.end() && (*named)->address() == wanted.suggested.ipv4();
  if (wanted.fixed_address) return known ? take_port_at(**named, wanted, pool, out, now) : Shortage::kPool;
  if (wanted.suggested.port != 0) {
    for (OutsideAddress* address :
         {known ? *named : nullptr,
          wanted.only_suggested ? nullptr : ports_.first_choice(wish.subscriber, pool)}) {
      if (address == nullptr) continue;
      out = {address, wanted.suggested.wire_port().host()};
      if (ports_.take_exactly(wish, out, now) == Shortage::kNone) return Shortage::kNone;
    }
  }
  if (wanted.only_suggested) return Shortage::kPool;
  return ports_.take(wish, out, now);
}

OutsideAddress* BindingTable::outside_address(const net::IpAddress& address, std::uint16_t domain,
                                              const Pool& pool) const noexcept {
  const SubscriberIndex known = find_subscriber(address, domain);
  if (known != kNoIndex) return ports_.first_choice(subscribers_[known], pool);
  Subscriber unknown{};
  unknown.address = address;
  unknown.domain = domain;
  unknown.paired = kNoAddress;
  return ports_.first_choice(unknown, pool);
}

MappingIndex BindingTable::find_outward(SubscriberIndex subscriber, std::uint16_t inside_port,
                                        std::uint8_t protocol, Endpoint remote) const noexcept {
  const MappingIndex own = find_mapping(subscriber, inside_port, protocol, remote);
  if (own != kNoIndex || remote == Endpoint{} || subscribers_[subscriber].leases == 0) return own;
  const MappingIndex kept = find_mapping(subscriber, inside_port, protocol, Endpoint{});
  return kept != kNoIndex && mappings_[kept].has(Mapping::kKept) ? kept : kNoIndex;
}

LeaseIndex BindingTable::lease(Lease::Kind kind, std::uint32_t binding, const Lease::Nonce& nonce,
                               Tick lifetime, Tick now) noexcept {
  LeaseIndex index = leases_.find(kind, binding);
  if (index == kNoIndex) {
    const bool mapping = kind == Lease::Kind::kMapping;
    const SubscriberIndex number = mappings_[mapping ? binding : sessions_[binding].mapping].subscriber;
    index = leases_.open(kind, binding, number, subscribers_[number]);
    if (index == kNoIndex) return kNoIndex;
    leases_[index].nonce = nonce;
    if (mapping) {
      if (mappings_[binding].has(Mapping::kQuarantined)) wake(binding);
      mappings_[binding].flags |= Mapping::kKept;
    } else {
      sessions_[binding].flags |= Session::kKept;
    }
  }
  leases_.renew(index, lifetime, now);
  return index;
}

void BindingTable::adopt_lease(const Lease& from, std::uint32_t binding, Tick now) noexcept {
  const Tick left = tick_after(from.expires, now) ? from.expires - now : 0;
  const LeaseIndex index = lease(from.kind, binding, from.nonce, left, now);
  if (index == kNoIndex) return;
  leases_[index].remote_count = from.remote_count;
  leases_[index].remotes = from.remotes;
  leases_[index].pinhole = from.pinhole;
}

void BindingTable::drop_lease(Lease::Kind kind, std::uint32_t binding) noexcept {
  const LeaseIndex index = leases_.find(kind, binding);
  if (index != kNoIndex) leases_.close(index, subscribers_[leases_[index].subscriber]);
}

void BindingTable::end_lease(LeaseIndex index, Tick quarantine, Tick now) noexcept {
  const std::uint32_t binding = leases_[index].binding;
  const bool of_mapping = leases_[index].kind == Lease::Kind::kMapping;
  leases_.close(index, subscribers_[leases_[index].subscriber]);
  if (!of_mapping) {  // the wheel comes to the session within its idle time
    Session& session = sessions_[binding];
    session.flags = static_cast<std::uint8_t>(session.flags & ~Session::kKept);
    return;
  }
  Mapping& mapping = mappings_[binding];
  mapping.flags = static_cast<std::uint8_t>(mapping.flags & ~Mapping::kKept);
  if (mapping.sessions == 0) retire_mapping(binding, quarantine, now);
}

void BindingTable::attach_alg(SessionIndex session, AlgKind kind) noexcept {
  AlgRecord record{};
  record.kind = kind;
  if (algs_.open(session, record) == kNoIndex) return algs_.counts(kind).unwatched.add(1);
  sessions_[session].flags |= Session::kAlg;
}

void BindingTable::adopt_alg(const AlgRecord& from, SessionIndex session) noexcept {
  if (algs_.open(session, from) == kNoIndex) return algs_.counts(from.kind).unwatched.add(1);
  sessions_[session].flags |= Session::kAlg;
}

// Of the session, which is still there. A tunnel's has none of its own.
void BindingTable::drop_alg(SessionIndex index, SessionEnd why, Tick now) noexcept {
  const AlgIndex at = algs_.find(index);
  if (at == kNoIndex) return;
  const PptpCall call = algs_[at].pptp;
  algs_.close(at);
  if (call.known && call.peer_known && !call.over) close_tunnel(sessions_[index], call, why, now);
}

void BindingTable::close_tunnel(const Session& control, const PptpCall& call, SessionEnd why,
                                Tick now) noexcept {
  const Found tunnel = find(call.tunnel(control));
  if (tunnel.session == kNoIndex || tunnel.direction != Direction::kForward) return;
  if (sessions_[tunnel.session].has(Session::kAlg)) close_session(tunnel.session, why, 0, now);
}

MappingIndex BindingTable::mapping_of(const Lease& lease) const noexcept {
  return lease.kind == Lease::Kind::kMapping ? lease.binding : sessions_[lease.binding].mapping;
}

}  // namespace millrace::nat
