// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/load_balancer/tunnel_reader.h"

namespace millrace::testing {
namespace {

using load_balancer::Forwarding;

unsigned word_at(const Frame& bytes, std::size_t at) { return bytes.at(at) * 256U + bytes.at(at + 1); }

Frame from_byte(const Frame& bytes, std::size_t from, std::size_t to) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(from), bytes.begin() + static_cast<std::ptrdiff_t>(to)};
}

}  // namespace

unsigned TunnelWay::overhead() const {
  const unsigned shim = forwarding == Forwarding::kIpip ? 0 : forwarding == Forwarding::kGre ? 4 : 8 + 4;
  return (outer_ipv4 ? 20U : 40U) + shim;
}

std::string TunnelWay::name() const {
  const std::string kind = forwarding == Forwarding::kIpip  ? "ipip"
                           : forwarding == Forwarding::kGre ? "gre"
                                                            : "gue";
  return kind + (inner_ipv4 ? " of ipv4" : " of ipv6") + (outer_ipv4 ? " in ipv4" : " in ipv6");
}

load_balancer::ServiceSpec TunnelWay::service_at(std::string_view backend) const {
  load_balancer::ServiceSpec service = inner_ipv4 ? web_service() : web_service6();
  service.forwarding = forwarding;
  service.backends = {backend_at(backend)};
  return service;
}

PacketBuilder TunnelWay::from_client() const { return BalancerBed::from_client(client(), service()); }

std::vector<TunnelWay> tunnel_ways() {
  std::vector<TunnelWay> ways;
  for (const auto forwarding : {Forwarding::kIpip, Forwarding::kGre, Forwarding::kGue}) {
    for (const bool inner : {true, false}) {
      for (const bool outer : {true, false}) ways.push_back({forwarding, inner, outer});
    }
  }
  return ways;
}

Frame datagram_of(const Seen& seen) {
  std::size_t l3 = 14;
  while (word_at(seen.frame, l3 - 2) == 0x8100) l3 += 4;
  const bool ipv4 = seen.frame.at(l3) >> 4U == 4;
  const std::size_t length = ipv4 ? word_at(seen.frame, l3 + 2) : 40 + word_at(seen.frame, l3 + 4);
  return from_byte(seen.frame, l3, l3 + length);
}

Seen Outer::seen() const {
  Frame frame(12, 0);
  frame.push_back(inside.at(0) >> 4U == 4 ? 0x08 : 0x86);
  frame.push_back(inside.at(0) >> 4U == 4 ? 0x00 : 0xdd);
  frame.insert(frame.end(), inside.begin(), inside.end());
  return read_frame(0, frame);
}

Outer take_out(const Frame& datagram, const TunnelWay& way) {
  Outer outer;
  const bool ipv4 = datagram.at(0) >> 4U == 4;
  EXPECT_EQ(ipv4, way.outer_ipv4);
  std::size_t at = 0;
  std::uint8_t protocol = 0;
  const auto address = [&](std::size_t from) {
    Frame bytes = from_byte(datagram, from, from + (ipv4 ? 4 : 16));
    if (ipv4) {
      return std::to_string(bytes[0]) + "." + std::to_string(bytes[1]) + "." + std::to_string(bytes[2]) +
             "." + std::to_string(bytes[3]);
    }
    net::Ipv6Address ipv6;
    std::copy(bytes.begin(), bytes.end(), ipv6.bytes.begin());
    return ipv6.to_string();
  };
  if (ipv4) {
    EXPECT_EQ(datagram.at(0), 0x45);
    EXPECT_EQ(word_at(datagram, 2), datagram.size());
    EXPECT_EQ(plain_checksum(std::span(datagram).first(20)), 0);
    EXPECT_EQ(word_at(datagram, 6) & 0xbfffU, 0U) << "a fragment";
    outer.traffic_class = datagram.at(1);
    outer.id = static_cast<std::uint16_t>(word_at(datagram, 4));
    outer.df = (datagram.at(6) & 0x40U) != 0;
    outer.ttl = datagram.at(8);
    protocol = datagram.at(9);
    outer.source = address(12);
    outer.destination = address(16);
    at = 20;
  } else {
    EXPECT_EQ(40 + word_at(datagram, 4), datagram.size());
    outer.traffic_class = static_cast<std::uint8_t>(word_at(datagram, 0) >> 4U);
    outer.label = (datagram.at(1) & 0xfU) << 16U | word_at(datagram, 2);
    protocol = datagram.at(6);
    outer.ttl = datagram.at(7);
    outer.source = address(8);
    outer.destination = address(24);
    at = 40;
  }
  const std::uint8_t inner_protocol = way.inner_ipv4 ? 4 : 41;
  if (way.forwarding == Forwarding::kGre) {
    EXPECT_EQ(protocol, 47);
    EXPECT_EQ(word_at(datagram, at), 0U);
    EXPECT_EQ(word_at(datagram, at + 2), way.inner_ipv4 ? 0x0800U : 0x86ddU);
    at += 4;
  } else if (way.forwarding == Forwarding::kGue) {
    EXPECT_EQ(protocol, 17);
    outer.port = static_cast<std::uint16_t>(word_at(datagram, at));
    EXPECT_EQ(word_at(datagram, at + 2), 6080U);
    EXPECT_EQ(word_at(datagram, at + 4), datagram.size() - at);
    EXPECT_EQ(word_at(datagram, at + 6), 0U);
    EXPECT_EQ(from_byte(datagram, at + 8, at + 12), (Frame{0, inner_protocol, 0, 0}));
    at += 12;
  } else {
    EXPECT_EQ(protocol, inner_protocol);
  }
  outer.inside = from_byte(datagram, at, datagram.size());
  const std::size_t length = way.inner_ipv4 ? word_at(outer.inside, 2) : 40 + word_at(outer.inside, 4);
  EXPECT_EQ(outer.inside.size(), length);
  return outer;
}

Frame reassembled(const std::vector<Seen>& fragments) {
  Frame whole;
  std::size_t header = 0;
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const Frame piece = datagram_of(fragments[i]);
    const bool ipv4 = piece.at(0) >> 4U == 4;
    if (!ipv4) {
      EXPECT_EQ(piece.at(6), 44);
    }
    const std::size_t body = ipv4 ? 20 : 48;
    const std::size_t offset = ipv4 ? (word_at(piece, 6) & 0x1fffU) * 8 : word_at(piece, 42) & 0xfff8U;
    const bool more = ipv4 ? (piece.at(6) & 0x20U) != 0 : (piece.at(43) & 1U) != 0;
    EXPECT_EQ(more, i + 1 < fragments.size());
    if (i == 0) {
      header = ipv4 ? 20 : 40;
      whole = from_byte(piece, 0, header);
      if (!ipv4) whole.at(6) = piece.at(40);
    } else {
      const Frame first = datagram_of(fragments[0]);
      EXPECT_EQ(from_byte(piece, ipv4 ? 4 : 44, ipv4 ? 6 : 48),
                from_byte(first, ipv4 ? 4 : 44, ipv4 ? 6 : 48));
    }
    EXPECT_EQ(offset, whole.size() - header);
    whole.insert(whole.end(), piece.begin() + static_cast<std::ptrdiff_t>(body), piece.end());
  }
  const bool ipv4 = whole.at(0) >> 4U == 4;
  const std::size_t length = ipv4 ? whole.size() : whole.size() - 40;
  whole.at(ipv4 ? 2 : 4) = static_cast<std::uint8_t>(length >> 8U);
  whole.at(ipv4 ? 3 : 5) = static_cast<std::uint8_t>(length);
  if (ipv4) {
    whole.at(6) = whole.at(7) = whole.at(10) = whole.at(11) = 0;
    const std::uint16_t sum = plain_checksum(std::span(whole).first(20));
    whole.at(10) = static_cast<std::uint8_t>(sum >> 8U);
    whole.at(11) = static_cast<std::uint8_t>(sum);
  }
  return whole;
}

PacketBuilder from_router(const TunnelWay& way, const Seen& about, std::uint8_t type, std::uint8_t code,
                          std::uint32_t word, std::size_t quoted) {
  Frame datagram = datagram_of(about);
  datagram.resize(std::min(datagram.size(), quoted));
  return BalancerBed::from_backend(way.outer_ipv4 ? "10.0.0.99" : "2001:db8:10::99", way.ours())
      .icmp(type, code, word)
      .payload(datagram);
}

PacketBuilder too_big(const TunnelWay& way, const Seen& about, std::uint32_t mtu, std::size_t quoted) {
  return from_router(way, about, way.outer_ipv4 ? 3 : 2, way.outer_ipv4 ? 4 : 0, mtu, quoted);
}

unsigned mtu_in(const Seen& error) {
  const Frame datagram = datagram_of(error);
  const std::size_t at = datagram.at(0) >> 4U == 4 ? 20 + 6 : 40 + 6;
  return datagram.at(at) * 256U + datagram.at(at + 1);
}

}  // namespace millrace::testing
