// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/tcp_segments.h"

#include <array>

#include "common/net/checksum.h"

namespace millrace::core {
namespace {

using net::Ipv4Header;
using net::Ipv6Header;
using net::TcpHeader;

constexpr std::uint8_t kSizeOption = 2;
constexpr unsigned kSizeOptionLength = 4;

unsigned header_length(const TcpFields& fields) noexcept {
  return static_cast<unsigned>(sizeof(TcpHeader)) + (fields.segment_size != 0 ? kSizeOptionLength : 0);
}

// Everything but the ports and the checksum.
void write(TcpHeader& tcp, const TcpFields& fields) noexcept {
  tcp.sequence = be32(fields.sequence);
  tcp.acknowledgment = be32(fields.acknowledgment);
  tcp.data_offset = static_cast<std::uint8_t>(header_length(fields) / 4 << 4);
  tcp.flags = fields.flags;
  tcp.window = be16(fields.window);
  tcp.urgent = be16{};
  if (fields.segment_size == 0) return;
  const std::array<std::uint8_t, kSizeOptionLength> option{
      kSizeOption, kSizeOptionLength, static_cast<std::uint8_t>(fields.segment_size >> 8),
      static_cast<std::uint8_t>(fields.segment_size)};
  std::memcpy(reinterpret_cast<std::uint8_t*>(&tcp) + sizeof tcp, option.data(), option.size());
}

template <class IpHeader>
void set_checksum(TcpHeader& tcp, const IpHeader& ip, unsigned length) noexcept {
  tcp.checksum = be16{};
  const Bytes segment(reinterpret_cast<const std::uint8_t*>(&tcp), length);
  tcp.checksum = net::finish(
      net::sum_bytes(segment, net::pseudo_header(ip.source, ip.destination, net::protocol::kTcp, length)));
}

// `about` says where it belongs.
bool send(const TcpEnds& ends, const Packet& about, const Network& network, Originator& originator,
          const TcpFields& fields) noexcept {
  const bool ipv4 = ends.source.is_v4();
  const unsigned segment = header_length(fields);
  const auto length = static_cast<unsigned>((ipv4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + segment);
  Packet* made = originator.make(ipv4 ? net::Family::kIpv4 : net::Family::kIpv6, length, about, network);
  if (made == nullptr) return false;

  made->headers.protocol = net::protocol::kTcp;
  auto& tcp = made->l4_as<TcpHeader>();
  tcp.source_port = ends.source_port;
  tcp.destination_port = ends.destination_port;
  write(tcp, fields);
  constexpr std::uint8_t kTtl = 64;
  if (ipv4) {
    auto& ip = made->l3_as<Ipv4Header>();
    ip = Ipv4Header{};
    ip.version_length = 0x45;
    ip.total_length = be16(static_cast<std::uint16_t>(length));
    ip.fragment = be16(Ipv4Header::kDontFragment);
    ip.ttl = kTtl;
    ip.protocol = net::protocol::kTcp;
    ip.source = ends.source.v4();
    ip.destination = ends.destination.v4();
    net::set_ipv4_checksum(ip);
    set_checksum(tcp, ip, segment);
  } else {
    auto& ip = made->l3_as<Ipv6Header>();
    ip = Ipv6Header{};
    ip.version_class_flow = be32(0x60000000);
    ip.payload_length = be16(static_cast<std::uint16_t>(segment));
    ip.next_header = net::protocol::kTcp;
    ip.hop_limit = kTtl;
    ip.source = ends.source.v6();
    ip.destination = ends.destination.v6();
    set_checksum(tcp, ip, segment);
  }
  return true;
}

}  // namespace

bool answer_tcp(const Packet& to, const Network& network, Originator& originator,
                const TcpFields& fields) noexcept {
  return send({.source = to.destination(),
               .destination = to.source(),
               .source_port = to.headers.destination_port,
               .destination_port = to.headers.source_port,
               .domain = to.domain},
              to, network, originator, fields);
}

bool send_tcp(const TcpEnds& ends, const Network& network, Originator& originator,
              const TcpFields& fields) noexcept {
  Packet about;
  about.domain = ends.domain;
  return send(ends, about, network, originator, fields);
}

bool rewrite_tcp(Packet& packet, const TcpFields& fields) noexcept {
  net::Headers& headers = packet.headers;
  rte_mbuf* mbuf = packet.mbuf;
  const unsigned segment = header_length(fields);
  const unsigned end = headers.l4_offset + segment;
  if (end > unsigned{mbuf->data_len} + rte_pktmbuf_tailroom(mbuf)) return false;
  if (mbuf->next != nullptr) {
    rte_pktmbuf_free(mbuf->next);
    mbuf->next = nullptr;
    mbuf->nb_segs = 1;
  }
  mbuf->data_len = static_cast<std::uint16_t>(end);
  mbuf->pkt_len = end;
  headers.payload_offset = headers.end_offset = static_cast<std::uint16_t>(end);
  headers.tcp_flags = fields.flags;

  auto& tcp = packet.l4_as<TcpHeader>();
  write(tcp, fields);
  if (headers.is_ipv4()) {
    auto& ip = packet.l3_as<Ipv4Header>();
    ip.total_length = be16(static_cast<std::uint16_t>(packet.ip_length()));
    net::set_ipv4_checksum(ip);
    set_checksum(tcp, ip, segment);
  } else {
    auto& ip = packet.l3_as<Ipv6Header>();
    ip.payload_length = be16(static_cast<std::uint16_t>(packet.ip_length() - sizeof(Ipv6Header)));
    set_checksum(tcp, ip, segment);
  }
  return true;
}

void set_number(TcpHeader& tcp, be32& number, std::uint32_t value) noexcept {
  const be32 before = number;
  number = be32(value);
  tcp.checksum = net::update(tcp.checksum, before, number);
}

std::uint16_t segment_size_option(Bytes options) noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNop = 1;
  while (!options.empty() && options[0] != kEnd) {
    std::size_t length = 1;
    if (options[0] != kNop) {
      if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) return 0;
      length = options[1];
      if (options[0] == kSizeOption && length == kSizeOptionLength) {
        return static_cast<std::uint16_t>(options[2] << 8 | options[3]);
      }
    }
    options = options.subspan(length);
  }
  return 0;
}

}  // namespace millrace::core
