// SPDX-License-Identifier: BSD-3-Clause
// Writes the seeds of the fuzz targets anew, from the packets of the packet tests:
//
//   make_fuzz_corpus tests/fuzz/corpus
//
// The layouts are those the targets describe.
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/corpus_writer.h"
#include "tests/fuzz/pipeline_seed.h"
#include "tests/packet/firewall/talk.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

using fuzz::Corpus;
using fuzz::put16;
using fuzz::put32;
using Play = fuzz::PipelineSeed;

struct Named {
  std::string name;
  PacketBuilder packet;
};

std::vector<Named> single_packets() {
  std::vector<Named> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](std::string_view what, PacketBuilder packet) {
      list.push_back({std::string(what) + "_" + ends.name, std::move(packet)});
    };
    const PacketBuilder& from = ends.client;
    add("syn", PacketBuilder(from).tcp(1024, 80).flags("S").option_mss(1460).option_window_scale(7));
    add("telnet", PacketBuilder(from).tcp(1024, 23).flags("S"));
    add("udp", PacketBuilder(from).udp(1024, 123).payload(20));
    add("names", PacketBuilder(from).udp(1024, 53).payload(30));
    add("sctp", PacketBuilder(from).sctp(5000, 5001).payload(16));
    add("echo", PacketBuilder(from).echo_request(7, 1).payload(8));
    add("gre", PacketBuilder(from).gre(0x0800).embed(client().udp(1, 2)));
    add("esp", PacketBuilder(from).esp(17, 1).payload(40));
    add("tagged", received_on(PacketBuilder(from).udp(1024, 99), kTenant));
    add("last_hop", PacketBuilder(from).ttl(1).udp(1024, 99));
    add("padded", PacketBuilder(from).udp(1024, 99).pad_to(90));
    add("cut", PacketBuilder(from).tcp(1024, 80).flags("S").truncate(60));
    const PacketBuilder big = PacketBuilder(from).udp(1024, 99).payload(1400);
    add("first_piece", big.piece(0, 1024, 77));
    add("last_piece", big.piece(1024, 384, 77));
  }
  const PacketBuilder about4 = client().udp(1024, 99).payload(20);
  const PacketBuilder about6 = client6().udp(1024, 99).payload(20);
  list.push_back({"unreachable_ipv4", server().icmp(3, 3).embed(about4)});
  list.push_back({"unreachable_ipv6", server6().icmp(1, 4).embed(about6)});
  list.push_back({"options_ipv4", client().ip_option({7, 7, 4, 0, 0, 0, 0}).udp(1, 2)});
  list.push_back({"source_route", client().ip_option({131, 7, 4, 10, 0, 0, 9}).udp(1, 2)});
  list.push_back({"extensions", client6().hop_by_hop().destination_options().routing(2).udp(1, 2)});
  list.push_back({"authenticated", client6().authentication(1, 2).tcp(1, 2).flags("S")});
  list.push_back({"atomic", client6().fragment_header(0, false, 5).udp(1, 2)});
  list.push_back({"two_tags", received_on(client().udp(1, 2), kDouble)});
  list.push_back({"arp", packet()
                             .ethernet(neighbor_mac(kTrust), interface_mac(kTrust))
                             .arp(1, neighbor_mac(kTrust), kClient, {}, "10.0.0.1")});
  return list;
}

void write_parse(Corpus& corpus) {
  for (const Named& one : single_packets()) {
    Frame input{0};
    const Frame frame = one.packet.bytes();
    input.insert(input.end(), frame.begin(), frame.end());
    corpus.write("parse", one.name, input);
    if (one.packet.bytes().size() < 70) continue;
    input[0] = 128;
    corpus.write("parse", one.name + "_in_two", input);
  }
}

void write_pipeline(Corpus& corpus) {
  for (std::uint8_t settings = 0; settings < 4; ++settings) {
    const std::string mode =
        std::string(settings & 1 ? "wire" : "routed") + (settings & 2 ? "_strict_" : "_open_");
    Play all(settings);
    for (const Named& one : single_packets()) all.add(kInside, one.packet, Play::kRightChecksum);
    corpus.write("pipeline", mode + "all", all.bytes());

    for (const Ends& ends : both_families()) {
      const Talk talk{.ends = ends};
      Play tcp(settings);
      tcp.add(kInside, talk.c("S", 0, 0).option_mss(1460).option_window_scale(4))
          .add(kOutside, talk.s("SA", 0, 1).option_mss(1460).option_window_scale(4))
          .add(kInside, talk.c("A", 1, 1))
          .add(kInside, talk.c("PA", 1, 1, 100), Play::kTwoSegments | Play::kOtherWorker)
          .add(kOutside, talk.s("PA", 1, 101, 200), Play::kChangePolicy | Play::kOtherWorker)
          .add(kInside, talk.c("FA", 101, 201))
          .add(kOutside, talk.s("FA", 201, 102))
          .add(kInside, talk.c("A", 102, 202), Play::kRunFirst, 10)
          .add(kInside, talk.c("S", 9000, 0), Play::kRunFirst, 15);
      corpus.write("pipeline", mode + "tcp_" + ends.name, tcp.bytes());

      const PacketBuilder big = PacketBuilder(ends.client).udp(1024, 53).payload(1400);
      Play pieces(settings);
      pieces.add(kInside, big.piece(1024, 384, 9), Play::kOtherWorker)
          .add(kInside, big.piece(512, 512, 9))
          .add(kInside, big.piece(0, 512, 9))
          .add(kInside, big.piece(512, 512, 10), Play::kRunFirst, 12)
          .add(kInside, big.piece(504, 512, 10))
          .add(kInside, big.piece(0, 512, 10));
      corpus.write("pipeline", mode + "pieces_" + ends.name, pieces.bytes());

      Play twin(settings);
      twin.add(kInside, PacketBuilder(ends.client).udp(1, 2), Play::kGivenBack)
          .add(kInside, sent_by(PacketBuilder(ends.server).udp(1, 2).untagged(), kUntrust),
               Play::kFromTwin | Play::kTwoSegments)
          .add(kOutside, PacketBuilder(ends.server).udp(53, 1024), Play::kRunFirst, 14);
      corpus.write("pipeline", mode + "twin_" + ends.name, twin.bytes());
    }
  }
  for (std::uint8_t transparent = 0; transparent < 2; ++transparent) {
    const Talk talk{.ends = both_families()[transparent]};
    Play marked(transparent);
    const auto add = [&](unsigned port, const PacketBuilder& one, unsigned marks) {
      marked.add(port, one, Play::kRunFirst | Play::kTwoSegments, marks << 4U);
    };
    for (unsigned marks = 1; marks < 4; ++marks) add(kInside, talk.c("S", 0, 0), marks);
    add(kOutside, talk.s("SA", 0, 1), 1);
    add(kInside, talk.c("A", 1, 1), 3);
    for (unsigned marks = 4; marks < 9; ++marks) add(kOutside, talk.s("A", 1, 1, 1000), marks);
    corpus.write("pipeline", transparent != 0 ? "wire_marks" : "routed_marks", marked.bytes());
  }
  Play routes(0);
  for (const std::string_view to : {"203.0.113.9", "198.18.0.1", "198.51.100.4", "8.8.8.8", "10.0.0.1",
                                    "224.0.0.5", "10.9.0.9", "10.8.0.9"})
    routes.add(kInside, received_on(packet().ipv4(kClient, to).udp(1, 99).payload(1300), kTrust));
  for (const std::string_view to :
       {"2001:db8:cafe::9", "2001:db8:bad::1", "2001:db8:f0::1", "2001:db8:8::9", "ff02::1"})
    routes.add(kInside, received_on(packet().ipv6(kClient6, to).udp(1, 99).payload(1300), kTrust));
  corpus.write("pipeline", "routed_everywhere", routes.bytes());

  Play flood(0);
  for (std::uint16_t i = 0; i < 80; ++i)
    flood.add(kInside, client().udp(static_cast<std::uint16_t>(2000 + i), 99), 0);
  corpus.write("pipeline", "routed_table_full", flood.bytes());
}

void write_tcp(Corpus& corpus) {
  // kind, flags, sequence and acknowledgment unless as expected, window, length
  const auto segment = [](Frame& to, unsigned kind, unsigned flags, unsigned window,
                          std::uint32_t numbers = 0) {
    to.push_back(static_cast<std::uint8_t>(kind));
    to.push_back(static_cast<std::uint8_t>(flags));
    if ((kind & 0x06U) != 0) put32(to, numbers);
    if ((kind & 0x18U) != 0) put32(to, numbers);
    put16(to, window);
    if ((kind & 0x20U) != 0) put16(to, 100);
    if ((kind & 0x40U) == 0) return;
    const Frame options{2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 0, 0};
    to.push_back(static_cast<std::uint8_t>(options.size()));
    to.insert(to.end(), options.begin(), options.end());
  };
  constexpr unsigned kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
  for (std::uint8_t settings = 0; settings < 4; ++settings) {
    Frame talk{settings};
    segment(talk, 0x46, kSyn, 65535, 1000);
    segment(talk, 0x47, kSyn | kAck, 65535, 5000);
    segment(talk, 0, kAck, 500);
    segment(talk, 0x20, kAck, 500);
    segment(talk, 0x21, kAck, 500);
    Frame reset = talk;
    segment(talk, 0, kFin | kAck, 500);
    segment(talk, 1, kFin | kAck, 500);
    segment(talk, 0, kAck, 500);
    segment(talk, 0x46, kSyn, 500, 90000);
    segment(reset, 1, kRst, 0);
    segment(reset, 0x46, kSyn, 500, 90000);
    corpus.write("tcp", "closed_" + std::to_string(settings), talk);
    corpus.write("tcp", "reset_" + std::to_string(settings), reset);
  }
}

void write_fragment(Corpus& corpus) {
  // kind 0 to 15: one of the datagrams; offset and length in units of 8; 0x8000 = more
  const auto offer = [](Frame& to, unsigned datagram, unsigned offset, unsigned length, bool more) {
    to.push_back(static_cast<std::uint8_t>(datagram));
    put16(to, offset);
    put16(to, length | (more ? 0x8000U : 0U));
  };
  constexpr std::uint8_t kRefuse = 0xc0, kAccept = 0xc1, kPause = 0xe7, kDrain = 0xf8, kClear = 0xfc;
  Frame in_order{1};
  offer(in_order, 0, 0, 4, true);
  in_order.push_back(kAccept);
  offer(in_order, 0, 4, 4, true);
  offer(in_order, 0, 8, 4, false);
  corpus.write("fragment", "in_order", in_order);
  Frame held{2};
  for (unsigned datagram = 0; datagram < 16; ++datagram) {
    offer(held, datagram, 8, 4, false);
    offer(held, datagram, 4, 4, true);
  }
  held.push_back(kPause);
  put16(held, 1000);
  for (unsigned datagram = 0; datagram < 16; ++datagram) {
    offer(held, datagram, 0, 4, true);
    held.push_back(datagram % 2 == 0 ? kAccept : kRefuse);
    offer(held, datagram, 2, 4, true);
  }
  held.push_back(kDrain);
  corpus.write("fragment", "held_and_judged", held);
  held.back() = kPause;
  put16(held, 60000);
  held.push_back(kClear);
  corpus.write("fragment", "held_too_long", held);
}

void write_http(Corpus& corpus) {
  const auto add = [&](const std::string& name, std::string_view request) {
    corpus.write("http", name, "\x80" + std::string(request));
  };
  add("get", "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  add("two_in_one",
      "GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y?z=%41 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  add("json", "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":[1]}");
  add("chunked", "POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n");
  add("both_lengths",
      "POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n");
  add("expect", "POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}");
  add("stream", "GET /s/abcdef HTTP/1.1\r\nHost: a\r\n\r\n");
  add("old", "GET /x HTTP/1.0\r\n\r\n");
  add("bad_target", "GET /../%zz HTTP/1.1\r\nHost: a\r\n\r\n");
  add("long_header", "GET /x HTTP/1.1\r\nHost: a\r\nX: " + std::string(1200, 'y') + "\r\n\r\n");
}

// See port_control_fuzz.cpp.
void write_port_control(Corpus& corpus) {
  constexpr std::uint8_t kAll = 15;
  const auto header = [](std::uint8_t opcode) {
    Frame message{kAll, 2, opcode, 0, 0, 0, 0, 2, 88};
    message.insert(message.end(), 10, 0);
    message.insert(message.end(), {0xff, 0xff, 10, 0, 0, 10});
    return message;
  };
  const auto mapping = [&](std::uint8_t opcode) {
    Frame message = header(opcode);
    message.insert(message.end(), 12, 1);  // nonce
    message.insert(message.end(), {17, 0, 0, 0, 0x0f, 0xa0, 0x13, 0x88});
    message.insert(message.end(), 16, 0);
    return message;
  };
  const auto add_address = [](Frame& to, std::initializer_list<std::uint8_t> address) {
    to.insert(to.end(), 10, 0);
    to.insert(to.end(), {0xff, 0xff});
    to.insert(to.end(), address);
  };
  corpus.write("port_control", "announce", header(0));
  corpus.write("port_control", "map", mapping(1));
  Frame peer = mapping(2);
  peer.insert(peer.end(), {0, 53, 0, 0});
  add_address(peer, {8, 8, 8, 8});
  corpus.write("port_control", "peer", peer);
  Frame options = mapping(1);
  options.insert(options.end(), {1, 0, 0, 16});
  add_address(options, {10, 0, 0, 11});
  options.insert(options.end(), {2, 0, 0, 0, 3, 0, 0, 20, 0, 120, 0, 53});
  add_address(options, {9, 9, 9, 9});
  options.insert(options.end(), {200, 0, 0, 1, 7, 0, 0, 0});
  corpus.write("port_control", "map_options", options);
  corpus.write("port_control", "nat_pmp_address", Frame{0, 0, 0});
  corpus.write("port_control", "nat_pmp_map", Frame{0, 0, 1, 0, 0, 0x0f, 0xa0, 0x13, 0x88, 0, 0, 0x1c, 0x20});
  corpus.write("port_control", "nat_pmp_unknown", Frame{0, 0, 9});
}

// See alg_fuzz.cpp.
void write_alg(Corpus& corpus) {
  const auto add = [](Frame& to, std::uint8_t what, std::string_view text) {
    to.insert(to.end(),
              {what, static_cast<std::uint8_t>(text.size()), static_cast<std::uint8_t>(text.size() >> 8U)});
    to.insert(to.end(), text.begin(), text.end());
  };
  Frame active{0};
  add(active, 1, "220 hello\r\n");
  add(active, 0, "USER anonymous\r\n");
  add(active, 0, "PORT 10,0,0,5,4,1\r\n");
  active.push_back(2);
  add(active, 0, "EPRT |1|10.0.0.5|40000|\r\nPORT 10,0,0,5,200,200\r\nNOOP\r\n");
  active.push_back(2);
  add(active, 0, "PORT 10,0,0");
  add(active, 0, "PORT 10,0,0,5,8,8\r\n");
  corpus.write("alg", "ftp_active", active);
  Frame passive{2};
  add(passive, 1, "PASV\r\n");
  add(passive, 0, "227 Entering Passive Mode (10,0,0,5,200,21).\r\n");
  passive.push_back(2);
  add(passive, 0, "229 Entering Extended Passive Mode (|||51221|)\r\n");
  corpus.write("alg", "ftp_passive", passive);
  const auto message = [](std::uint8_t type, std::uint8_t length, std::string_view behind) {
    std::string text{'\0', static_cast<char>(length), '\0', '\1', '\x1a', '\x2b', '\x3c', '\x4d',
                     '\0', static_cast<char>(type),   '\0', '\0'};
    text += behind;
    text.resize(length);
    return text;
  };
  Frame call{1};
  add(call, 0, message(7, 168, std::string_view("\1\2", 2)));
  add(call, 1, message(8, 32, std::string_view("\7\7\1\2\1", 5)));
  add(call, 0, message(15, 24, std::string_view("\7\7", 2)));
  call.push_back(2);
  add(call, 1, message(13, 148, std::string_view("\7\7", 2)));
  corpus.write("alg", "pptp_call", call);
  Frame served{3};
  add(served, 1, message(7, 168, std::string_view("\1\2", 2)));
  add(served, 0, message(8, 32, std::string_view("\7\7\1\2\1", 5)));
  add(served, 0, message(13, 148, std::string_view("\7\7", 2)));
  corpus.write("alg", "pptp_server", served);
  const std::string ends =
      "From: <sip:a@10.0.0.5>\r\nTo: <sip:b@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n";
  const std::string body =
      "v=0\r\no=a 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nm=audio 4000 RTP/AVP 0\r\n";
  const std::string typed =
      "Content-Type: application/sdp\r\nl: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  const std::string invite =
      "INVITE sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.5:40000\r\nm: <sip:a@10.0.0.5:5060>\r\n" +
      ends + typed;
  const std::string answer = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 203.0.113.1\r\n" + ends +
                             "Content-Type: application/sdp\r\nl: 53\r\n\r\nv=0\r\nc=IN IP4 "
                             "93.184.216.99\r\nm=audio 7000 RTP/AVP 0\r\n";
  Frame dialog{4};
  add(dialog, 0, "\r\n\r\n" + invite);
  dialog.push_back(2);
  add(dialog, 1, answer);
  dialog.push_back(3);
  add(dialog, 0, invite + invite);
  dialog.push_back(2);
  corpus.write("alg", "sip_dialog", dialog);
  Frame pieces{4};
  add(pieces, 0, invite.substr(0, 100));
  pieces.push_back(2);
  add(pieces, 0, invite.substr(0, 100));
  add(pieces, 0, invite.substr(100));
  const std::string long_head =
      "INVITE sip:b SIP/2.0\r\nv: SIP/2.0/TCP 10.0.0.5:40000\r\n" + ends + "l: 1500\r\n\r\n";
  add(pieces, 0, long_head + std::string(500, 'x'));
  pieces.push_back(2);
  add(pieces, 0, std::string(1000, 'x') + invite);
  pieces.push_back(2);
  corpus.write("alg", "sip_pieces", pieces);
}

// See sip_message_fuzz.cpp.
void write_sip_message(Corpus& corpus) {
  constexpr char kIn = 1, kStream = 2, kNoPorts = 4, kNoPairs = 8;
  const auto add = [&](const std::string& name, int how, const std::string& text) {
    corpus.write("sip_message", name, static_cast<char>(how) + text);
  };
  const std::string body =
      "v=0\r\no=a 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
      "m=video 4002/2 RTP/AVP 31\r\nc=IN IP4 192.0.2.9/127\r\nm=image 4004 udptl t38\r\n"
      "m=audio 4006 RTP/AVP 0\r\nc=IN IP4 10.0.0.5\r\na=rtcp:4009 IN IP4 10.0.0.5\r\n";
  const std::string rest =
      "Call-ID: a@10.0.0.5\r\nCSeq: 1 INVITE\r\nContact: \"A\" "
      "<sip:a@10.0.0.5>;q=0.1,sip:b@10.0.0.5:5060\r\n";
  const std::string invite =
      "INVITE sip:b@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=1;rport\r\n"
      "From: <sip:a@10.0.0.5>;tag=1\r\nTo: sip:b@192.0.2.1\r\n" +
      rest + "Content-Type: application/sdp\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
      body;
  const std::string compact =
      "ACK sip:b@192.0.2.1 SIP/2.0\r\nv : SIP / 2.0\r\n /UDP\r\n 10.0.0.5 : 5060\r\nf: <sip:a@10.0.0.5>\r\n"
      "t: <sip:b@192.0.2.1>\r\ni: a\r\nCSeq: 1 ACK\r\nRoute: <sip:10.0.0.5;lr>\r\nl: 0\r\n\r\n";
  const std::string answer =
      "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.7:40001;rport=40001;received=203.0.113.7,SIP/2.0/TCP "
      "x\r\n"
      "From: <sip:a@203.0.113.7:40001>\r\nTo: <sip:b@192.0.2.1>\r\n" +
      rest + "Content-Type: application/sdp\r\n\r\n" + body;
  const std::string bye =
      "BYE sip:a@203.0.113.7:40001 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\nFrom: <sip:b@192.0.2.1>\r\n"
      "To: <sip:a@203.0.113.7>\r\nRecord-Route: <sip:203.0.113.7:40001;lr>\r\n" +
      rest + "l: 0\r\n\r\n";
  add("invite", 0, invite);
  add("invite_no_ports", kNoPorts, invite);
  add("invite_no_pairs", kNoPairs, invite);
  add("compact", 0, compact);
  add("answer", kIn, answer);
  add("bye", kIn, bye);
  add("stream", kStream | kNoPairs, "\r\n\r\n" + compact + "\r\n" + invite + invite.substr(0, 700));
  add("stream_in", kIn | kStream, bye + bye + "GET / HTTP/1.1\r\n\r\n");
}

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
  using namespace millrace::testing;
  if (argc != 2) {
    std::cerr << "usage: make_fuzz_corpus FOLDER\n";
    return 2;
  }
  millrace::fuzz::Corpus corpus(argv[1]);
  write_parse(corpus);
  write_pipeline(corpus);
  millrace::fuzz::write_pipeline_inspected(corpus);
  millrace::fuzz::write_pipeline_unpacking(corpus);
  write_tcp(corpus);
  write_fragment(corpus);
  write_http(corpus);
  write_port_control(corpus);
  write_alg(corpus);
  write_sip_message(corpus);
  millrace::fuzz::write_applications(corpus);
  millrace::fuzz::write_load_balancer_pipeline(corpus);
  millrace::fuzz::write_stream(corpus);
  millrace::fuzz::write_vpn_ike_messages(corpus);
  return 0;
}
