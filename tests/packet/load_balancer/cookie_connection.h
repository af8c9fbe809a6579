// SPDX-License-Identifier: BSD-3-Clause
// A TCP connection opened by a SYN cookie in front of a backend, as client and backend see it byte for byte.
#pragma once

#include <functional>

#include "tests/packet/load_balancer/balancer_bed.h"
#include "tests/support/frame_bytes.h"
#include "tests/support/packet_text.h"

namespace millrace::testing {

// One service with one backend, on another port than the service's.
class CookieConnection {
 public:
  static constexpr std::uint16_t kClientPort = 40'000;
  static constexpr std::uint16_t kServicePort = 80;
  static constexpr std::uint16_t kBackendPort = 8080;

  explicit CookieConnection(const BedVariant& variant, bool ipv6 = false,
                            const std::function<void(load_balancer::ServiceSpec&)>& adjust = {},
                            std::uint32_t client_isn = 0xfffffff0, std::uint32_t backend_isn = 0x10)
      : c(client_isn), s(backend_isn), ipv6_(ipv6), bed(variant, {.services = {service(ipv6, adjust)}}) {}

  [[nodiscard]] std::string client() const { return ipv6_ ? "2001:db8:9::7" : std::string(kClient); }
  [[nodiscard]] std::string vip() const { return std::string(ipv6_ ? kService6 : kService); }
  [[nodiscard]] std::string backend() const { return ipv6_ ? "2001:db8:10::11" : "10.0.0.11"; }

  // A segment as its sender sends it.
  [[nodiscard]] PacketBuilder from_client(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return BalancerBed::from_client(client(), vip())
        .tcp(kClientPort, kServicePort)
        .flags(flags)
        .seq(seq)
        .ack(ack)
        .window(5000);
  }
  [[nodiscard]] PacketBuilder from_backend(std::string_view flags, std::uint32_t seq,
                                           std::uint32_t ack) const {
    return BalancerBed::from_backend(backend(), client())
        .tcp(kBackendPort, kClientPort)
        .flags(flags)
        .seq(seq)
        .ack(ack)
        .window(7000);
  }
  // The same as its receiver sees it, having passed.
  [[nodiscard]] PacketBuilder at_backend(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    const auto packet = between(client(), backend(), kClientPort, kBackendPort);
    return PacketBuilder(packet)
        .ethernet(interface_mac(kLan), neighbor_mac(kFirstBackend + 11))
        .flags(flags)
        .seq(seq)
        .ack(ack)
        .window(5000)
        .ttl(63);
  }
  [[nodiscard]] PacketBuilder at_client(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    const auto packet = between(vip(), client(), kServicePort, kClientPort);
    return PacketBuilder(packet)
        .ethernet(interface_mac(kWan), neighbor_mac(kWan))
        .flags(flags)
        .seq(seq)
        .ack(ack)
        .window(7000)
        .ttl(63);
  }
  // What the balancer makes itself.
  [[nodiscard]] static PacketBuilder made(PacketBuilder like) { return like.ttl(64).id(0).df(); }

  // Sends one, which gives exactly these, in any order.
  void client_sends(const PacketBuilder& packet, const std::vector<PacketBuilder>& expected) {
    expect(bed.pass(kClients, {packet}), expected);
  }
  void backend_sends(const PacketBuilder& packet, const std::vector<PacketBuilder>& expected) {
    expect(bed.pass(kBackends, {packet}), expected);
  }
  void client_refused(const PacketBuilder& packet, load_balancer::Drop why) {
    bed.refused(kClients, packet, why);
  }
  void backend_refused(const PacketBuilder& packet, load_balancer::Drop why) {
    bed.refused(kBackends, packet, why);
  }
  static void expect(const std::vector<Seen>& seen, const std::vector<PacketBuilder>& expected) {
    std::vector<Frame> is;
    std::vector<Frame> wanted;
    for (const Seen& one : seen) is.push_back(one.frame);
    for (const PacketBuilder& one : expected) wanted.push_back(one.bytes());
    EXPECT_TRUE(same_packets(wanted, is, false));
  }

  // The client's SYN, and the cookie it gets.
  void get_cookie() {
    const std::uint64_t before = bed.connections();
    const auto answer = bed.one(
        kClients, from_client("S", c, 0).option_mss(1400).option_window_scale(7).option_sack_permitted());
    ASSERT_TRUE(answer);
    k = number_at(answer->frame, tcp_offset() + 4);
    const auto size = static_cast<std::uint16_t>(ipv6_ ? 1440 : 1460);
    expect({*answer}, {made(at_client("SA", k, c + 1).window(0).option_mss(size))});
    EXPECT_EQ(bed.connections(), before);
  }
  [[nodiscard]] PacketBuilder opening() const { return at_backend("S", c, 0).option_mss(1400); }
  void redeem_cookie() { client_sends(from_client("A", c + 1, k + 1), {opening()}); }
  void backend_answers() {
    backend_sends(from_backend("SA", s, c + 1).option_mss(1460),
                  {made(at_backend("A", c + 1, s + 1)), at_client("A", k + 1, c + 1)});
  }
  void open() {
    get_cookie();
    redeem_cookie();
    backend_answers();
  }
  // Both ways, with data.
  void exchange() {
    client_sends(from_client("PA", c + 1, k + 1).payload(100), {at_backend("PA", c + 1, s + 1).payload(100)});
    backend_sends(from_backend("PA", s + 1, c + 101).payload(1000),
                  {at_client("PA", k + 1, c + 101).payload(1000)});
    client_sends(from_client("A", c + 101, k + 1001), {at_backend("A", c + 101, s + 1001)});
  }
  // On the worker that has it.
  [[nodiscard]] std::uint64_t failed() const {
    std::uint64_t sum = 0;
    for (const auto* state : bed.states()) sum += state->tallies.backend(0).failed.read();
    return sum;
  }

  const std::uint32_t c;  // the client's initial sequence number
  const std::uint32_t s;  // the backend's
  std::uint32_t k = 0;    // the cookie

 private:
  static load_balancer::ServiceSpec service(bool ipv6,
                                            const std::function<void(load_balancer::ServiceSpec&)>& adjust) {
    load_balancer::ServiceSpec service = ipv6 ? web_service6() : web_service();
    service.ports = {{net::protocol::kTcp, kServicePort, kServicePort}};
    service.backends = {backend_at(ipv6 ? "2001:db8:10::11" : "10.0.0.11", 1, kBackendPort)};
    service.protection.syn_proxy = true;
    if (adjust) adjust(service);
    return service;
  }
  [[nodiscard]] PacketBuilder between(const std::string& source, const std::string& destination,
                                      std::uint16_t source_port, std::uint16_t destination_port) const {
    PacketBuilder builder;
    if (ipv6_) {
      builder.ipv6(source, destination);
    } else {
      builder.ipv4(source, destination);
    }
    return builder.tcp(source_port, destination_port);
  }
  [[nodiscard]] std::size_t tcp_offset() const { return ipv6_ ? 54 : 34; }

  const bool ipv6_;

 public:
  BalancerBed bed;
};

}  // namespace millrace::testing
