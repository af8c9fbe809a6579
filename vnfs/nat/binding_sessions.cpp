// SPDX-License-Identifier: BSD-3-Clause
// Sessions of a BindingTable: how they begin, are found by their remote end, and end.
#include "common/net/checksum.h"
#include "vnfs/nat/binding_table.h"

namespace millrace::nat {
namespace {

constexpr std::uint16_t kFirstUnprivileged = 1024;

// What has to be added to a sum in which `after` takes the place of `before` (RFC 1624).
std::uint16_t delta_of(net::ChecksumSum before, net::ChecksumSum after) noexcept {
  return net::fold(after + static_cast<std::uint16_t>(~net::fold(before)));
}

}  // namespace

std::uint64_t BindingTable::remote_hash(Endpoint outside, std::uint8_t protocol, std::uint16_t domain,
                                        std::uint32_t remote_address) const noexcept {
  return flow::hash_words(outside.bits() | std::uint64_t{protocol} << 48,
                          remote_address | std::uint64_t{domain} << 32 | std::uint64_t{1} << 63, seed_);
}

bool BindingTable::has_remote(const Mapping& mapping, std::uint32_t remote_address) const noexcept {
  const std::uint64_t hash = remote_hash(mapping.outside(), mapping.protocol, mapping.domain, remote_address);
  return session_index_.find(hash, [&](std::uint32_t at) {
    if ((at & kRemote) == 0) return false;
    const Session& session = sessions_[at >> kEntryBits];
    return session.outside() == mapping.outside() && session.protocol() == mapping.protocol &&
           session.tuple[1].domain() == mapping.domain && session.remote().address == remote_address;
  }) != flow::BucketIndex::kNone;
}

// The record with its entries in the index; its mapping and subscriber count it.
SessionIndex BindingTable::insert_session(const Session& wanted, Tick deadline, Tick now) noexcept {
  if (sessions_.full()) return kNoIndex;
  Mapping& mapping = mappings_[wanted.mapping];
  const std::array<std::uint64_t, 3> hashes{
      wanted.tuple[0].hash(seed_), wanted.tuple[1].hash(seed_),
      remote_hash(mapping.outside(), mapping.protocol, mapping.domain, wanted.remote().address)};
  const SessionIndex index = sessions_.take();
  const unsigned entries = wanted.has(Session::kRemoteListed) ? 3 : 2;
  for (unsigned i = 0; i < entries; ++i) {
    if (session_index_.insert(hashes[i], entry(index, static_cast<Entry>(i)))) continue;
    while (i-- != 0) session_index_.erase(hashes[i], entry(index, static_cast<Entry>(i)));
    sessions_.give_back(index);
    return kNoIndex;
  }
  sessions_[index] = wanted;
  if (mapping.has(Mapping::kQuarantined)) wake(wanted.mapping);
  ++mapping.sessions;
  ++subscribers_[mapping.subscriber].sessions;
  wheel_.schedule(index, now, deadline);
  open_sessions_.set(sessions_.size());
  return index;
}

SessionIndex BindingTable::open_session(const NewSession& wanted, const Timeouts& timeouts,
                                        Tick now) noexcept {
  const auto addresses = [](const Tuple& tuple) {
    return net::ChecksumSum{tuple.source().address} + tuple.destination().address;
  };
  const auto ports = [](const Tuple& tuple) {
    return net::ChecksumSum{tuple.source().port} + tuple.destination().port;
  };
  Session session{};
  session.tuple = {wanted.outward, wanted.inward};
  session.mapping = wanted.mapping;
  session.last_seen = now;
  session.generation = wanted.generation;
  if (wanted.first == Direction::kReverse) session.flags |= Session::kInwardFirst;
  if (wanted.list_remote) session.flags |= Session::kRemoteListed;
  if (wanted.outward.from_ipv6()) session.flags |= Session::kMixed;
  session.ip_delta = delta_of(addresses(wanted.outward), addresses(wanted.inward));
  if (session.protocol() == net::protocol::kIcmp) {  // no pseudo-header, and one identifier (RFC 792)
    session.transport_delta = delta_of(wanted.outward.source().port, wanted.inward.destination().port);
  } else {
    const net::ChecksumSum inside = wanted.inside_addresses.value_or(addresses(wanted.outward));
    session.transport_delta =
        delta_of(inside + ports(wanted.outward), addresses(wanted.inward) + ports(wanted.inward));
  }
  const SessionIndex index = insert_session(session, now + timeout_of(session, timeouts), now);
  if (index == kNoIndex) return kNoIndex;
  sessions_opened_.add(1);
  if (observer_ != nullptr) observer_->session_opened(index, sessions_[index]);
  return index;
}

SessionIndex BindingTable::adopt_session(const Session& from, MappingIndex mapping, const Timeouts& timeouts,
                                         Tick now) noexcept {
  Session session = from;
  session.mapping = mapping;
  if (session.tuple[0].from_ipv6()) {  // named by its subscriber's number
    const Tuple& outward = from.tuple[0];
    session.tuple[0] =
        Tuple::of({mappings_[mapping].subscriber, outward.source().port}, outward.destination(),
                  outward.protocol(), outward.domain(), Tuple::kSubscriber);
  }
  return insert_session(session, from.last_seen + timeout_of(from, timeouts), now);
}

void BindingTable::close_session(SessionIndex index, SessionEnd why, Tick quarantine, Tick now) noexcept {
  const Session session = sessions_[index];
  if (observer_ != nullptr) observer_->session_ended(index, session, why, now);
  Mapping& mapping = mappings_[session.mapping];
  session_index_.erase(session.tuple[0].hash(seed_), entry(index, kOutward));
  session_index_.erase(session.tuple[1].hash(seed_), entry(index, kInward));
  if (session.has(Session::kRemoteListed)) {
    session_index_.erase(
        remote_hash(mapping.outside(), mapping.protocol, mapping.domain, session.remote().address),
        entry(index, kRemote));
  }
  if (session.has(Session::kKept)) drop_lease(Lease::Kind::kSession, index);
  if (session.has(Session::kAlg)) drop_alg(index, why, now);
  wheel_.cancel(index);
  sessions_.give_back(index);
  open_sessions_.set(sessions_.size());
  --subscribers_[mapping.subscriber].sessions;
  if (--mapping.sessions == 0 && !mapping.has(Mapping::kKept))
    retire_mapping(session.mapping, quarantine, now);
}

void BindingTable::reschedule(SessionIndex index, const Timeouts& timeouts, Tick now) noexcept {
  wheel_.schedule(index, now, now + timeout_of(sessions_[index], timeouts));
}

Tick BindingTable::timeout_of(const Session& session, const Timeouts& timeouts) noexcept {
  switch (session.protocol()) {
    case net::protocol::kTcp: {
      const bool open = (session.tcp & tcp_seen::kSyns) == tcp_seen::kSyns;
      const bool closed = (session.tcp & tcp_seen::kFins) == tcp_seen::kFins;
      const bool reset = (session.tcp & tcp_seen::kReset) != 0;
      if (closed || reset) return timeouts.tcp_transitory;
      return open ? timeouts.tcp_established : timeouts.tcp_opening;
    }
    case net::protocol::kUdp:
      return session.remote().wire_port().host() < kFirstUnprivileged ? timeouts.udp_well_known
                                                                      : timeouts.udp;
    case net::protocol::kIcmp:
      return timeouts.icmp;
    default:
      return timeouts.other;
  }
}

}  // namespace millrace::nat
