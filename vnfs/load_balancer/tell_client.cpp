// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/tell_client.h"

#include <algorithm>

#include "common/core/replace_header.h"
#include "common/net/transport.h"
#include "vnfs/load_balancer/client_header.h"
#include "vnfs/load_balancer/segment_editor.h"

namespace millrace::load_balancer {
namespace {

using core::Batch;
using core::Packet;
namespace flag = net::tcp_flag;

constexpr Tick kFirstWait = 200;  // what TCP waits at least for an acknowledgment; doubled each time
constexpr unsigned kMostDoublings = 8;

// RFC 7323 appendix A: where everybody has the timestamps, behind two bytes of padding.
constexpr std::array<std::uint8_t, 4> kTimestamps{1, 1, 8, 10};
constexpr std::size_t kTimestampsLength = 12;

std::uint16_t header_length(const Connection& connection) noexcept {
  return ProxyHeader::length_of(!connection.key.is_ipv6());
}
ProxyHeader header_of(const Connection& connection) noexcept {
  return {connection.client(), connection.service_address(), connection.client_port(),
          connection.service_port()};
}

// What a segment that is made later must show. The numbers are the client's.
void remember(const Packet& packet, ClientTold& told) noexcept {
  const auto& tcp = packet.l4_as<net::TcpHeader>();
  told.acknowledgment = tcp.acknowledgment.host();
  told.window = tcp.window.host();
  told.has_timestamps = false;
  const std::uint8_t* options = packet.bytes() + packet.headers.l4_offset + sizeof tcp;
  if (tcp.header_length() < sizeof tcp + kTimestampsLength ||
      std::memcmp(options, kTimestamps.data(), kTimestamps.size()) != 0)
    return;
  told.has_timestamps = true;
  std::memcpy(told.timestamps.data(), options + kTimestamps.size(), told.timestamps.size());
}

}  // namespace

// Data on a SYN (RFC 7413) would have the header's place: the client sends it again.
void TellClient::begin(Packet& packet, Connection& connection) noexcept {
  const SegmentEditor segment(packet);
  connection.told.first = segment.tcp().sequence.host() + 1;
  if (!connection.has(Connection::kHeaderWaits)) return;
  const bool whole = packet.mbuf->nb_segs == 1 && packet.mbuf->data_len >= packet.headers.end_offset;
  if (packet.headers.payload_length() != 0 && whole) segment.cut_payload();
  segment.set_sequence(connection.told.first - 1 - header_length(connection));
}

void TellClient::sent(ConnectionIndex index, const Policy& policy, Tick now) noexcept {
  Connection& connection = state.connections[index];
  connection.told.due = now + (kFirstWait << connection.told.tries);
  if (connection.told.tries < kMostDoublings) ++connection.told.tries;
  state.connections.reschedule(index, policy.services[connection.service].timeouts, now);
}

void TellClient::put_header(Batch& batch, Packet& packet, unsigned room, const Policy& policy) noexcept {
  Connection& connection = state.connections[packet.session];
  const SegmentEditor segment(packet);
  const bool first = connection.told.tries == 0;
  const std::uint32_t sequence = segment.tcp().sequence.host();
  const std::uint16_t length = header_length(connection);
  if ((packet.headers.tcp_flags & flag::kRst) != 0) {
    if (first) segment.set_sequence(sequence - length);
    return;
  }
  remember(packet, connection.told);
  if (sequence != connection.told.first) return;
  const bool carries = packet.headers.payload_length() != 0 || (packet.headers.tcp_flags & flag::kFin) != 0;
  const bool repeated = carries && connection.told.has_begun;
  connection.told.has_begun = connection.told.has_begun || carries;
  if (!first && !repeated && tick_after(connection.told.due, batch.now)) return;
  if (length <= room && segment.insert(packet.headers.payload_offset, header_of(connection).bytes())) {
    segment.set_sequence(sequence - length);
    const std::uint8_t flags = segment.tcp().flags;
    if ((flags & flag::kPsh) == 0) segment.add_to_flags(flag::kPsh);
  } else {
    send_alone(connection, policy.backends[connection.backend], *batch.network);
  }
  sent(packet.session, policy, batch.now);
}

void TellClient::put_option(const Batch& batch, Packet& packet, unsigned room) noexcept {
  constexpr unsigned kMostHeader = 60;
  const Connection& connection = state.connections[packet.session];
  if ((packet.headers.tcp_flags & flag::kRst) != 0) return;
  const SegmentEditor segment(packet);
  const ToaOption option(connection.client(), connection.client_port());
  const auto size = static_cast<unsigned>(option.bytes().size());
  const auto at = static_cast<std::uint16_t>(packet.headers.l4_offset + sizeof(net::TcpHeader));
  const bool fits = size <= room && segment.tcp().header_length() + size <= kMostHeader &&
                    !core::is_aggregate(batch, packet);
  if (!fits || !segment.insert(at, option.bytes())) {
    state.tallies.service(connection.service).toa_left_out.add(1);
    return;
  }
  constexpr unsigned kWordOfOffset = 0x1000;
  segment.add_to_flags(static_cast<std::uint16_t>(size / 4 * kWordOfOffset));
}

void TellClient::from_client(Batch& batch, Packet& packet, const core::NextHop& hop, int growth,
                             const Policy& policy) noexcept {
  Connection& connection = state.connections[packet.session];
  if (packet.headers.is_fragment) return;
  if ((packet.headers.tcp_flags & flag::kSyn) != 0) return begin(packet, connection);
  const int left = static_cast<int>(hop.mtu) - static_cast<int>(packet.ip_length()) - growth;
  const bool aggregate = core::is_aggregate(batch, packet);
  const unsigned room = aggregate ? ProxyHeader::length_of(false) : static_cast<unsigned>(std::max(left, 0));
  if (connection.has(Connection::kHeaderWaits)) {
    put_header(batch, packet, room, policy);
  } else {
    put_option(batch, packet, room);
  }
}

void TellClient::from_backend(Packet& packet, const Policy& policy, Tick now) noexcept {
  Connection& connection = state.connections[packet.session];
  if (packet.headers.is_fragment || (packet.headers.tcp_flags & flag::kAck) == 0) return;
  const SegmentEditor segment(packet);
  const std::uint32_t number = segment.tcp().acknowledgment.host();
  if (!connection.has(Connection::kHeaderWaits)) {
    if (static_cast<std::int32_t>(number - connection.told.first) > 0)
      connection.flags &= static_cast<std::uint8_t>(~Connection::kToa);
    return;
  }
  const std::uint16_t length = header_length(connection);
  const std::uint32_t beyond = number - (connection.told.first - length);
  if (beyond < length) {
    segment.set_acknowledgment(connection.told.first);
    // Of a SYN it has no scale. The window ends where the backend wants.
    if ((packet.headers.tcp_flags & flag::kSyn) != 0) {
      const std::uint16_t window = segment.tcp().window.host();
      segment.set_window(static_cast<std::uint16_t>(window - std::min(window, length)));
    }
  } else if (static_cast<std::int32_t>(number - connection.told.first) >= 0 && connection.told.tries != 0) {
    connection.flags &= static_cast<std::uint8_t>(~Connection::kHeaderWaits);
    state.connections.reschedule(packet.session, policy.services[connection.service].timeouts, now);
  }
}

// In a segment of its own, as the client would send it.
void TellClient::send_alone(const Connection& connection, const Backend& backend,
                            const core::Network& network) noexcept {
  const ClientTold& told = connection.told;
  const ProxyHeader header = header_of(connection);
  const std::size_t options = told.has_timestamps ? kTimestampsLength : 0;
  const std::size_t segment = sizeof(net::TcpHeader) + options + header.bytes().size();
  const net::IpAddress& source = connection.source->address();
  const std::size_t ip_header = source.is_v4() ? sizeof(net::Ipv4Header) : sizeof(net::Ipv6Header);
  Packet about;
  about.domain = core::DomainId(connection.source->domain());
  Packet* made = state.services.originator.make(source.family(), static_cast<unsigned>(ip_header + segment),
                                                about, network);
  if (made == nullptr) return;
  constexpr std::uint8_t kTtl = 64;
  if (source.is_v4()) {
    auto& ip = made->l3_as<net::Ipv4Header>();
    ip = {};
    ip.version_length = 0x45;
    ip.total_length = be16(static_cast<std::uint16_t>(ip_header + segment));
    ip.fragment = be16(net::Ipv4Header::kDontFragment);
    ip.ttl = kTtl;
    ip.protocol = net::protocol::kTcp;
    ip.source = source.v4();
    ip.destination = backend.address.v4();
    net::set_ipv4_checksum(ip);
  } else {
    auto& ip = made->l3_as<net::Ipv6Header>();
    ip = {};
    ip.version_class_flow = be32(0x60000000);
    ip.payload_length = be16(static_cast<std::uint16_t>(segment));
    ip.next_header = net::protocol::kTcp;
    ip.hop_limit = kTtl;
    ip.source = source.v6();
    ip.destination = backend.address.v6();
  }
  auto& tcp = made->l4_as<net::TcpHeader>();
  tcp = {};
  tcp.source_port = be16(connection.source_port);
  tcp.destination_port = backend.inward(connection.service_port());
  tcp.sequence = be32(told.first - static_cast<std::uint32_t>(header.bytes().size()));
  tcp.acknowledgment = be32(told.acknowledgment);
  tcp.data_offset = static_cast<std::uint8_t>((sizeof tcp + options) / 4 << 4);
  tcp.flags = flag::kAck | flag::kPsh;
  tcp.window = be16(told.window);
  std::uint8_t* at = made->bytes() + made->headers.l4_offset + sizeof tcp;
  if (options != 0) {
    std::memcpy(at, kTimestamps.data(), kTimestamps.size());
    std::memcpy(at + kTimestamps.size(), told.timestamps.data(), told.timestamps.size());
    at += options;
  }
  std::memcpy(at, header.bytes().data(), header.bytes().size());
  made->headers.protocol = net::protocol::kTcp;
  net::set_transport_checksum(MutableBytes(made->bytes(), made->mbuf->data_len), made->headers);
}

void TellClient::send_again(ConnectionIndex index, const Policy& policy, const core::Network& network,
                            Tick now) noexcept {
  Connection& connection = state.connections[index];
  if (!connection.has(Connection::kHeaderWaits) || connection.told.tries == 0) return;
  if (!policy.allows(connection)) return;
  send_alone(connection, policy.backends[connection.backend], network);
  sent(index, policy, now);
}

}  // namespace millrace::load_balancer
