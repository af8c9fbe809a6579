// SPDX-License-Identifier: BSD-3-Clause
// Session descriptions of RFC 8866, RFC 3264 and RFC 3605 on their way through a NAT.
#include "vnfs/nat/sdp.h"

#include <gtest/gtest.h>

#include "tests/unit/nat/sip_messages.h"

namespace millrace::nat::sip {
namespace {

// The body as it goes out in an invitation.
std::string sent(const std::string& body, OneHost& host) {
  const Passed whole = pass(with_body(kInviteHead, body), Way::kOutward, host);
  EXPECT_EQ(whole.rewritten, 1U);
  const std::string& passed = whole.text;
  const std::size_t head = passed.find("\r\n\r\n") + 4;
  const std::string length = "Content-Length: " + std::to_string(passed.size() - head) + "\r\n";
  EXPECT_NE(passed.find(length), std::string::npos) << passed;
  return passed.substr(head);
}

std::string sent(const std::string& body, std::vector<MediaPorts> given) {
  OneHost host;
  host.outside_media = std::move(given);
  return sent(body, host);
}

// Whose media an invitation that comes in with this body names.
std::vector<std::string> peers(const std::string& body) {
  OneHost host(Way::kInward);
  EXPECT_EQ(pass(with_body(kOkHead, body), Way::kInward, host).messages, 1U);
  return host.peers;
}

const std::string kHost = lines({"v=0", "o=a 1 1 IN IP4 10.0.0.5", "s=-", "c=IN IP4 10.0.0.5", "t=0 0"});
const std::string kHostOutside =
    lines({"v=0", "o=a 1 1 IN IP4 203.0.113.7", "s=-", "c=IN IP4 203.0.113.7", "t=0 0"});
const std::string kPeer =
    lines({"v=0", "o=b 1 1 IN IP4 192.0.2.201", "s=-", "c=IN IP4 192.0.2.201", "t=0 0"});

TEST(Sdp, ARtcpPortThatIsNotTheNextIsSaid) {
  const std::string body =
      kHost + lines({"m=audio 49172 RTP/AVP 0", "a=sendrecv", "m=video 49174 RTP/AVP 31"});
  EXPECT_EQ(sent(body, std::vector<MediaPorts>{{40002, 40003}, {40010, 40021}}),
            kHostOutside +
                lines({"m=audio 40002 RTP/AVP 0", "a=sendrecv", "m=video 40010 RTP/AVP 31", "a=rtcp:40021"}));
  EXPECT_EQ(sent(body, std::vector<MediaPorts>{{40010, 40021}, {40002, 40003}}),
            kHostOutside +
                lines({"m=audio 40010 RTP/AVP 0", "a=sendrecv", "a=rtcp:40021", "m=video 40002 RTP/AVP 31"}));
}

TEST(Sdp, ARtcpPortIsSaidWhereTheLastLineHasNoEnd) {
  EXPECT_EQ(sent(kHost + "m=audio 49172 RTP/AVP 0", std::vector<MediaPorts>{{40010, 40021}}),
            kHostOutside + "m=audio 40010 RTP/AVP 0\r\na=rtcp:40021");
}

TEST(Sdp, ARtcpPortOfTheHostsChoiceIsRewritten) {
  OneHost host;
  host.outside_media = {{40002, 40003}, {40004, 40009}, {40006, 0}};
  const std::string body =
      kHost + lines({"m=audio 49172 RTP/AVP 0", "a=rtcp:53020 IN IP4 10.0.0.5", "m=audio 49174 RTP/AVP 0",
                     "a=rtcp:53021", "m=audio 49176 RTP/AVP 0", "a=rtcp:53022 IN IP4 126.16.64.4",
                     "m=audio 49178 RTP/AVP 0", "a=rtcp:53023 IN IP6 2001:db8::1"});
  EXPECT_EQ(sent(body, host),
            kHostOutside + lines({"m=audio 40002 RTP/AVP 0", "a=rtcp:40003 IN IP4 203.0.113.7",
                                  "m=audio 40004 RTP/AVP 0", "a=rtcp:40009", "m=audio 40006 RTP/AVP 0",
                                  "a=rtcp:53022 IN IP4 126.16.64.4", "m=audio 49178 RTP/AVP 0",
                                  "a=rtcp:53023 IN IP6 2001:db8::1"}));
  EXPECT_EQ(host.opened, (std::vector<std::string>{"10.0.0.5:49172+53020", "10.0.0.5:49174+53021",
                                                   "10.0.0.5:49176+0", "10.0.0.5:49178+0"}));
}

TEST(Sdp, AddressesOfOthersStay) {
  OneHost host;
  host.outside_media = {{40002, 40003}};
  const std::string body =
      lines({"v=0", "o=a 1 1 IN IP4 10.0.0.9", "s=10.0.0.5", "c=IN IP4 10.0.0.6", "t=0 0",
             "m=audio 49172 RTP/AVP 0", "a=x:10.0.0.5", "m=video 49174 RTP/AVP 31", "c=IN IP4 10.0.0.5"});
  EXPECT_EQ(sent(body, host), lines({"v=0", "o=a 1 1 IN IP4 10.0.0.9", "s=10.0.0.5", "c=IN IP4 10.0.0.6",
                                     "t=0 0", "m=audio 49172 RTP/AVP 0", "a=x:10.0.0.5",
                                     "m=video 40002 RTP/AVP 31", "c=IN IP4 203.0.113.7"}));
  EXPECT_EQ(host.opened, std::vector<std::string>{"10.0.0.5:49174+49175"});
}

TEST(Sdp, OnlyMediaOverUdpAreOpened) {
  OneHost host;
  host.outside_media = {{40002, 0}, {40004, 40005}};
  const std::string body =
      kHost + lines({"m=message 2855 TCP/MSRP *", "m=image 4000 udptl t38", "m=audio 0 RTP/AVP 0",
                     "m=audio 49170/2 RTP/AVP 0", "m=audio 65535 RTP/SAVP 0"});
  EXPECT_EQ(sent(body, host), kHostOutside + lines({"m=message 2855 TCP/MSRP *", "m=image 40002 udptl t38",
                                                    "m=audio 0 RTP/AVP 0", "m=audio 49170/2 RTP/AVP 0",
                                                    "m=audio 40004 RTP/SAVP 0"}));
  EXPECT_EQ(host.opened, (std::vector<std::string>{"10.0.0.5:4000+0", "10.0.0.5:65535+0"}));
}

TEST(Sdp, WithoutAPortTheMediumKeepsItsOwn) {
  OneHost host;
  const std::string media = lines({"m=audio 49172 RTP/AVP 0"});
  EXPECT_EQ(sent(kHost + media, host), kHostOutside + media);
  EXPECT_EQ(host.opened.size(), 1U);
}

TEST(Sdp, LinesMayEndWithOneCharacter) {
  EXPECT_EQ(sent(replaced(kHost + "m=audio 49172 RTP/AVP 0\r\n\r\n", "\r\n", "\n"),
                 std::vector<MediaPorts>{{40002, 40003}}),
            replaced(kHostOutside + "m=audio 40002 RTP/AVP 0\r\n\r\n", "\r\n", "\n"));
}

TEST(Sdp, ThePeersMediaAreThoseItNames) {
  using List = std::vector<std::string>;
  EXPECT_EQ(peers(kPeer + lines({"m=audio 3456 RTP/AVP 0", "m=video 3460 RTP/AVP 31", "c=IN IP4 192.0.2.7",
                                 "a=rtcp:4000", "m=image 5000 udptl t38"})),
            (List{"192.0.2.201:3456+3457", "192.0.2.7:3460+4000", "192.0.2.201:5000+0"}));
  EXPECT_EQ(peers(kPeer + lines({"m=audio 0 RTP/AVP 0", "m=message 9 TCP/MSRP *"})), List{});
  const std::string audio = lines({"m=audio 3456 RTP/AVP 0"});
  EXPECT_EQ(peers(replaced(kPeer, "c=IN IP4 192.0.2.201", "c=IN IP4 0.0.0.0") + audio), List{});
  EXPECT_EQ(peers(replaced(kPeer, "c=IN IP4 192.0.2.201", "c=IN IP6 2001:db8::1") + audio), List{});
  EXPECT_EQ(peers(kPeer + audio + lines({"c=IN IP6 2001:db8::1"})), List{});
  EXPECT_EQ(peers(replaced(kPeer, "c=IN IP4 192.0.2.201", "c=IN IP4 media.example.com") + audio), List{});
}

TEST(Sdp, WhatIsNoDescriptionPassesAsItIs) {
  const auto with = [](std::string_view what, std::string_view by) {
    return with_body(kInviteHead, replaced(kOffer, what, by));
  };
  for (const std::string_view media :
       {"m=audio -1 RTP/AVP 0", "m=audio 65536 RTP/AVP 0", "m=audio  49172 RTP/AVP 0", "m=audio", "m=audio ",
        "m=audio 49172", "m=audio 49172/ RTP/AVP 0", "m=audio 49172/-1 RTP/AVP 0",
        "m=audio 49172x RTP/AVP 0"})
    expect_malformed(with("m=audio 49172 RTP/AVP 0", media));
  expect_malformed(with("v=0", "v=1"));
  expect_malformed(with("v=0\r\n", ""));
  expect_malformed(with("s=-", "s"));
  expect_malformed(with("s=-", "no description"));
  expect_malformed(with("s=-", std::string("s=\0", 3)));
  expect_malformed(with("s=-", "s=a\rb"));
  expect_malformed(with("s=-", "\r\ns=-"));
  expect_malformed(with("s=-", "s=-\r\nc=IN IP4 10.0.0.5"));
  expect_malformed(with("s=-", "s=-\r\no=a 1 1 IN IP4 10.0.0.5"));
  expect_malformed(with("o=alice 2890844526 2890844526 IN IP4 10.0.0.5", "o=alice"));
  expect_malformed(with("a=rtpmap", "a=rtcp:\r\na=rtpmap"));
  expect_malformed(with("a=rtpmap", "a=rtcp:-1\r\na=rtpmap"));
  expect_malformed(with("a=rtpmap", "a=rtcp:99999\r\na=rtpmap"));
  expect_malformed(with("a=rtpmap", "a=rtcp:1 \r\na=rtcp:2\r\na=rtpmap"));
  expect_malformed(with("a=rtpmap", "c=IN IP4 10.0.0.5\r\nc=IN IP4 10.0.0.5\r\na=rtpmap"));
  std::string many;
  for (int i = 0; i < 9; ++i) many += "m=audio 49172 RTP/AVP 0\r\n";
  expect_malformed(with("m=audio 49172 RTP/AVP 0\r\n", many));
  expect_malformed(with_body(kInviteHead, "\r\n\r\n"));
}

}  // namespace
}  // namespace millrace::nat::sip
