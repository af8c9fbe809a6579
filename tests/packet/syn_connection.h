// SPDX-License-Identifier: BSD-3-Clause
// A TCP connection opened by a SYN cookie, as client and server see it byte for byte.
#pragma once

#include "tests/packet/protect_bed.h"
#include "tests/support/frame_bytes.h"

namespace millrace::testing {

using core::Forwarding;
using firewall::Policy;

// One connection through a firewall whose rate of half-open connections is used up.
class Connection {
 public:
  static constexpr std::uint16_t kClientPort = 40'000;
  static constexpr std::uint16_t kServerPort = 80;

  Connection(const Shape& shape, Forwarding forwarding, std::function<void(Policy&)> adjust = {},
             std::uint32_t client_isn = 0xfffffff0, std::uint32_t server_isn = 0x10)
      : bed(shape, forwarding,
            [adjust](Policy& policy) {
              policy.protection.syn_cookies_above = 1;
              if (adjust) adjust(policy);
            }),
        c(client_isn),
        s(server_isn),
        shape_(shape),
        routed_(forwarding == Forwarding::kRouted) {
    for (std::uint16_t port = 0; port < 64; ++port) {
      bed.send(ProtectBed::kInside, bed.from_client(200).tcp(port, 1).flags("S"));
    }
    bed.run();
    static_cast<void>(bed.sent(ProtectBed::kInside));
    EXPECT_EQ(bed.sent(ProtectBed::kOutside).size(), shape.workers);  // one each, the rest got cookies
    before_ = bed.open_sessions();
  }

  // A segment as its sender sends it.
  [[nodiscard]] PacketBuilder from_client(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_client().tcp(kClientPort, kServerPort).flags(flags).seq(seq).ack(ack).window(5000);
  }
  [[nodiscard]] PacketBuilder from_server(std::string_view flags, std::uint32_t seq,
                                          std::uint32_t ack) const {
    return bed.from_server().tcp(kServerPort, kClientPort).flags(flags).seq(seq).ack(ack).window(7000);
  }
  // The same as its receiver sees it, having passed.
  [[nodiscard]] PacketBuilder at_server(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return passed(from_client(flags, seq, ack), interface_mac(1), neighbor_mac(1));
  }
  [[nodiscard]] PacketBuilder at_client(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return passed(from_server(flags, seq, ack), interface_mac(0), neighbor_mac(0));
  }
  // What the firewall makes itself.
  [[nodiscard]] PacketBuilder made(PacketBuilder like) const { return like.ttl(64).id(0).df(); }

  void client_sends(const PacketBuilder& packet) { send(ProtectBed::kInside, packet); }
  void server_sends(const PacketBuilder& packet) { send(ProtectBed::kOutside, packet); }
  [[nodiscard]] Frame client_gets() { return bed.sent_one(ProtectBed::kInside); }
  [[nodiscard]] Frame server_gets() { return bed.sent_one(ProtectBed::kOutside); }
  void nobody_gets_anything() {
    EXPECT_TRUE(bed.sent(ProtectBed::kInside).empty());
    EXPECT_TRUE(bed.sent(ProtectBed::kOutside).empty());
  }
  [[nodiscard]] std::uint64_t sessions() { return bed.open_sessions() - before_; }

  // The client's SYN, and the cookie it gets.
  void get_cookie() {
    client_sends(from_client("S", c, 0).option_mss(1400).option_window_scale(7).option_sack_permitted());
    const Frame answer = client_gets();
    k = number_at(answer, tcp_offset() + 4);
    const std::uint16_t size = shape_.ipv6 ? 1440 : 1460;
    auto expected = routed_ ? at_client("SA", k, c + 1) : from_server("SA", k, c + 1);
    EXPECT_TRUE(same_packet(made(expected.window(0).option_mss(size)).bytes(), answer));
    EXPECT_TRUE(bed.sent(ProtectBed::kOutside).empty());
    EXPECT_EQ(sessions(), 0U);
  }
  [[nodiscard]] Frame opening() const { return at_server("S", c, 0).option_mss(1400).bytes(); }
  void redeem_cookie() {
    client_sends(from_client("A", c + 1, k + 1));
    EXPECT_TRUE(same_packet(opening(), server_gets()));
    EXPECT_TRUE(bed.sent(ProtectBed::kInside).empty());
    EXPECT_EQ(sessions(), 1U);
  }
  void server_answers() {
    server_sends(from_server("SA", s, c + 1).option_mss(1460));
    EXPECT_TRUE(same_packet(made(acknowledgment_to_server()).bytes(), server_gets()));
    EXPECT_TRUE(same_packet(at_client("A", k + 1, c + 1).bytes(), client_gets()));
  }
  void open() {
    get_cookie();
    redeem_cookie();
    server_answers();
  }
  // Both ways, with data, from these numbers on.
  void exchange() {
    client_sends(from_client("PA", c + 1, k + 1).payload(100));
    EXPECT_TRUE(same_packet(at_server("PA", c + 1, s + 1).payload(100).bytes(), server_gets()));
    server_sends(from_server("PA", s + 1, c + 101).payload(1000));
    EXPECT_TRUE(same_packet(at_client("PA", k + 1, c + 101).payload(1000).bytes(), client_gets()));
    client_sends(from_client("A", c + 101, k + 1001));
    EXPECT_TRUE(same_packet(at_server("A", c + 101, s + 1001).bytes(), server_gets()));
  }

  ProtectBed bed;
  const std::uint32_t c;  // the client's initial sequence number
  const std::uint32_t s;  // the server's
  std::uint32_t k = 0;    // the cookie

 private:
  [[nodiscard]] std::size_t tcp_offset() const { return shape_.ipv6 ? 54 : 34; }
  [[nodiscard]] PacketBuilder passed(PacketBuilder builder, const net::MacAddress& from,
                                     const net::MacAddress& to) const {
    return routed_ ? builder.ethernet(from, to).ttl(63) : builder;
  }
  [[nodiscard]] PacketBuilder acknowledgment_to_server() const {
    return routed_ ? at_server("A", c + 1, s + 1) : from_client("A", c + 1, s + 1);
  }
  void send(unsigned port, const PacketBuilder& packet) {
    bed.send(port, packet);
    bed.run();
  }

  const Shape shape_;
  const bool routed_;
  std::uint64_t before_ = 0;
};

inline void for_each_case(const std::function<void(const Shape&, Forwarding)>& body) {
  for_each_shape([&](const Shape& shape) {
    for (const Forwarding forwarding : {Forwarding::kRouted, Forwarding::kTransparent}) {
      SCOPED_TRACE(forwarding == Forwarding::kRouted ? "routed" : "transparent");
      body(shape, forwarding);
    }
  });
}

}  // namespace millrace::testing
