// SPDX-License-Identifier: BSD-3-Clause
// PPTP through the translation: RFC 2637, messages and tunnels written by its figures.
#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Pptp : public NatTest {};
MILLRACE_NAT_VARIANTS(Pptp);

constexpr std::string_view kDialer = "10.0.0.10";
constexpr std::string_view kConcentrator = "93.184.216.34";
constexpr std::uint16_t kOwnCall = 0x0102;
constexpr std::uint16_t kItsCall = 0xbeef;

NatSpec pptp_spec() {
  NatSpec spec;
  spec.algs.add(nat::AlgKind::kPptp);
  return spec;
}

void put_u16(Frame& to, std::size_t at, unsigned value) {
  to.at(at) = static_cast<std::uint8_t>(value >> 8);
  to.at(at + 1) = static_cast<std::uint8_t>(value);
}
unsigned get_u16(const std::vector<std::uint8_t>& from, std::size_t at) {
  return from.at(at) * 256U + from.at(at + 1);
}

// RFC 2637 section 2: length, 1, cookie, type, and what follows as zeros.
Frame control_message(unsigned type, std::size_t length) {
  Frame message(length);
  put_u16(message, 0, static_cast<unsigned>(length));
  put_u16(message, 2, 1);
  put_u16(message, 4, 0x1a2b);
  put_u16(message, 6, 0x3c4d);
  put_u16(message, 8, type);
  return message;
}
Frame outgoing_request(unsigned call) {
  Frame message = control_message(7, 168);
  put_u16(message, 12, call);
  return message;
}
Frame outgoing_reply(unsigned call, unsigned peer, std::uint8_t result = 1) {
  Frame message = control_message(8, 32);
  put_u16(message, 12, call);
  put_u16(message, 14, peer);
  message.at(16) = result;
  return message;
}
Frame one_id(unsigned type, std::size_t length, unsigned call) {
  Frame message = control_message(type, length);
  put_u16(message, 12, call);
  return message;
}

// RFC 2637 section 4.1: a key and a sequence number, GRE version 1, PPP.
Frame tunnel_packet(unsigned call) {
  Frame packet{0x30, 0x01, 0x88, 0x0b, 0, 4, 0, 0, 0, 0, 0, 1, 0xff, 0x03, 0xc0, 0x21};
  put_u16(packet, 6, call);
  return packet;
}
PacketBuilder with_tunnel(PacketBuilder from, unsigned call) {
  return from.protocol(47).payload(tunnel_packet(call));
}
// The tunnel's header as it left.
unsigned call_of(const Seen& seen) { return get_u16(seen.frame, 14 + 20 + 6); }

// A control connection from the dialer's port 40000, or another host's.
struct ControlConnection {
  NatBed& bed;
  std::string_view host = kDialer;
  std::string outside{};
  std::uint16_t port = 0;
  std::uint32_t said = 1001;  // the next sequence numbers
  std::uint32_t heard = 5001;

  [[nodiscard]] PacketBuilder out(std::string_view flags) const {
    return NatBed::inside(host, kConcentrator).tcp(40000, 1723).flags(flags).seq(said).ack(heard);
  }
  [[nodiscard]] PacketBuilder in(std::string_view flags) const {
    return NatBed::outside(kConcentrator, outside).tcp(1723, port).flags(flags).seq(heard).ack(said);
  }
  void open() {
    const auto syn = bed.one(kInside, out("S").seq(said - 1).ack(0));
    ASSERT_TRUE(syn);
    outside = syn->source;
    port = syn->source_port;
    ASSERT_TRUE(bed.one(kOutside, in("SA").seq(heard - 1)));
    ASSERT_TRUE(bed.one(kInside, out("A")));
  }
  // What the other side gets of it.
  std::vector<std::uint8_t> say(const Frame& message) {
    const auto seen = bed.one(kInside, out("PA").payload(message));
    said += static_cast<std::uint32_t>(message.size());
    return seen ? seen->payload : Frame(256);
  }
  std::vector<std::uint8_t> hear(const Frame& message) {
    const auto seen = bed.one(kOutside, in("PA").payload(message));
    heard += static_cast<std::uint32_t>(message.size());
    return seen ? seen->payload : Frame(256);
  }
  void call() {
    EXPECT_EQ(get_u16(say(outgoing_request(kOwnCall)), 12), port);
    const auto reply = hear(outgoing_reply(kItsCall, port));
    EXPECT_EQ(get_u16(reply, 12), kItsCall);
    EXPECT_EQ(get_u16(reply, 14), kOwnCall);
  }
  [[nodiscard]] PacketBuilder tunnel_out() const {
    return with_tunnel(NatBed::inside(host, kConcentrator), kItsCall);
  }
  [[nodiscard]] PacketBuilder tunnel_in() const {
    return with_tunnel(NatBed::outside(kConcentrator, outside), port);
  }
};

TEST_P(Pptp, ATunnelOpensWithItsCall) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  bed.refused(kInside, c.tunnel_out(), nat::Drop::kUnsupportedProtocol);
  bed.refused(kOutside, c.tunnel_in(), nat::Drop::kNoBinding);
  c.call();
  const auto out = bed.one(kInside, c.tunnel_out());
  ASSERT_TRUE(out);
  EXPECT_EQ(out->source, c.outside);
  EXPECT_EQ(out->destination, kConcentrator);
  EXPECT_EQ(call_of(*out), kItsCall);
  const auto in = bed.one(kOutside, c.tunnel_in());
  ASSERT_TRUE(in);
  EXPECT_EQ(in->source, kConcentrator);
  EXPECT_EQ(in->destination, kDialer);
  EXPECT_EQ(call_of(*in), kOwnCall);
  // Nobody else, and no other call.
  bed.refused(kOutside, with_tunnel(NatBed::outside("8.8.8.8", c.outside), c.port), nat::Drop::kNoBinding);
  bed.refused(kOutside, with_tunnel(NatBed::outside(kConcentrator, c.outside), c.port + 1U),
              nat::Drop::kNoBinding);
  bed.refused(kInside, with_tunnel(NatBed::inside(kDialer, "8.8.8.8"), kItsCall),
              nat::Drop::kUnsupportedProtocol);
}

TEST_P(Pptp, HostsThatNameTheirCallsAlikeAreToldApart) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection one{bed, "10.0.0.10"};
  ControlConnection two{bed, "10.0.0.11"};
  one.open();
  two.open();
  one.call();
  two.call();
  const auto first = bed.one(kOutside, one.tunnel_in());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->destination, "10.0.0.10");
  const auto second = bed.one(kOutside, two.tunnel_in());
  ASSERT_TRUE(second);
  EXPECT_EQ(second->destination, "10.0.0.11");
  EXPECT_EQ(call_of(*second), kOwnCall);
}

// RFC 2637 section 2.12, 2.14 and 2.15: whose id each of them has.
TEST_P(Pptp, MessagesAboutACallNameItAsTheirReceiverDoes) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  c.call();
  EXPECT_EQ(get_u16(c.say(one_id(15, 24, kItsCall)), 12), kItsCall);  // Set-Link-Info
  EXPECT_EQ(get_u16(c.hear(one_id(14, 40, c.port)), 12), kOwnCall);   // WAN-Error-Notify
  EXPECT_EQ(get_u16(c.hear(one_id(14, 40, 7)), 12), 7U);
  EXPECT_EQ(get_u16(c.say(one_id(12, 16, kOwnCall)), 12), c.port);  // Call-Clear-Request
  // Several in one segment, and again the same.
  Frame both = one_id(12, 16, kOwnCall);
  const Frame info = one_id(15, 24, kItsCall);
  both.insert(both.end(), info.begin(), info.end());
  for (unsigned i = 0; i < 2; ++i) {
    const auto seen = bed.one(kInside, c.out("PA").payload(both));
    ASSERT_TRUE(seen);
    EXPECT_EQ(get_u16(seen->payload, 12), c.port);
    EXPECT_EQ(get_u16(seen->payload, 16 + 12), kItsCall);
  }
}

TEST_P(Pptp, ATunnelEndsWithItsCall) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  c.call();
  ASSERT_TRUE(bed.one(kOutside, c.tunnel_in()));
  c.hear(one_id(13, 148, kItsCall));  // Call-Disconnect-Notify
  bed.refused(kOutside, c.tunnel_in(), nat::Drop::kNoBinding);
  EXPECT_EQ(bed.sessions(), 1U);
  // And there may be another.
  c.call();
  EXPECT_TRUE(bed.one(kOutside, c.tunnel_in()));
}

TEST_P(Pptp, ATunnelEndsWithItsControlConnection) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  c.call();
  ASSERT_TRUE(bed.one(kInside, c.out("FA")));
  ASSERT_TRUE(bed.one(kOutside, c.in("FA")));
  EXPECT_EQ(bed.sessions(), 2U);
  bed.wait(250'000);
  EXPECT_EQ(bed.sessions(), 0U);
  bed.refused(kOutside, c.tunnel_in(), nat::Drop::kNoBinding);
}

TEST_P(Pptp, ACallThatIsRefusedOpensNothing) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  EXPECT_EQ(get_u16(c.say(outgoing_request(kOwnCall)), 12), c.port);
  EXPECT_EQ(get_u16(c.hear(outgoing_reply(kItsCall, c.port, 4)), 14), kOwnCall);  // busy
  EXPECT_EQ(bed.sessions(), 1U);
  EXPECT_EQ(get_u16(c.hear(outgoing_reply(kItsCall, 99)), 14), 99U);  // another's
  EXPECT_EQ(bed.sessions(), 1U);
  // It may ask again, by another id.
  EXPECT_EQ(get_u16(c.say(outgoing_request(7)), 12), c.port);
  EXPECT_EQ(get_u16(c.hear(outgoing_reply(kItsCall, c.port)), 14), 7U);
  EXPECT_EQ(bed.sessions(), 2U);
}

TEST_P(Pptp, ASecondCallOnTheSameConnectionPassesAsItIs) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  c.call();
  EXPECT_EQ(get_u16(c.say(outgoing_request(7)), 12), 7U);
  EXPECT_EQ(bed.sessions(), 2U);
  EXPECT_TRUE(bed.one(kOutside, c.tunnel_in()));
}

TEST_P(Pptp, WhatIsNoMessagePasses) {
  NatBed bed(variant(), pptp_spec());
  ControlConnection c{bed};
  c.open();
  Frame cookie = outgoing_request(kOwnCall);
  cookie.at(4) = 0;
  EXPECT_EQ(c.say(cookie), cookie);
  Frame length = outgoing_request(kOwnCall);
  put_u16(length, 0, 11);
  EXPECT_EQ(c.say(length), length);
  const Frame cut = control_message(7, 13);  // too short for its id
  EXPECT_EQ(c.say(cut), cut);
  const Frame text{'G', 'E', 'T', ' ', '/', '\r', '\n', 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(c.say(text), text);
  EXPECT_EQ(bed.mappings(), 1U);
  // Half of one waits for the rest.
  const Frame whole = outgoing_request(kOwnCall);
  bed.refused(kInside, c.out("PA").payload(Frame(whole.begin(), whole.begin() + 100)),
              nat::Drop::kAlgPartial);
  EXPECT_EQ(get_u16(c.say(whole), 12), c.port);
}

TEST_P(Pptp, OffMeansThatMessagesAndTunnelsPassOrNotAsBefore) {
  NatBed bed(variant());
  ControlConnection c{bed};
  c.open();
  EXPECT_EQ(get_u16(c.say(outgoing_request(kOwnCall)), 12), kOwnCall);
  c.hear(outgoing_reply(kItsCall, kOwnCall));
  bed.refused(kInside, c.tunnel_out(), nat::Drop::kUnsupportedProtocol);
}

// The server 10.0.0.90 has port 1723 of 203.0.113.9 and calls by its own ids.
TEST_P(Pptp, AServerBehindAForwardedPortHasItsCallsAsItNamesThem) {
  NatSpec spec = pptp_spec();
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.9"};
  auto mapping = static_mapping("10.0.0.90", "203.0.113.9");
  mapping.whole = false;
  mapping.protocol = 6;
  mapping.inside_port = mapping.outside_port = 1723;
  mapping.ports = 1;
  spec.statics = {mapping};
  NatBed bed(variant(), spec);
  const auto in = [](std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::outside("8.8.8.8", "203.0.113.9").tcp(50000, 1723).flags(flags).seq(seq).ack(ack);
  };
  const auto out = [](std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside("10.0.0.90", "8.8.8.8").tcp(1723, 50000).flags(flags).seq(seq).ack(ack);
  };
  ASSERT_TRUE(bed.one(kOutside, in("S", 1000, 0)));
  ASSERT_TRUE(bed.one(kInside, out("SA", 5000, 1001)));
  ASSERT_TRUE(bed.one(kOutside, in("A", 1001, 5001)));
  const auto asked = bed.one(kOutside, in("PA", 1001, 5001).payload(outgoing_request(kOwnCall)));
  ASSERT_TRUE(asked);
  EXPECT_EQ(get_u16(asked->payload, 12), kOwnCall);
  const auto answered = bed.one(kInside, out("PA", 5001, 1169).payload(outgoing_reply(kItsCall, kOwnCall)));
  ASSERT_TRUE(answered);
  EXPECT_EQ(get_u16(answered->payload, 12), kItsCall);
  const auto tunnel = bed.one(kOutside, with_tunnel(NatBed::outside("8.8.8.8", "203.0.113.9"), kItsCall));
  ASSERT_TRUE(tunnel);
  EXPECT_EQ(tunnel->destination, "10.0.0.90");
  EXPECT_EQ(call_of(*tunnel), kItsCall);
  const auto back = bed.one(kInside, with_tunnel(NatBed::inside("10.0.0.90", "8.8.8.8"), kOwnCall));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->source, "203.0.113.9");
  EXPECT_EQ(call_of(*back), kOwnCall);
}

}  // namespace
}  // namespace millrace::testing
