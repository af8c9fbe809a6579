// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/answer_port_control.h"

#include <algorithm>
#include <cstring>

#include "common/core/receive_marks.h"
#include "vnfs/nat/drops.h"

namespace millrace::nat {
namespace {

using core::Batch;
using core::Packet;

bool to_server(const Packet& packet) noexcept {
  return packet.headers.destination_port == be16(pcp::kServerPort) &&
         packet.headers.protocol == net::protocol::kUdp;
}

// The UDP payload; empty when it is not all there, or not right.
Bytes request_of(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (packet.mbuf->data_len < headers.end_offset || !core::has_single_ends(packet)) return {};
  const unsigned length = packet.l4_as<net::UdpHeader>().length.host();
  const bool whole = length >= sizeof(net::UdpHeader) && headers.l4_offset + length <= headers.end_offset;
  if (!whole || !core::checksum_believed(packet)) return {};
  return {packet.bytes() + headers.payload_offset, length - sizeof(net::UdpHeader)};
}

void write_ip(Packet& made, const Packet& to, std::size_t datagram) noexcept {
  constexpr std::uint8_t kTtl = 64;
  if (to.headers.is_ipv4()) {
    auto& ip = made.l3_as<net::Ipv4Header>();
    ip = net::Ipv4Header{};
    ip.version_length = 0x45;
    ip.total_length = be16(static_cast<std::uint16_t>(sizeof ip + datagram));
    ip.fragment = be16(net::Ipv4Header::kDontFragment);
    ip.ttl = kTtl;
    ip.protocol = net::protocol::kUdp;
    ip.source = to.l3_as<net::Ipv4Header>().destination;
    ip.destination = to.l3_as<net::Ipv4Header>().source;
    net::set_ipv4_checksum(ip);
    return;
  }
  auto& ip = made.l3_as<net::Ipv6Header>();
  ip = net::Ipv6Header{};
  ip.version_class_flow = be32(0x60000000);
  ip.payload_length = be16(static_cast<std::uint16_t>(datagram));
  ip.next_header = net::protocol::kUdp;
  ip.hop_limit = kTtl;
  ip.source = to.l3_as<net::Ipv6Header>().destination;
  ip.destination = to.l3_as<net::Ipv6Header>().source;
}

nat_pmp::Result nat_pmp_result(pcp::Result result) noexcept {
  switch (result) {
    case pcp::Result::kSuccess:
      return nat_pmp::Result::kSuccess;
    case pcp::Result::kNetworkFailure:
      return nat_pmp::Result::kNetworkFailure;
    case pcp::Result::kNoResources:
    case pcp::Result::kUserQuota:
      return nat_pmp::Result::kNoResources;
    default:
      return nat_pmp::Result::kNotAuthorized;
  }
}

}  // namespace

PortMapper AnswerPortControl::mapper(const Batch& batch, const Packet& packet, const Policy& policy,
                                     const net::IpAddress& host) noexcept {
  return {state.bindings,
          policy,
          *batch.network,
          {.address = host, .interface = packet.ingress, .domain = packet.domain},
          batch.now};
}

// From where the request was sent to: RFC 6887 section 8.2, RFC 6886 section 3.1.
void AnswerPortControl::send(Batch& batch, Packet& packet, std::size_t length) noexcept {
  const bool ipv4 = packet.headers.is_ipv4();
  const std::size_t datagram = sizeof(net::UdpHeader) + length;
  const std::size_t ip = ipv4 ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  Packet* made = state.services.originator.make(ipv4 ? net::Family::kIpv4 : net::Family::kIpv6,
                                                static_cast<unsigned>(ip + datagram), packet, *batch.network);
  if (made == nullptr) return batch.drop(packet, core::Drop::kNoMemory);
  made->headers.protocol = net::protocol::kUdp;
  write_ip(*made, packet, datagram);
  auto& udp = made->l4_as<net::UdpHeader>();
  udp = {.source_port = packet.headers.destination_port,
         .destination_port = packet.headers.source_port,
         .length = be16(static_cast<std::uint16_t>(datagram)),
         .checksum = be16{}};
  std::memcpy(&udp + 1, state.response.data(), length);
  core::write_transport_checksum(*made);
  batch.drop(packet, Drop::kPortControl);
}

void AnswerPortControl::answer_pcp(Batch& batch, Packet& packet, Bytes message,
                                   const Policy& policy) noexcept {
  const PortControl& control = *policy.port_control;
  const pcp::Read read =
      pcp::read_request(message, packet.source(),
                        {.third_party = control.third_party, .prefer_failure = control.prefer_failure});
  if (read.verdict == pcp::Verdict::kIgnore) return batch.drop(packet, Drop::kPortControlMalformed);
  const std::uint32_t epoch = state.epoch.seconds();
  if (read.verdict == pcp::Verdict::kRefuse) {
    return send(
        batch, packet,
        pcp::write_error(state.response, message, read.result, pcp::error_lifetime(read.result), epoch));
  }
  const pcp::Request& request = read.request;
  const net::IpAddress host = request.third_party.value_or(packet.source());
  // Another host's bindings may be another worker's.
  const unsigned bucket = bucket_of_inside(host);
  if (core::owner_of(bucket, state.services.workers) != state.services.worker.value())
    return state.services.restart.send(batch, packet, packet.ingress, bucket);

  PortMapper::Outcome outcome;
  PortMapper mapper = this->mapper(batch, packet, policy, host);
  if (request.opcode == pcp::Opcode::kMap) {
    outcome = mapper.map(request);
  } else if (request.opcode == pcp::Opcode::kPeer) {
    outcome = mapper.peer(request);
  }
  if (outcome.result != pcp::Result::kSuccess) {
    const std::uint32_t lifetime =
        outcome.lifetime != 0 ? outcome.lifetime : pcp::error_lifetime(outcome.result);
    return send(batch, packet, pcp::write_error(state.response, message, outcome.result, lifetime, epoch));
  }
  send(batch, packet,
       pcp::write_response(state.response, message,
                           {.lifetime = outcome.lifetime,
                            .epoch = epoch,
                            .external_port = outcome.outside.wire_port().host(),
                            .external_address = outcome.outside.ipv4()}));
}

void AnswerPortControl::answer_nat_pmp(Batch& batch, Packet& packet, Bytes message,
                                       const Policy& policy) noexcept {
  const nat_pmp::Read read = nat_pmp::read_request(message);
  // IPv6 has PCP only.
  if (read.verdict == pcp::Verdict::kIgnore || !packet.headers.is_ipv4())
    return batch.drop(packet, Drop::kPortControlMalformed);
  const std::uint32_t epoch = state.epoch.seconds();
  if (read.verdict == pcp::Verdict::kRefuse)
    return send(batch, packet, nat_pmp::write_unsupported(state.response, message, epoch));
  const nat_pmp::Request& request = read.request;
  PortMapper mapper = this->mapper(batch, packet, policy, packet.source());
  if (request.opcode == nat_pmp::Opcode::kAddress) {
    const PortMapper::Outcome outcome = mapper.address();
    return send(batch, packet,
                nat_pmp::write_address(state.response, nat_pmp_result(outcome.result), epoch,
                                       outcome.outside.ipv4()));
  }
  pcp::Request wanted;
  wanted.opcode = pcp::Opcode::kMap;
  wanted.protocol = request.opcode == nat_pmp::Opcode::kMapUdp ? net::protocol::kUdp : net::protocol::kTcp;
  wanted.internal_port = request.internal_port;
  wanted.suggested_port = request.suggested_port;
  wanted.lifetime = request.lifetime;
  const PortMapper::Outcome outcome = mapper.map(wanted);
  const bool mapped = outcome.result == pcp::Result::kSuccess && request.lifetime != 0;
  // RFC 6886 section 3.4: what is gone has neither port nor lifetime.
  send(batch, packet,
       nat_pmp::write_mapping(state.response, nat_pmp_result(outcome.result), epoch, request,
                              mapped ? outcome.outside.wire_port().host() : std::uint16_t{0},
                              mapped ? outcome.lifetime : 0));
}

void AnswerPortControl::answer(Batch& batch, Packet& packet, const Policy& policy) noexcept {
  const Bytes message = request_of(packet);
  if (message.empty()) return batch.drop(packet, Drop::kPortControlMalformed);
  // RFC 6887 appendix A: without NAT-PMP its requests are those of a version that is not known.
  if (policy.port_control->nat_pmp && nat_pmp::is_nat_pmp(message))
    return answer_nat_pmp(batch, packet, message, policy);
  answer_pcp(batch, packet, message, policy);
}

bool AnswerPortControl::needed(const Batch& batch, const Policy& policy) const noexcept {
  if (!policy.port_control) return false;
  for (std::uint64_t lanes = batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    if (to_server(batch[static_cast<unsigned>(std::countr_zero(lanes))])) return true;
  }
  return false;
}

void AnswerPortControl::process(Batch& batch, const Policy& policy) noexcept {
  const core::Network& network = *batch.network;
  state.epoch.advance(batch.now);
  for (Packet& packet : batch) {
    if (!to_server(packet) || !packet.next_hop.valid()) continue;
    // RFC 6887 section 18.1: from inside only.
    if (network.next_hops[packet.next_hop.value()].kind == core::NextHop::Kind::kHost &&
        policy.role(packet.ingress) == Role::kInside)
      answer(batch, packet, policy);
  }
}

}  // namespace millrace::nat
