// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_ends.h"

#include "vnfs/nat/pinhole.h"

namespace millrace::nat {
namespace {

constexpr std::uint16_t kFirstUnprivileged = 1024;
// A registration lasts so long unless it says otherwise: RFC 3261 section 10.2.1.1.
constexpr Tick kContactLifetime = 3'600'000;
// Longer than a proxy lets a called telephone ring (RFC 3261 section 16.6: more than three minutes); from
// then on media keep their ports themselves.
constexpr Tick kMediaLifetime = 240'000;

sip::End end_of(Endpoint end) noexcept { return {end.ipv4(), end.wire_port().host()}; }

}  // namespace

std::optional<sip::End> SipEnds::other_end(sip::End end) noexcept {
  const Endpoint from = outward() ? context_.inside() : context_.outside();
  const Endpoint to = outward() ? context_.outside() : context_.inside();
  if (end == end_of(from)) return end_of(to);
  if (end.address != from.ipv4()) return std::nullopt;
  const be16 port(end.port);
  if (outward()) return contact(port);
  const auto inside = inside_port(port);
  if (!inside) return std::nullopt;
  return sip::End{to.ipv4(), inside->host()};
}

std::optional<net::Ipv4Address> SipEnds::other_address(net::Ipv4Address address) noexcept {
  const Endpoint from = outward() ? context_.inside() : context_.outside();
  if (address != from.ipv4()) return std::nullopt;
  return (outward() ? context_.outside() : context_.inside()).ipv4();
}

// A port at which the host wants to be called, other than that of the session: over TCP it calls from any.
std::optional<sip::End> SipEnds::contact(be16 port) noexcept {
  std::optional<Endpoint> outside;
  if (port.host() >= kFirstUnprivileged) {
    outside = open_pinhole(context_, {.inside_port = port.wire(),
                                      .protocol = context_.about().protocol(),
                                      .remote = {context_.remote().address, 0},
                                      .lifetime = kContactLifetime});
  }
  if (!outside) {
    refused_ = true;
    return std::nullopt;
  }
  context_.record.sip.contact_port = port.wire();
  return end_of(*outside);
}

// Of a port of the session's outside address that leads to its inside host.
std::optional<be16> SipEnds::inside_port(be16 outside) const noexcept {
  const BindingTable& bindings = context_.bindings;
  const Mapping& own = bindings.mapping(context_.about().mapping);
  const Endpoint end{context_.outside().address, outside.wire()};
  const std::uint8_t protocol = context_.about().protocol();
  const MappingIndex known = bindings.find_mapping(end, protocol, own.domain);
  if (known != kNoIndex) {
    const Mapping& mapping = bindings.mapping(known);
    if (mapping.subscriber != own.subscriber) return std::nullopt;
    return be16::from_wire(mapping.inside_port);
  }
  const auto given = context_.policy.statics.inside_of(end, protocol, own.domain);
  if (!given || given->end.address != context_.inside().address) return std::nullopt;
  return given->end.wire_port();
}

// For media to come to that port of the inside host; the port that leads there.
std::optional<be16> SipEnds::open_port(std::uint16_t inside, std::uint16_t suggested) noexcept {
  if (inside < kFirstUnprivileged) return std::nullopt;
  PinholeRequest request{.inside_port = be16(inside).wire(),
                         .protocol = net::protocol::kUdp,
                         .remote = {context_.remote().address, 0},
                         .lifetime = kMediaLifetime,
                         .even = inside % 2 == 0,
                         .suggested = be16(suggested).wire()};
  const auto outside = open_pinhole(context_, request);
  if (!outside) return std::nullopt;
  for (const std::uint32_t peer : context_.record.sip.peers.values()) {
    request.remote.address = peer;
    if (peer != 0 && !open_pinhole(context_, request)) refused_ = true;
  }
  return outside->wire_port();
}

// RFC 3550 section 11: RTP has an even port, and RTCP the next.
std::optional<sip::MediaPorts> SipEnds::open_media(net::Ipv4Address /*inside*/,
                                                   sip::MediaPorts ports) noexcept {
  const auto rtp = open_port(ports.rtp, 0);
  if (!rtp) {
    refused_ = true;
    return std::nullopt;
  }
  sip::MediaPorts outside{.rtp = rtp->host()};
  if (ports.rtcp == 0) return outside;
  const auto rtcp = open_port(ports.rtcp, static_cast<std::uint16_t>(outside.rtp + 1));
  if (rtcp)
    outside.rtcp = rtcp->host();
  else
    refused_ = true;
  return outside;
}

void SipEnds::peer_media(net::Ipv4Address address, sip::MediaPorts /*ports*/) noexcept {
  SipState& sip = context_.record.sip;
  const std::uint32_t wire = address.value.wire();
  if (!sip.peers.has(wire)) sip.peers.add(wire);
  for (const AlgRecord::Pinhole& one : context_.record.pinholes) {
    const bool media = one.protocol == net::protocol::kUdp && one.inside_port != sip.contact_port;
    if (!media || !tick_after(one.until, context_.now)) continue;
    if (!open_pinhole(context_, {.inside_port = one.inside_port,
                                 .protocol = one.protocol,
                                 .remote = {wire, 0},
                                 .lifetime = kMediaLifetime}))
      refused_ = true;
  }
}

}  // namespace millrace::nat
