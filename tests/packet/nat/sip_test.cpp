// SPDX-License-Identifier: BSD-3-Clause
// SIP through the translation: RFC 3261, RFC 3264, RFC 2663 section 2.9. A telephone inside, its proxy
// outside, and another telephone's media from a third address.
#include <charconv>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class Sip : public NatTest {};
MILLRACE_NAT_VARIANTS(Sip);

constexpr std::string_view kPhone = "10.0.0.10";
constexpr std::string_view kProxy = "93.184.216.34";
constexpr std::string_view kPeerMedia = "93.184.216.99";
constexpr std::string_view kNobody = "8.8.8.8";
constexpr std::string_view kPhoneEnd = "10.0.0.10:5060";

NatSpec sip_spec() {
  NatSpec spec;
  spec.algs.add(nat::AlgKind::kSip);
  return spec;
}

std::string crlf(std::initializer_list<std::string> lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\r\n";
  return text;
}

std::string with_sdp(std::string head, const std::string& body) {
  return std::move(head) + "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// What the telephone says; `end` and `host` are its own, as it or the outside knows them.
std::string registration(std::string_view end) {
  return crlf({"REGISTER sip:93.184.216.34 SIP/2.0",
               "Via: SIP/2.0/UDP " + std::string(end) + ";branch=z9hG4bK1",
               "From: <sip:alice@example.com>;tag=1", "To: <sip:alice@example.com>", "Call-ID: 1@10.0.0.10",
               "CSeq: 1 REGISTER", "Contact: <sip:alice@" + std::string(end) + ">", "Content-Length: 0", ""});
}
std::string registered(std::string_view end) {
  return crlf({"SIP/2.0 200 OK", "Via: SIP/2.0/UDP " + std::string(end) + ";branch=z9hG4bK1",
               "From: <sip:alice@example.com>;tag=1", "To: <sip:alice@example.com>;tag=2",
               "Call-ID: 1@10.0.0.10", "CSeq: 1 REGISTER",
               "Contact: <sip:alice@" + std::string(end) + ">;expires=3600", "Content-Length: 0", ""});
}
std::string description(std::string_view host, std::initializer_list<std::string> media) {
  return crlf({"v=0", "o=a 1 1 IN IP4 " + std::string(host), "s=-", "c=IN IP4 " + std::string(host),
               "t=0 0"}) +
         crlf(media);
}
std::string invitation(std::string_view end, const std::string& body) {
  return with_sdp(
      crlf({"INVITE sip:bob@93.184.216.34 SIP/2.0",
            "Via: SIP/2.0/UDP " + std::string(end) + ";branch=z9hG4bK2",
            "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>", "Call-ID: 2@10.0.0.10",
            "CSeq: 1 INVITE", "Contact: <sip:alice@" + std::string(end) + ">"}),
      body);
}
std::string accepted(std::string_view end, const std::string& body) {
  return with_sdp(crlf({"SIP/2.0 200 OK", "Via: SIP/2.0/UDP " + std::string(end) + ";branch=z9hG4bK2",
                        "From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>;tag=3",
                        "Call-ID: 2@10.0.0.10", "CSeq: 1 INVITE", "Contact: <sip:bob@93.184.216.34>"}),
                  body);
}

PacketBuilder from_phone(const std::string& text) {
  return NatBed::inside(kPhone, kProxy).udp(5060, 5060).payload(text);
}

std::string said_by(const Seen& seen) { return {seen.payload.begin(), seen.payload.end()}; }

// The number behind the first `mark` of a text.
std::uint16_t number_behind(const std::string& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  unsigned value = 0;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + mark.size(), text.data() + text.size(), value);
  EXPECT_NE(value, 0U) << mark << " in " << text;
  return static_cast<std::uint16_t>(value);
}

// The telephone's signalling over UDP.
struct Telephone {
  NatBed& bed;
  std::string outside{};
  std::uint16_t port = 0;

  [[nodiscard]] std::string end() const { return outside + ":" + std::to_string(port); }
  std::string say(const std::string& text) {
    const auto seen = bed.one(kInside, from_phone(text));
    if (!seen) return {};
    outside = seen->source;
    port = seen->source_port;
    return said_by(*seen);
  }
  [[nodiscard]] std::string hear(const std::string& text) const {
    const auto seen = bed.one(kOutside, NatBed::outside(kProxy, outside).udp(5060, port).payload(text));
    return seen ? said_by(*seen) : std::string();
  }
  // RTP or RTCP from somewhere to an outside port.
  [[nodiscard]] PacketBuilder media(std::string_view source, unsigned to) const {
    return NatBed::outside(source, outside).udp(7000, static_cast<std::uint16_t>(to)).payload(172);
  }
};

const std::string kAudio = "m=audio 30000 RTP/AVP 0";
const std::string kPeerAnswer = description(kPeerMedia, {"m=audio 7000 RTP/AVP 0"});

TEST_P(Sip, ARegistrationAndItsAnswer) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const std::string said = phone.say(registration(kPhoneEnd));
  EXPECT_EQ(phone.outside, "203.0.113.1");
  EXPECT_EQ(said, registration(phone.end()));
  EXPECT_EQ(phone.hear(registered(phone.end())), registered(kPhoneEnd));
}

TEST_P(Sip, ACallHasMediaBothWays) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const std::string said = phone.say(invitation(kPhoneEnd, description(kPhone, {kAudio})));
  const std::uint16_t rtp = number_behind(said, "m=audio ");
  EXPECT_EQ(said, invitation(phone.end(),
                             description("203.0.113.1", {"m=audio " + std::to_string(rtp) + " RTP/AVP 0"})));
  // RFC 3550 section 11, and RFC 3605 is not needed.
  EXPECT_EQ(rtp % 2, 0);
  // The peer's media may come from where its signalling comes from, and not yet from elsewhere.
  const auto early = bed.one(kOutside, phone.media(kProxy, rtp));
  ASSERT_TRUE(early);
  EXPECT_EQ(early->ends(), "93.184.216.34:7000 > 10.0.0.10:30000");
  bed.refused(kOutside, phone.media(kPeerMedia, rtp), nat::Drop::kFiltered);

  EXPECT_EQ(phone.hear(accepted(phone.end(), kPeerAnswer)), accepted(kPhoneEnd, kPeerAnswer));
  const auto in = bed.one(kOutside, phone.media(kPeerMedia, rtp));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->ends(), "93.184.216.99:7000 > 10.0.0.10:30000");
  const auto control = bed.one(kOutside, phone.media(kPeerMedia, rtp + 1U));
  ASSERT_TRUE(control);
  EXPECT_EQ(control->ends(), "93.184.216.99:7000 > 10.0.0.10:30001");
  const auto out = bed.one(kInside, NatBed::inside(kPhone, kPeerMedia).udp(30000, 7000).payload(172));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->ends(), "203.0.113.1:" + std::to_string(rtp) + " > 93.184.216.99:7000");
  // Nobody else.
  bed.refused(kOutside, phone.media(kNobody, rtp), nat::Drop::kFiltered);
  bed.refused(kOutside, phone.media(kNobody, rtp + 1U), nat::Drop::kFiltered);
}

// The first of two telephones to speak may be the one outside.
TEST_P(Sip, MediaOfWhoCallsFromOutsideAreLetInOnceTheyAreAnswered) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  phone.say(registration(kPhoneEnd));
  const auto call = [](std::string_view end) {
    return with_sdp(
        crlf({"INVITE sip:alice@" + std::string(end) + " SIP/2.0",
              "Via: SIP/2.0/UDP 93.184.216.34;branch=z9hG4bK4", "From: <sip:bob@example.com>;tag=5",
              "To: <sip:alice@example.com>", "Call-ID: 3@bob", "CSeq: 1 INVITE"}),
        kPeerAnswer);
  };
  EXPECT_EQ(phone.hear(call(phone.end())), call(kPhoneEnd));
  const std::string said =
      phone.say(with_sdp(crlf({"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 93.184.216.34;branch=z9hG4bK4",
                               "From: <sip:bob@example.com>;tag=5", "To: <sip:alice@example.com>;tag=6",
                               "Call-ID: 3@bob", "CSeq: 1 INVITE", "Contact: <sip:alice@10.0.0.10>"}),
                         description(kPhone, {kAudio})));
  const std::uint16_t rtp = number_behind(said, "m=audio ");
  EXPECT_NE(said.find("Contact: <sip:alice@" + phone.end() + ">\r\n"), std::string::npos) << said;
  const auto in = bed.one(kOutside, phone.media(kPeerMedia, rtp));
  ASSERT_TRUE(in);
  EXPECT_EQ(in->destination, kPhone);
  bed.refused(kOutside, phone.media(kNobody, rtp), nat::Drop::kFiltered);
}

TEST_P(Sip, AServerInsideHasItsStaticAddress) {
  NatSpec spec = sip_spec();
  spec.statics = {static_mapping("10.0.0.20", "203.0.113.5")};
  NatBed bed(variant(), spec);
  const auto in = bed.one(
      kOutside, NatBed::outside(kProxy, "203.0.113.5")
                    .udp(5070, 5060)
                    .payload(crlf({"OPTIONS sip:203.0.113.5 SIP/2.0", "Via: SIP/2.0/UDP 93.184.216.34:5070",
                                   "From: <sip:bob@example.com>", "To: <sip:x@203.0.113.5>", "Call-ID: 4",
                                   "CSeq: 1 OPTIONS", "", ""})));
  ASSERT_TRUE(in);
  EXPECT_EQ(said_by(*in), crlf({"OPTIONS sip:10.0.0.20 SIP/2.0", "Via: SIP/2.0/UDP 93.184.216.34:5070",
                                "From: <sip:bob@example.com>", "To: <sip:x@10.0.0.20>", "Call-ID: 4",
                                "CSeq: 1 OPTIONS", "", ""}));
  const auto answer = [](std::string_view host) {
    return with_sdp(crlf({"SIP/2.0 200 OK", "Via: SIP/2.0/UDP 93.184.216.34:5070",
                          "From: <sip:bob@example.com>", "To: <sip:x@" + std::string(host) + ">;tag=1",
                          "Call-ID: 4", "CSeq: 1 OPTIONS", "Contact: <sip:" + std::string(host) + ":5060>"}),
                    description(host, {kAudio}));
  };
  const auto out =
      bed.one(kInside, NatBed::inside("10.0.0.20", kProxy).udp(5060, 5070).payload(answer("10.0.0.20")));
  ASSERT_TRUE(out);
  EXPECT_EQ(said_by(*out), answer("203.0.113.5"));
}

TEST_P(Sip, WhatIsNotInForcePassesAsItIs) {
  NatBed bed(variant());
  Telephone phone{bed};
  const std::string text = invitation(kPhoneEnd, description(kPhone, {kAudio}));
  EXPECT_EQ(phone.say(text), text);
  EXPECT_EQ(bed.mappings(), 1U);
}

TEST_P(Sip, GarbagePassesAsItIsAndOpensNothing) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  std::string binary = invitation(kPhoneEnd, description(kPhone, {kAudio}));
  binary[40] = '\0';
  for (const std::string& text : {std::string("no SIP at all"), std::string("\r\n\r\n"), binary,
                                  invitation(kPhoneEnd, description(kPhone, {"m=audio 99999 RTP/AVP 0"})),
                                  invitation(kPhoneEnd, "v=1\r\n" + description(kPhone, {kAudio}))}) {
    EXPECT_EQ(phone.say(text), text);
    EXPECT_EQ(bed.mappings(), 1U);
  }
}

// A message can not open the way to another host, or to a port of a service.
TEST_P(Sip, OnlyPortsOfTheTelephonesOwnAreOpened) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const std::string other = description("10.0.0.11", {kAudio});
  EXPECT_NE(phone.say(invitation(kPhoneEnd, other)).find(other), std::string::npos);
  EXPECT_NE(
      phone.say(invitation(kPhoneEnd, description(kPhone, {"m=audio 22 RTP/AVP 0"}))).find("m=audio 22 "),
      std::string::npos);
  EXPECT_EQ(bed.mappings(), 1U);
}

TEST_P(Sip, ASessionOpensNoMorePortsThanItsShare) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const auto offer = [&](unsigned first) {
    const std::string port = std::to_string(first);
    return phone.say(invitation(kPhoneEnd, description(kPhone, {"m=audio " + port + " RTP/AVP 0"})));
  };
  for (unsigned call = 0; call < nat::AlgRecord::kMostPinholes / 2; ++call)
    EXPECT_EQ(offer(30000 + 2 * call).find("m=audio 300"), std::string::npos);
  EXPECT_EQ(bed.mappings(), 1U + nat::AlgRecord::kMostPinholes);
  EXPECT_NE(offer(30100).find("m=audio 30100 "), std::string::npos);
  EXPECT_EQ(bed.mappings(), 1U + nat::AlgRecord::kMostPinholes);
  // The same again is no more.
  EXPECT_EQ(offer(30000).find("m=audio 300"), std::string::npos);
}

TEST_P(Sip, PortsWithoutMediaAreClosedAfterFourMinutes) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const auto call = [&] {
    return number_behind(phone.say(invitation(kPhoneEnd, description(kPhone, {kAudio}))), "m=audio ");
  };
  const std::uint16_t rtp = call();
  bed.wait(239'000);
  EXPECT_EQ(call(), rtp);
  bed.wait(239'000);
  EXPECT_TRUE(bed.one(kOutside, phone.media(kProxy, rtp)));
  bed.wait(310'000);
  bed.refused(kOutside, phone.media(kProxy, rtp), nat::Drop::kNoBinding);
}

TEST_P(Sip, MediaKeepTheirPorts) {
  NatBed bed(variant(), sip_spec());
  Telephone phone{bed};
  const std::uint16_t rtp =
      number_behind(phone.say(invitation(kPhoneEnd, description(kPhone, {kAudio}))), "m=audio ");
  EXPECT_EQ(phone.hear(accepted(phone.end(), kPeerAnswer)), accepted(kPhoneEnd, kPeerAnswer));
  const PacketBuilder out = NatBed::inside(kPhone, kPeerMedia).udp(30000, 7000).payload(172);
  for (unsigned minute = 0; minute < 8; ++minute) {
    const auto sent = bed.one(kInside, out);
    ASSERT_TRUE(sent);
    EXPECT_EQ(sent->source_port, rtp);
    ASSERT_TRUE(bed.one(kOutside, phone.media(kPeerMedia, rtp)));
    bed.wait(60'000);
  }
}

std::uint32_t word_of_tcp(const Seen& seen, std::size_t at) {
  const std::size_t place = 14 + 20 + at;
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | seen.frame.at(place + i);
  return word;
}
std::uint32_t sequence_of(const Seen& seen) { return word_of_tcp(seen, 4); }
std::uint32_t acknowledged_by(const Seen& seen) { return word_of_tcp(seen, 8); }

std::uint32_t length_of(std::string_view text) { return static_cast<std::uint32_t>(text.size()); }

// The same over TCP, from port 40000.
struct Wire {
  static constexpr std::uint32_t kPhoneFirst = 0xfffffff0;  // sequence numbers of the first bytes
  static constexpr std::uint32_t kProxyFirst = 5001;
  NatBed& bed;
  std::string outside{};
  std::uint16_t port = 0;

  [[nodiscard]] static PacketBuilder out(std::string_view flags, std::uint32_t seq, std::uint32_t ack) {
    return NatBed::inside(kPhone, kProxy).tcp(40000, 5060).flags(flags).seq(seq).ack(ack);
  }
  [[nodiscard]] PacketBuilder in(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return NatBed::outside(kProxy, outside).tcp(5060, port).flags(flags).seq(seq).ack(ack);
  }
  void open() {
    const auto syn = bed.one(kInside, out("S", kPhoneFirst - 1, 0));
    ASSERT_TRUE(syn);
    outside = syn->source;
    port = syn->source_port;
    ASSERT_TRUE(bed.one(kOutside, in("SA", kProxyFirst - 1, kPhoneFirst)));
    ASSERT_TRUE(bed.one(kInside, out("A", kPhoneFirst, kProxyFirst)));
  }
  [[nodiscard]] std::string end() const { return outside + ":" + std::to_string(port); }
  [[nodiscard]] std::optional<Seen> say(std::uint32_t offset, std::string_view text) const {
    return bed.one(kInside, out("PA", kPhoneFirst + offset, kProxyFirst).payload(text));
  }
  [[nodiscard]] std::string said(std::uint32_t offset, std::string_view text) const {
    const auto seen = say(offset, text);
    return seen ? said_by(*seen) : std::string();
  }
};

const std::string kSourceEnd = "10.0.0.10:40000";

TEST_P(Sip, NumbersOfAConnectionFollowItsMessages) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string text = registration(kSourceEnd);
  const std::string expected = registration(wire.end());
  const std::uint32_t longer = length_of(expected) - length_of(text);
  ASSERT_NE(longer, 0U);
  for (unsigned turn = 0; turn < 2; ++turn) {  // it is sent again
    const auto first = wire.say(0, text);
    ASSERT_TRUE(first);
    EXPECT_EQ(said_by(*first), expected);
    EXPECT_EQ(sequence_of(*first), Wire::kPhoneFirst);
  }
  const auto second = wire.say(length_of(text), text);
  ASSERT_TRUE(second);
  EXPECT_EQ(said_by(*second), expected);
  EXPECT_EQ(sequence_of(*second), Wire::kPhoneFirst + length_of(expected));
  const std::string answer = registered(wire.end());
  const auto in =
      bed.one(kOutside,
              wire.in("PA", Wire::kProxyFirst, Wire::kPhoneFirst + 2 * length_of(expected)).payload(answer));
  ASSERT_TRUE(in);
  EXPECT_EQ(said_by(*in), registered(kSourceEnd));
  EXPECT_EQ(acknowledged_by(*in), Wire::kPhoneFirst + 2 * length_of(text));
  const auto ack = bed.one(kInside, Wire::out("A", Wire::kPhoneFirst + 2 * length_of(text),
                                              Wire::kProxyFirst + length_of(registered(kSourceEnd))));
  ASSERT_TRUE(ack);
  EXPECT_EQ(sequence_of(*ack), Wire::kPhoneFirst + 2 * length_of(expected));
  EXPECT_EQ(acknowledged_by(*ack), Wire::kProxyFirst + length_of(answer));
}

TEST_P(Sip, ASegmentHasSeveralMessages) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string text = registration(kSourceEnd);
  const std::string expected = registration(wire.end());
  EXPECT_EQ(wire.said(0, "\r\n\r\n" + text + text + "\r\n\r\n"),
            "\r\n\r\n" + expected + expected + "\r\n\r\n");
  EXPECT_EQ(wire.said(8 + 2 * length_of(text), text), expected);
  // The second of them is sent again, with more.
  EXPECT_EQ(wire.said(4 + length_of(text), text + "\r\n\r\n" + text), expected + "\r\n\r\n" + expected);
}

TEST_P(Sip, HalfAMessageIsWaitedForOnce) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string text = registration(kSourceEnd);
  const std::string half = text.substr(0, 200);
  bed.refused(kInside, Wire::out("PA", Wire::kPhoneFirst, Wire::kProxyFirst).payload(half),
              nat::Drop::kAlgPartial);
  EXPECT_EQ(wire.said(0, text), registration(wire.end()));
  // Another whose rest does not come passes as it is; the message behind it is read again.
  const std::uint32_t next = length_of(text);
  bed.refused(kInside, Wire::out("PA", Wire::kPhoneFirst + next, Wire::kProxyFirst).payload(half),
              nat::Drop::kAlgPartial);
  EXPECT_EQ(wire.said(next, half), half);
  EXPECT_EQ(wire.said(next + 200, text.substr(200)), text.substr(200));
  EXPECT_EQ(wire.said(2 * next, text), registration(wire.end()));
}

TEST_P(Sip, TheHeadOfALongMessageIsRewritten) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string body = description(kPhone, {kAudio, "a=x:" + std::string(1400, 'x')});
  const std::string text = invitation(kSourceEnd, body);
  const std::string first = text.substr(0, 1000);
  const std::string expected =
      invitation(wire.end(), body).substr(0, 1000 + wire.end().size() * 2 - kSourceEnd.size() * 2);
  for (unsigned turn = 0; turn < 2; ++turn) EXPECT_EQ(wire.said(0, first), expected);
  EXPECT_EQ(wire.said(1000, text.substr(1000)), text.substr(1000));
  EXPECT_EQ(bed.mappings(), 1U);
  EXPECT_EQ(wire.said(length_of(text), registration(kSourceEnd)), registration(wire.end()));
}

// Whoever makes a browser send it chosen bytes has not made it a telephone.
TEST_P(Sip, AConnectionThatBeginsAsAnotherProtocolIsNotRead) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string http = "POST / HTTP/1.1\r\nContent-Length: 9999\r\n\r\n";
  EXPECT_EQ(wire.said(0, http), http);
  const std::string text = invitation(kSourceEnd, description(kPhone, {kAudio}));
  EXPECT_EQ(wire.said(length_of(http), text), text);
  EXPECT_EQ(bed.mappings(), 1U);
}

// Over TCP a telephone calls from any port and is called at its own.
TEST_P(Sip, AnotherPortOfTheTelephonesIsOpenedForItsProxy) {
  NatBed bed(variant(), sip_spec());
  Wire wire{bed};
  wire.open();
  const std::string said = wire.said(0, registration(kPhoneEnd));
  const std::uint16_t contact = number_behind(said, "Contact: <sip:alice@203.0.113.1:");
  EXPECT_EQ(said, registration("203.0.113.1:" + std::to_string(contact)));
  EXPECT_NE(contact, wire.port);
  const auto call = [&](std::string_view source) {
    return NatBed::outside(source, "203.0.113.1").tcp(50000, contact).flags("S");
  };
  bed.refused(kOutside, call(kNobody), nat::Drop::kFiltered);
  const auto syn = bed.one(kOutside, call(kProxy));
  ASSERT_TRUE(syn);
  EXPECT_EQ(syn->ends(), "93.184.216.34:50000 > 10.0.0.10:5060");
  // It comes back as the telephone said it.
  const auto in = bed.one(kOutside, wire.in("PA", Wire::kProxyFirst, Wire::kPhoneFirst)
                                        .payload(registered("203.0.113.1:" + std::to_string(contact))));
  ASSERT_TRUE(in);
  EXPECT_EQ(said_by(*in), registered(kPhoneEnd));
}

}  // namespace
}  // namespace millrace::testing
