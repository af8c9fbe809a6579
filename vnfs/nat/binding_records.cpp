// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_records.h"

#include <cstring>
#include <span>

namespace millrace::nat {
namespace {

// A number that is in wire order in memory, as bytes and back.
template <class Value, std::size_t size>
void put(std::array<std::uint8_t, size>& to, Value value) noexcept {
  static_assert(sizeof value == size);
  std::memcpy(to.data(), &value, size);
}
template <class Value, std::size_t size>
[[nodiscard]] Value get(const std::array<std::uint8_t, size>& from) noexcept {
  static_assert(sizeof(Value) == size);
  Value value{};
  std::memcpy(&value, from.data(), size);
  return value;
}

WireEnd wire_of(Endpoint end) noexcept {
  WireEnd wire{};
  put(wire.address, end.address);
  put(wire.port, end.port);
  return wire;
}

Endpoint end_of(const WireEnd& wire) noexcept {
  return {get<std::uint32_t>(wire.address), get<std::uint16_t>(wire.port)};
}

WireOutside wire_of(const OutsideEnd& outside) noexcept {
  return {wire_of(outside.end), outside.protocol, 0, be32(outside.domain)};
}

OutsideEnd outside_of(const WireOutside& wire) noexcept {
  return {end_of(wire.end), wire.protocol, wire.domain.host()};
}

const char* fault_of(const WireOutside& wire) noexcept {
  if (get<std::uint32_t>(wire.end.address) == 0) return "it has no outside address";
  if (wire.protocol == 0) return "it has no protocol";
  return nullptr;
}

}  // namespace

WireMapping wire_of(const PortableMapping& mapping) noexcept {
  WireMapping wire{};
  wire.outside = wire_of(mapping.outside);
  wire.family = static_cast<std::uint8_t>(mapping.inside.family());
  wire.filtering = static_cast<std::uint8_t>(mapping.filtering);
  wire.flags = static_cast<std::uint8_t>((mapping.is_static ? WireMapping::kStatic : 0) |
                                         (mapping.rests ? WireMapping::kRests : 0));
  wire.inside = mapping.inside.bytes();
  put(wire.inside_port, mapping.inside_port);
  wire.domain = be32(mapping.domain);
  wire.remote = wire_of(mapping.remote);
  wire.rested_ms = be32(mapping.rested);
  return wire;
}

PortableMapping binding_of(const WireMapping& wire) noexcept {
  PortableMapping mapping;
  mapping.outside = outside_of(wire.outside);
  mapping.inside = control::address_of(wire.family, wire.inside);
  mapping.inside_port = get<std::uint16_t>(wire.inside_port);
  mapping.domain = wire.domain.host();
  mapping.filtering = static_cast<Dependence>(wire.filtering);
  mapping.remote = end_of(wire.remote);
  mapping.is_static = (wire.flags & WireMapping::kStatic) != 0;
  mapping.rests = (wire.flags & WireMapping::kRests) != 0;
  mapping.rested = wire.rested_ms.host();
  return mapping;
}

WireSession wire_of(const PortableSession& session) noexcept {
  WireSession wire{};
  wire.of = wire_of(session.of);
  put(wire.remote, session.remote);
  wire.tcp = session.tcp;
  wire.flags = static_cast<std::uint8_t>((session.inward_first ? WireSession::kInwardFirst : 0) |
                                         (session.replied ? WireSession::kReplied : 0));
  for (std::size_t way = 0; way < 2; ++way) {
    put(wire.source_port[way], session.source_port[way]);
    put(wire.destination_port[way], session.destination_port[way]);
    wire.bytes[way] = be64(session.bytes[way]);
  }
  wire.idle_ms = be32(session.idle);
  return wire;
}

PortableSession binding_of(const WireSession& wire) noexcept {
  PortableSession session;
  session.of = outside_of(wire.of);
  session.remote = get<std::uint32_t>(wire.remote);
  session.tcp = wire.tcp;
  session.inward_first = (wire.flags & WireSession::kInwardFirst) != 0;
  session.replied = (wire.flags & WireSession::kReplied) != 0;
  for (std::size_t way = 0; way < 2; ++way) {
    session.source_port[way] = get<std::uint16_t>(wire.source_port[way]);
    session.destination_port[way] = get<std::uint16_t>(wire.destination_port[way]);
    session.bytes[way] = wire.bytes[way].host();
  }
  session.idle = wire.idle_ms.host();
  return session;
}

WireLease wire_of(const PortableLease& lease) noexcept {
  WireLease wire{};
  wire.of = wire_of(lease.of);
  wire.kind = static_cast<std::uint8_t>(lease.kind);
  wire.flags = lease.pinhole ? WireLease::kPinhole : 0;
  wire.remote_count = static_cast<std::uint8_t>(lease.remotes.size());
  wire.remote = wire_of(lease.remote);
  wire.nonce = lease.nonce;
  wire.left_ms = be32(lease.left);
  for (std::size_t i = 0; i < lease.remotes.size(); ++i) {
    put(wire.remotes[i].address, lease.remotes[i].address);
    put(wire.remotes[i].mask, lease.remotes[i].mask);
    put(wire.remotes[i].port, lease.remotes[i].port);
  }
  return wire;
}

PortableLease binding_of(const WireLease& wire) {
  PortableLease lease;
  lease.of = outside_of(wire.of);
  lease.kind = static_cast<Lease::Kind>(wire.kind);
  lease.pinhole = (wire.flags & WireLease::kPinhole) != 0;
  lease.remote = end_of(wire.remote);
  lease.nonce = wire.nonce;
  lease.left = wire.left_ms.host();
  for (const WireRemote& remote : std::span(wire.remotes).first(wire.remote_count)) {
    lease.remotes.push_back({get<std::uint32_t>(remote.address), get<std::uint32_t>(remote.mask),
                             get<std::uint16_t>(remote.port)});
  }
  return lease;
}

WireAlg wire_of(const PortableAlg& alg) noexcept {
  WireAlg wire{};
  wire.of = wire_of(alg.of);
  wire.remote = wire_of(alg.remote);
  wire.kind = static_cast<std::uint8_t>(alg.kind);
  wire.flags = alg.mid_line ? WireAlg::kMidLine : 0;
  wire.offered = be32(alg.offered);
  for (std::size_t way = 0; way < 2; ++way) {
    const SequenceShift::Settled& shift = alg.shift[way];
    if (shift.begun) wire.flags |= static_cast<std::uint8_t>(WireAlg::kBegun << way);
    wire.shift[way] = {be32(shift.first), be32(shift.reach), be32(shift.sum)};
  }
  return wire;
}

PortableAlg binding_of(const WireAlg& wire) noexcept {
  PortableAlg alg;
  alg.of = outside_of(wire.of);
  alg.remote = end_of(wire.remote);
  alg.kind = static_cast<AlgKind>(wire.kind);
  alg.mid_line = (wire.flags & WireAlg::kMidLine) != 0;
  alg.offered = wire.offered.host();
  for (std::size_t way = 0; way < 2; ++way) {
    const WireShift& shift = wire.shift[way];
    alg.shift[way] = {.first = shift.first.host(),
                      .reach = shift.reach.host(),
                      .sum = shift.sum.host(),
                      .begun = (wire.flags & WireAlg::kBegun << way) != 0};
  }
  return alg;
}

const char* fault_of(const WireMapping& wire) noexcept {
  if (const char* fault = fault_of(wire.outside)) return fault;
  if (!control::is_family(wire.family)) return "its address family is neither 4 nor 6";
  if (!control::is_padded(wire.family, wire.inside)) return "an IPv4 address is longer than 4 bytes";
  if (wire.filtering > static_cast<std::uint8_t>(Dependence::kAddressAndPort))
    return "its filtering is unknown";
  if ((wire.flags & ~(WireMapping::kStatic | WireMapping::kRests)) != 0) return "it has unknown flags";
  return nullptr;
}

const char* fault_of(const WireSession& wire) noexcept {
  using namespace tcp_seen;
  if (const char* fault = fault_of(wire.of)) return fault;
  if ((wire.tcp & ~(kSyns | kFins | kReset)) != 0) return "its TCP state is unknown";
  if (wire.tcp != 0 && wire.of.protocol != net::protocol::kTcp)
    return "its TCP state does not fit its protocol";
  if ((wire.flags & ~(WireSession::kInwardFirst | WireSession::kReplied)) != 0) return "it has unknown flags";
  return nullptr;
}

const char* fault_of(const WireLease& wire) noexcept {
  if (const char* fault = fault_of(wire.of)) return fault;
  const auto kind = static_cast<Lease::Kind>(wire.kind);
  if (kind != Lease::Kind::kMapping && kind != Lease::Kind::kSession) return "its kind is unknown";
  if ((wire.flags & ~WireLease::kPinhole) != 0) return "it has unknown flags";
  if (wire.remote_count > Lease::kMostRemotes) return "it lets in more than it can";
  return nullptr;
}

const char* fault_of(const WireAlg& wire) noexcept {
  if (const char* fault = fault_of(wire.of)) return fault;
  if (wire.kind == 0 || wire.kind >= kAlgKinds) return "its kind is unknown";
  if ((wire.flags & ~(WireAlg::kMidLine | WireAlg::kBegun * 3)) != 0) return "it has unknown flags";
  return nullptr;
}

}  // namespace millrace::nat
