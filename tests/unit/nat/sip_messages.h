// SPDX-License-Identifier: BSD-3-Clause
// Messages after the flows of RFC 3665 and RFC 3261 section 24, with the addresses of a host behind a NAT,
// and a NAT that knows that host.
#pragma once

#include <array>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "vnfs/nat/sip_message.h"

namespace millrace::nat::sip {

inline std::string lines(std::initializer_list<std::string_view> all) {
  std::string text;
  for (const std::string_view line : all) text.append(line).append("\r\n");
  return text;
}

inline std::string replaced(std::string text, std::string_view what, std::string_view by) {
  std::size_t at = text.find(what);
  if (at == std::string::npos) throw std::invalid_argument("there is no " + std::string(what));
  for (; at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

inline net::Ipv4Address address(std::string_view text) { return *net::Ipv4Address::parse(text); }

// The host is 10.0.0.5, its signalling end 10.0.0.5:5060 is 203.0.113.7:40001 outside.
class OneHost final : public Ends {
 public:
  OneHost() = default;
  explicit OneHost(Way way) : way_(way) {}

  std::optional<End> other_end(End end) noexcept override {
    ++asked;
    const End inside{address("10.0.0.5"), 5060};
    const End outside{address("203.0.113.7"), outside_port};
    const auto& [own, other] =
        way_ == Way::kOutward ? std::pair(inside, outside) : std::pair(outside, inside);
    if (end == own) return other;
    return std::nullopt;
  }
  std::optional<net::Ipv4Address> other_address(net::Ipv4Address one) noexcept override {
    ++asked;
    const bool outward = way_ == Way::kOutward;
    if (one != address(outward ? "10.0.0.5" : "203.0.113.7")) return std::nullopt;
    return address(outward ? "203.0.113.7" : "10.0.0.5");
  }
  std::optional<MediaPorts> open_media(net::Ipv4Address inside, MediaPorts ports) noexcept override {
    ++asked;
    opened.push_back(inside.to_string() + ":" + std::to_string(ports.rtp) + "+" + std::to_string(ports.rtcp));
    if (outside_media.empty()) return std::nullopt;
    const MediaPorts given = outside_media.front();
    outside_media.erase(outside_media.begin());
    return given;
  }
  void peer_media(net::Ipv4Address from, MediaPorts ports) noexcept override {
    ++asked;
    peers.push_back(from.to_string() + ":" + std::to_string(ports.rtp) + "+" + std::to_string(ports.rtcp));
  }

  std::uint16_t outside_port = 40001;
  std::vector<MediaPorts> outside_media;
  std::vector<std::string> opened;
  std::vector<std::string> peers;
  unsigned asked = 0;

 private:
  Way way_ = Way::kOutward;
};

// RFC 3665 section 2.1, F1.
inline const std::string kRegister = lines({
    "REGISTER sips:ss2.biloxi.example.com SIP/2.0",
    "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bKnashds7",
    "Max-Forwards: 70",
    "From: Bob <sip:bob@biloxi.example.com>;tag=a73kszlfl",
    "To: Bob <sip:bob@biloxi.example.com>",
    "Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.5",
    "CSeq: 1 REGISTER",
    "Contact: <sip:bob@10.0.0.5:5060>",
    "Content-Length: 0",
    "",
});

// RFC 3665 section 3.1, F1 and its answers F2, F3, then F4 and F5.
inline const std::string kOffer = lines({
    "v=0",
    "o=alice 2890844526 2890844526 IN IP4 10.0.0.5",
    "s=-",
    "c=IN IP4 10.0.0.5",
    "t=0 0",
    "m=audio 49172 RTP/AVP 0",
    "a=rtpmap:0 PCMU/8000",
});
inline const std::string kAnswer = lines({
    "v=0",
    "o=bob 2890844527 2890844527 IN IP4 192.0.2.201",
    "s=-",
    "c=IN IP4 192.0.2.201",
    "t=0 0",
    "m=audio 3456 RTP/AVP 0",
    "a=rtpmap:0 PCMU/8000",
});

inline std::string with_body(std::string head, const std::string& body) {
  return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline const std::string kInviteHead = lines({
    "INVITE sip:bob@biloxi.example.com SIP/2.0",
    "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK74bf9",
    "Max-Forwards: 70",
    "From: Alice <sip:alice@10.0.0.5>;tag=9fxced76sl",
    "To: Bob <sip:bob@biloxi.example.com>",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 INVITE",
    "Contact: <sip:alice@10.0.0.5>",
    "Content-Type: application/sdp",
});
inline const std::string kInvite = with_body(kInviteHead, kOffer);

inline const std::string kRinging = lines({
    "SIP/2.0 180 Ringing",
    "Via: SIP/2.0/UDP 203.0.113.7:40001;branch=z9hG4bK74bf9;received=203.0.113.7",
    "From: Alice <sip:alice@203.0.113.7>;tag=9fxced76sl",
    "To: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 INVITE",
    "Contact: <sip:bob@192.0.2.201:5060>",
    "Content-Length: 0",
    "",
});
inline const std::string kOkHead = lines({
    "SIP/2.0 200 OK",
    "Via: SIP/2.0/UDP 203.0.113.7:40001;branch=z9hG4bK74bf9;received=203.0.113.7",
    "From: Alice <sip:alice@203.0.113.7>;tag=9fxced76sl",
    "To: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 INVITE",
    "Contact: <sip:bob@192.0.2.201:5060>",
    "Content-Type: application/sdp",
});
inline const std::string kOk = with_body(kOkHead, kAnswer);

inline const std::string kAck = lines({
    "ACK sip:bob@192.0.2.201:5060 SIP/2.0",
    "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK74bd5",
    "Max-Forwards: 70",
    "From: Alice <sip:alice@10.0.0.5>;tag=9fxced76sl",
    "To: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 ACK",
    "Content-Length: 0",
    "",
});

// Bob hangs up.
inline const std::string kBye = lines({
    "BYE sip:alice@203.0.113.7:40001 SIP/2.0",
    "Via: SIP/2.0/UDP 192.0.2.201:5060;branch=z9hG4bKnashds7",
    "Max-Forwards: 70",
    "From: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
    "To: Alice <sip:alice@203.0.113.7>;tag=9fxced76sl",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 BYE",
    "Content-Length: 0",
    "",
});

struct Passed {
  State ending = State::kNone;  // of what is behind the last whole message
  unsigned messages = 0;        // that were whole
  unsigned rewritten = 0;
  std::size_t read = 0;  // where the ending begins
  std::size_t missing = 0;
  bool room = true;
  std::string text;  // as it goes on
};

inline Passed pass(std::string_view text, Way way, Ends& ends, Carrier carrier = Carrier::kDatagram,
                   std::size_t room = 4096) {
  std::vector<char> out(room);
  Passed passed;
  std::size_t copied = 0;
  while (true) {
    const Message message = read_message(text, passed.read, carrier);
    passed.ending = message.state;
    passed.missing = message.missing;
    passed.read = message.begin;
    if (message.state != State::kWhole) break;
    passed.read = message.end;
    ++passed.messages;
    const Rewritten rewritten = rewrite_message(text, message, Part::kAll, way, out, ends);
    passed.room = passed.room && rewritten.room;
    if (rewritten.replaced.length != 0) {
      ++passed.rewritten;
      passed.text += text.substr(copied, rewritten.replaced.at - copied);
      passed.text.append(out.data(), rewritten.length);
      copied = rewritten.replaced.end();
    }
    if (carrier == Carrier::kDatagram) {
      passed.ending = State::kNone;
      break;
    }
  }
  passed.text += text.substr(copied);
  return passed;
}

inline std::string outward(std::string_view text) {
  OneHost host;
  host.outside_media = {{40002, 40003}, {40004, 40005}, {40006, 40007}};
  return pass(text, Way::kOutward, host).text;
}

inline std::string inward(std::string_view text) {
  OneHost host(Way::kInward);
  return pass(text, Way::kInward, host).text;
}

// It passes as it is, and nothing is asked or opened for it.
inline void expect_malformed(const std::string& text, Carrier carrier) {
  for (const Way way : {Way::kOutward, Way::kInward}) {
    OneHost host(way);
    host.outside_media = {{40002, 40003}};
    const Passed passed = pass(text, way, host, carrier, 70'000);
    EXPECT_EQ(passed.text, text);
    EXPECT_EQ(passed.ending, State::kMalformed) << text;
    EXPECT_EQ(passed.messages, 0U);
    EXPECT_EQ(host.asked, 0U) << text;
  }
}

inline void expect_malformed(const std::string& text) {
  for (const Carrier carrier : {Carrier::kDatagram, Carrier::kStream}) expect_malformed(text, carrier);
}

}  // namespace millrace::nat::sip
