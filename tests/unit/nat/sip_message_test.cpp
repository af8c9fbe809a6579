// SPDX-License-Identifier: BSD-3-Clause
// Messages of RFC 3665 and RFC 3261 section 24 as a NAT passes them on, written out by hand.
#include "vnfs/nat/sip_message.h"

#include <gtest/gtest.h>

#include "tests/unit/nat/sip_messages.h"

namespace millrace::nat::sip {
namespace {

TEST(SipMessage, ARegistrationShowsTheOutsideEnd) {
  EXPECT_EQ(outward(kRegister), lines({
                                    "REGISTER sips:ss2.biloxi.example.com SIP/2.0",
                                    "Via: SIP/2.0/UDP 203.0.113.7:40001;branch=z9hG4bKnashds7",
                                    "Max-Forwards: 70",
                                    "From: Bob <sip:bob@biloxi.example.com>;tag=a73kszlfl",
                                    "To: Bob <sip:bob@biloxi.example.com>",
                                    "Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.5",
                                    "CSeq: 1 REGISTER",
                                    "Contact: <sip:bob@203.0.113.7:40001>",
                                    "Content-Length: 0",
                                    "",
                                }));
}

TEST(SipMessage, AnInvitationOffersTheOutsideEndsOfItsMedia) {
  OneHost host;
  host.outside_media = {{40002, 40003}};
  const Passed passed = pass(kInvite, Way::kOutward, host);
  EXPECT_EQ(passed.rewritten, 1U);
  EXPECT_EQ(passed.messages, 1U);
  EXPECT_EQ(passed.read, kInvite.size());
  // Two addresses of the body are three characters longer.
  EXPECT_EQ(passed.text, lines({
                             "INVITE sip:bob@biloxi.example.com SIP/2.0",
                             "Via: SIP/2.0/UDP 203.0.113.7:40001;branch=z9hG4bK74bf9",
                             "Max-Forwards: 70",
                             "From: Alice <sip:alice@203.0.113.7>;tag=9fxced76sl",
                             "To: Bob <sip:bob@biloxi.example.com>",
                             "Call-ID: 3848276298220188511@10.0.0.5",
                             "CSeq: 1 INVITE",
                             "Contact: <sip:alice@203.0.113.7:40001>",
                             "Content-Type: application/sdp",
                             "Content-Length: 136",
                             "",
                             "v=0",
                             "o=alice 2890844526 2890844526 IN IP4 203.0.113.7",
                             "s=-",
                             "c=IN IP4 203.0.113.7",
                             "t=0 0",
                             "m=audio 40002 RTP/AVP 0",
                             "a=rtpmap:0 PCMU/8000",
                         }));
  EXPECT_EQ(host.opened, std::vector<std::string>{"10.0.0.5:49172+49173"});
  EXPECT_TRUE(host.peers.empty());
}

TEST(SipMessage, ARingingToneComesBack) {
  EXPECT_EQ(inward(kRinging), lines({
                                  "SIP/2.0 180 Ringing",
                                  "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK74bf9;received=10.0.0.5",
                                  "From: Alice <sip:alice@10.0.0.5>;tag=9fxced76sl",
                                  "To: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
                                  "Call-ID: 3848276298220188511@10.0.0.5",
                                  "CSeq: 1 INVITE",
                                  "Contact: <sip:bob@192.0.2.201:5060>",
                                  "Content-Length: 0",
                                  "",
                              }));
}

TEST(SipMessage, AnAnswerComesBackAndNamesThePeersMedia) {
  OneHost host(Way::kInward);
  const Passed passed = pass(kOk, Way::kInward, host);
  EXPECT_EQ(passed.text, replaced(replaced(replaced(kOk, "203.0.113.7:40001", "10.0.0.5:5060"),
                                           "received=203.0.113.7", "received=10.0.0.5"),
                                  "alice@203.0.113.7", "alice@10.0.0.5"));
  EXPECT_EQ(host.peers, std::vector<std::string>{"192.0.2.201:3456+3457"});
  EXPECT_TRUE(host.opened.empty());
}

TEST(SipMessage, AnAcknowledgmentGoesOut) {
  EXPECT_EQ(outward(kAck), lines({
                               "ACK sip:bob@192.0.2.201:5060 SIP/2.0",
                               "Via: SIP/2.0/UDP 203.0.113.7:40001;branch=z9hG4bK74bd5",
                               "Max-Forwards: 70",
                               "From: Alice <sip:alice@203.0.113.7>;tag=9fxced76sl",
                               "To: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
                               "Call-ID: 3848276298220188511@10.0.0.5",
                               "CSeq: 1 ACK",
                               "Content-Length: 0",
                               "",
                           }));
}

TEST(SipMessage, ARequestFromThePeerNamesTheInsideEnd) {
  EXPECT_EQ(inward(kBye), lines({
                              "BYE sip:alice@10.0.0.5:5060 SIP/2.0",
                              "Via: SIP/2.0/UDP 192.0.2.201:5060;branch=z9hG4bKnashds7",
                              "Max-Forwards: 70",
                              "From: Bob <sip:bob@biloxi.example.com>;tag=8321234356",
                              "To: Alice <sip:alice@10.0.0.5>;tag=9fxced76sl",
                              "Call-ID: 3848276298220188511@10.0.0.5",
                              "CSeq: 1 BYE",
                              "Content-Length: 0",
                              "",
                          }));
}

TEST(SipMessage, WhatNamesNoEndOfOursPassesAsItIs) {
  OneHost host;
  const std::string text = replaced(kInvite, "10.0.0.5", "10.0.0.50");
  const Passed passed = pass(text, Way::kOutward, host);
  EXPECT_EQ(passed.rewritten, 0U);
  EXPECT_EQ(passed.ending, State::kNone);
  EXPECT_EQ(passed.text, text);
  EXPECT_TRUE(host.opened.empty());
}

TEST(SipMessage, NothingIsRewrittenTheWrongWay) {
  EXPECT_EQ(outward(kRinging), kRinging);
  EXPECT_EQ(inward(kAck), kAck);
}

// RFC 3261 section 7.3.3, 7.3.1.
TEST(SipMessage, ShortNamesFoldedLinesAndAnyCaseAreRead) {
  const std::string text = lines({
      "INVITE sip:bob@biloxi.example.com SIP/2.0",
      "v:  SIP  /   2.0",
      " /UDP",
      "    10.0.0.5 : 5060;branch=390skdjuw",
      "f   :",
      "  \"A <sip:10.0.0.5> \\\" Q\"",
      "\t<sip:10.0.0.5>;",
      " tag=98asjd8",
      "t: sip:bob@biloxi.example.com ;tag=1918181833n",
      "i: a@10.0.0.5",
      "cSEQ: 0009",
      "  INVITE",
      "M: <sip:alice@10.0.0.5:5060>",
      "C: application/sdp",
      "L: 130",
      "",
  });
  OneHost host;
  host.outside_media = {{40002, 40003}};
  EXPECT_EQ(pass(text + kOffer, Way::kOutward, host).text,
            lines({
                "INVITE sip:bob@biloxi.example.com SIP/2.0",
                "v:  SIP  /   2.0",
                " /UDP",
                "    203.0.113.7:40001;branch=390skdjuw",
                "f   :",
                "  \"A <sip:10.0.0.5> \\\" Q\"",
                "\t<sip:203.0.113.7>;",
                " tag=98asjd8",
                "t: sip:bob@biloxi.example.com ;tag=1918181833n",
                "i: a@10.0.0.5",
                "cSEQ: 0009",
                "  INVITE",
                "M: <sip:alice@203.0.113.7:40001>",
                "C: application/sdp",
                "L: 136",
                "",
            }) + replaced(replaced(kOffer, "10.0.0.5", "203.0.113.7"), "49172", "40002"));
}

TEST(SipMessage, TheLengthOfADatagramsBodyNeedNotBeSaid) {
  const std::string text = kInviteHead + "\r\n" + kOffer;
  const std::string passed = outward(text);
  EXPECT_EQ(passed.find("Content-Length"), std::string::npos);
  EXPECT_NE(passed.find("c=IN IP4 203.0.113.7\r\n"), std::string::npos);
  OneHost host;
  const Passed stream = pass(text, Way::kOutward, host, Carrier::kStream);
  EXPECT_EQ(stream.ending, State::kMalformed) << "RFC 3261 section 20.14";
  EXPECT_EQ(stream.text, text);
}

// RFC 3261 section 18.3.
TEST(SipMessage, WhatFollowsADatagramsMessageIsNotRead) {
  const std::string passed = outward(kAck + kAck);
  EXPECT_EQ(passed, outward(kAck) + kAck);
}

TEST(SipMessage, OtherBodiesPassAsTheyAre) {
  for (const std::string_view type : {"Content-Type: text/plain", "Content-Type: application/sdpx", "X: y",
                                      "Content-Type: application/sdp\r\nContent-Encoding: gzip"}) {
    OneHost host;
    const std::string text = replaced(kInvite, "Content-Type: application/sdp", type);
    const Passed passed = pass(text, Way::kOutward, host);
    EXPECT_EQ(passed.rewritten, 1U);
    EXPECT_NE(passed.text.find("Content-Length: 130\r\n\r\n" + kOffer), std::string::npos) << passed.text;
    EXPECT_TRUE(host.opened.empty());
  }
  EXPECT_NE(outward(replaced(kInvite, "application/sdp", "Application / SDP;charset=utf-8"))
                .find("c=IN IP4 203.0.113.7"),
            std::string::npos);
}

TEST(SipMessage, ALengthGrowsByADigit) {
  std::string padding;
  for (int i = 0; i < 5; ++i) padding += "a=x\r\n";
  const std::string body =
      replaced(kOffer, "s=-", "s=0123456789") + padding + "a=" + std::string(827, 'y') + "\r\n";
  ASSERT_EQ(body.size(), 995U);
  EXPECT_NE(outward(with_body(kInviteHead, body)).find("Content-Length: 1001\r\n"), std::string::npos);
}

// Section 18.3 and RFC 5626 section 3.5.1.
TEST(SipStream, MessagesFollowEachOther) {
  OneHost host;
  host.outside_media = {{40002, 40003}};
  const std::string text = "\r\n\r\n" + kRegister + "\r\n" + kInvite + kAck + "\r\n\r\n";
  const Passed passed = pass(text, Way::kOutward, host, Carrier::kStream);
  EXPECT_EQ(passed.messages, 3U);
  EXPECT_EQ(passed.read, text.size());
  EXPECT_EQ(passed.ending, State::kNone);
  EXPECT_EQ(passed.text,
            "\r\n\r\n" + outward(kRegister) + "\r\n" + outward(kInvite) + outward(kAck) + "\r\n\r\n");
}

TEST(SipStream, LinesToKeepItOpenPass) {
  for (const std::string_view text : {"", "\r\n", "\r\n\r\n"}) {
    OneHost host;
    const Passed passed = pass(text, Way::kInward, host, Carrier::kStream);
    EXPECT_EQ(passed.rewritten, 0U);
    EXPECT_EQ(passed.ending, State::kNone);
    EXPECT_EQ(passed.read, text.size());
    EXPECT_EQ(host.asked, 0U);
  }
}

TEST(SipStream, AMessageCutAnywhereIsIncompleteAndAsItWas) {
  for (std::size_t cut = 1; cut < kInvite.size(); ++cut) {
    OneHost host;
    host.outside_media = {{40002, 40003}};
    const std::string text = kAck + kInvite.substr(0, cut);
    const Passed passed = pass(text, Way::kOutward, host, Carrier::kStream);
    ASSERT_EQ(passed.ending, State::kIncomplete) << cut;
    EXPECT_EQ(passed.read, kAck.size());
    EXPECT_EQ(passed.text, outward(kAck) + kInvite.substr(0, cut));
    EXPECT_TRUE(host.opened.empty());
    const bool has_head = cut >= kInvite.size() - kOffer.size();
    EXPECT_EQ(passed.missing, has_head ? kInvite.size() - cut : 0U) << cut;
  }
}

TEST(SipStream, TheHeadOfAMessageThatIsCutCanBeRewritten) {
  OneHost host;
  host.outside_media = {{40002, 40003}};
  const std::size_t head = kInvite.size() - kOffer.size();
  for (const std::size_t cut : {head, head + 60, kInvite.size()}) {
    const std::string text = kInvite.substr(0, cut);
    const Message message = read_message(text, 0, Carrier::kStream);
    std::array<char, 1024> out;
    const Rewritten rewritten = rewrite_message(text, message, Part::kHead, Way::kOutward, out, host);
    EXPECT_EQ(
        std::string(out.data(), rewritten.length) + text.substr(rewritten.replaced.end()),
        replaced(outward(kInvite), "Content-Length: 136", "Content-Length: 130").substr(0, rewritten.length) +
            text.substr(rewritten.replaced.end()));
    EXPECT_NE(std::string_view(out.data(), rewritten.length).find("Contact: <sip:alice@203.0.113.7:40001"),
              std::string::npos);
  }
  EXPECT_TRUE(host.opened.empty());
}

// A browser can be made to send what looks like SIP further on, but not to begin with it.
TEST(SipStream, TheBeginningOfAnotherProtocolIsNotTakenForSip) {
  for (const std::string_view text :
       {"POST /", "POST http:", "GET / HTTP/1.1", "REGISTER /x", "CONNECT a.example:5060"}) {
    OneHost host;
    EXPECT_EQ(pass(text, Way::kOutward, host, Carrier::kStream).ending, State::kMalformed) << text;
  }
  for (const std::string_view text :
       {"REG", "REGISTER", "REGISTER ", "REGISTER si", "OPTIONS sips:x", "SIP", "SIP/2.0 20"}) {
    OneHost host;
    EXPECT_EQ(pass(text, Way::kOutward, host, Carrier::kStream).ending, State::kIncomplete) << text;
  }
}

TEST(SipStream, WhatIsNoSipEndsIt) {
  const std::string http = "GET / HTTP/1.1\r\nHost: 10.0.0.5\r\n\r\n";
  OneHost host;
  const Passed passed = pass(kAck + http, Way::kOutward, host, Carrier::kStream);
  EXPECT_EQ(passed.ending, State::kMalformed);
  EXPECT_EQ(passed.read, kAck.size());
  EXPECT_EQ(passed.text, outward(kAck) + http);
}

TEST(SipMessage, WithoutRoomNothingIsWritten) {
  OneHost host;
  host.outside_media = {{40002, 40003}};
  const std::string text = outward(kInvite);
  const std::size_t needed = text.find("40002") + 5;  // up to the last change
  const Passed without = pass(kInvite, Way::kOutward, host, Carrier::kDatagram, needed - 1);
  EXPECT_FALSE(without.room);
  EXPECT_EQ(without.text, kInvite);
  host.outside_media = {{40002, 40003}};
  EXPECT_EQ(pass(kInvite, Way::kOutward, host, Carrier::kDatagram, needed).text, text);
}

TEST(SipMessage, TooManyChangesAreNone) {
  std::string contact = "Contact: <sip:10.0.0.5>";
  for (int i = 0; i < 70; ++i) contact += ",<sip:10.0.0.5>";
  OneHost host;
  const std::string text = replaced(kAck, "Content-Length", contact + "\r\nContent-Length");
  const Passed passed = pass(text, Way::kOutward, host);
  EXPECT_FALSE(passed.room);
  EXPECT_EQ(passed.text, text);
}

}  // namespace
}  // namespace millrace::nat::sip
