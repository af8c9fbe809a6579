// SPDX-License-Identifier: BSD-3-Clause
// Takes packets out of tunnels, as a backend does, without the project's own code.
#pragma once

#include <string>
#include <vector>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {

// One of the twelve: what is inside of what, and how.
struct TunnelWay {
  load_balancer::Forwarding forwarding;
  bool inner_ipv4;
  bool outer_ipv4;

  // Bytes of the headers outside: RFC 791, RFC 8200, RFC 2784, RFC 768 and the draft of GUE.
  [[nodiscard]] unsigned overhead() const;
  [[nodiscard]] std::string name() const;
  [[nodiscard]] std::string_view service() const { return inner_ipv4 ? kService : kService6; }
  [[nodiscard]] std::string_view client() const { return inner_ipv4 ? kClient : "2001:db8:9::7"; }
  [[nodiscard]] std::string_view ours() const { return outer_ipv4 ? "10.0.0.1" : "2001:db8:10::1"; }
  [[nodiscard]] std::string_view backend() const { return outer_ipv4 ? "10.0.0.11" : "2001:db8:10::11"; }
  // Behind the link with an MTU of 1280 bytes.
  [[nodiscard]] std::string_view far_backend() const { return outer_ipv4 ? "10.9.0.11" : "2001:db8:19::11"; }

  // A service of TCP and UDP port 80 with the one backend.
  [[nodiscard]] load_balancer::ServiceSpec service_at(std::string_view backend) const;
  [[nodiscard]] PacketBuilder from_client() const;
};
[[nodiscard]] std::vector<TunnelWay> tunnel_ways();

struct Outer {
  std::string source;
  std::string destination;
  std::uint8_t traffic_class = 0;
  std::uint8_t ttl = 0;
  bool df = false;                  // IPv4
  std::uint16_t id = 0;             // IPv4
  std::uint32_t label = 0;          // IPv6
  std::uint16_t port = 0;           // GUE, source
  Frame inside;                     // the datagram
  [[nodiscard]] Seen seen() const;  // fails the test when a checksum inside is wrong
};

// Fails the test, and has nothing inside, when the datagram is no packet of that tunnel.
[[nodiscard]] Outer take_out(const Frame& datagram, const TunnelWay& way);
// From the IP header of a frame on, without padding.
[[nodiscard]] Frame datagram_of(const Seen& seen);
// Of all its fragments, in order; fails the test when they do not fit together.
[[nodiscard]] Frame reassembled(const std::vector<Seen>& fragments);

// A router between us and the backend says something about what it was given, of which it quotes so much.
[[nodiscard]] PacketBuilder from_router(const TunnelWay& way, const Seen& about, std::uint8_t type,
                                        std::uint8_t code, std::uint32_t word, std::size_t quoted = 1232);
[[nodiscard]] PacketBuilder too_big(const TunnelWay& way, const Seen& about, std::uint32_t mtu,
                                    std::size_t quoted = 1232);
// Of the client's packets, as an ICMP error has it.
[[nodiscard]] unsigned mtu_in(const Seen& error);

}  // namespace millrace::testing
