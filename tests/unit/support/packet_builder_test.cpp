// SPDX-License-Identifier: BSD-3-Clause
// The builder against scapy: each packet is described to both, and the bytes must be the same.
#include "tests/support/packet_builder.h"

#include <cstdio>
#include <memory>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/packet_text.h"

namespace millrace::testing {
namespace {

constexpr const char* kPython = "/usr/bin/python3";

struct Sample {
  const char* name;
  PacketBuilder ours;
  const char* scapy;
};

PacketBuilder frame() { return packet().ethernet("02:00:00:00:00:0a", "02:00:00:00:00:0b"); }
PacketBuilder v4() { return frame().ipv4("10.0.0.1", "192.168.1.2"); }
PacketBuilder v6() { return frame().ipv6("2001:db8::1", "2001:db8:2::2"); }

// In scapy's half, E is the Ethernet header, I and S the two IP headers above, P(n) n bytes counting up.
std::vector<Sample> samples() {
  const PacketBuilder inner = packet().ipv4("192.168.1.2", "10.0.0.1").ttl(1).udp(53, 1000).payload(30);
  const PacketBuilder inner6 = packet().ipv6("2001:db8:2::2", "2001:db8::1").ttl(1).udp(53, 1000).payload(30);
  return {
      {"tcp", v4().ttl(63).df().tcp(1024, 80).flags("S").seq(1).window(1000).payload(5),
       "E/I(ttl=63,flags='DF')/TCP(sport=1024,dport=80,flags='S',seq=1,window=1000)/P(5)"},
      {"tcp_options",
       v4().tcp(1, 2)
           .flags("SA")
           .seq(7)
           .ack(9)
           .option_mss(1460)
           .option_window_scale(7)
           .option_sack_permitted(),
       "E/I()/TCP(sport=1,dport=2,flags='SA',seq=7,ack=9,window=65535,"
       "options=[('MSS',1460),('WScale',7),('SAckOK',b'')])"},
      {"tcp_timestamps", v4().tcp(1, 2).flags("PA").option_timestamps(100, 200).payload(3),
       "E/I()/TCP(sport=1,dport=2,flags='PA',window=65535,options=[('Timestamp',(100,200))])/P(3)"},
      {"tcp_all_flags", v4().tcp(1, 2).flags("FSRPAUEC"),
       "E/I()/TCP(sport=1,dport=2,flags='FSRPAUEC',window=65535)"},
      {"udp_odd", v4().dscp(46).id(4660).udp(5000, 53).payload(7),
       "E/I(tos=184,id=4660)/UDP(sport=5000,dport=53)/P(7)"},
      {"udp_length_8", v4().udp(5000, 53), "E/I()/UDP(sport=5000,dport=53)"},
      {"udp_no_checksum", v4().udp(5000, 53).no_udp_checksum().payload(4),
       "E/I()/UDP(sport=5000,dport=53,chksum=0)/P(4)"},
      {"ip_options", v4().ip_option({0x94, 4, 0, 0}).ip_option({1}).udp(1, 2),
       "E/I(options=[IPOption_Router_Alert(),IPOption_NOP(),IPOption_EOL()])/UDP(sport=1,dport=2)"},
      {"fragment", v4().fragment(1480, true).protocol(17).payload(16),
       "E/I(frag=185,flags='MF',proto=17)/P(16)"},
      {"echo", v4().echo_request(77, 3).payload(56), "E/I()/ICMP(type=8,id=77,seq=3)/P(56)"},
      {"echo_reply", v4().echo_reply(77, 3).payload(56), "E/I()/ICMP(type=0,id=77,seq=3)/P(56)"},
      {"time_exceeded", v4().icmp(11, 0).embed(inner),
       "E/I()/ICMP(type=11,code=0)/IP(bytes(IP(src='192.168.1.2',dst='10.0.0.1',ttl=1)/"
       "UDP(sport=53,dport=1000)/P(30)))"},
      {"too_big_v4", v4().icmp(3, 4, 1400).embed(inner, 28),
       "E/I()/ICMP(type=3,code=4,nexthopmtu=1400)/Raw(bytes(IP(src='192.168.1.2',dst='10.0.0.1',ttl=1)/"
       "UDP(sport=53,dport=1000)/P(30))[:28])"},
      {"vlan", frame().vlan(7, 3).ipv4("10.0.0.1", "192.168.1.2").udp(1, 2).payload(9),
       "E/Dot1Q(vlan=7,prio=3)/I()/UDP(sport=1,dport=2)/P(9)"},
      {"qinq", frame().service_vlan(100).vlan(200).ipv4("10.0.0.1", "192.168.1.2").udp(1, 2),
       "E/Dot1AD(vlan=100)/Dot1Q(vlan=200)/I()/UDP(sport=1,dport=2)"},
      {"arp",
       frame().arp(1, *net::MacAddress::parse("02:00:00:00:00:0a"), "10.0.0.1", net::MacAddress{},
                   "10.0.0.2"),
       "E/ARP(op=1,hwsrc='02:00:00:00:00:0a',psrc='10.0.0.1',hwdst='00:00:00:00:00:00',pdst='10.0.0.2')"},
      {"sctp", v4().sctp(5000, 6000, 0xabcdef), "E/I()/SCTP(sport=5000,dport=6000,tag=0xabcdef)"},
      {"gre", v4().gre(0x0800).embed(inner),
       "E/I()/GRE(proto=0x800)/IP(bytes(IP(src='192.168.1.2',dst='10.0.0.1',ttl=1)/"
       "UDP(sport=53,dport=1000)/P(30)))"},
      {"esp", v4().esp(0x1000, 5).payload(20), "E/I(proto=50)/struct.pack('>II',0x1000,5)/P(20)"},
      {"tcp6",
       v6().ttl(9).traffic_class(0xb8).flow_label(0x12345).tcp(1024, 80).flags("A").seq(5).payload(11),
       "E/S(hlim=9,tc=0xb8,fl=0x12345)/TCP(sport=1024,dport=80,flags='A',seq=5,window=65535)/P(11)"},
      {"udp6", v6().udp(5000, 53).payload(7), "E/S()/UDP(sport=5000,dport=53)/P(7)"},
      {"udp6_hop_by_hop", v6().hop_by_hop().udp(5000, 53).payload(7),
       "E/S()/IPv6ExtHdrHopByHop(options=[PadN(optdata=b'\\0'*4)])/UDP(sport=5000,dport=53)/P(7)"},
      {"udp6_chain",
       v6().hop_by_hop({5, 2, 0, 0}).destination_options().fragment_header(0, false, 9).udp(1, 2).payload(2),
       "E/S()/IPv6ExtHdrHopByHop(options=[RouterAlert(),PadN()])/"
       "IPv6ExtHdrDestOpt(options=[PadN(optdata=b'\\0'*4)])/IPv6ExtHdrFragment(id=9)/UDP(sport=1,dport=2)/"
       "P(2)"},
      {"fragment6", v6().fragment_header(1448, true, 99).protocol(17).payload(16),
       "E/S()/IPv6ExtHdrFragment(nh=17,offset=181,m=1,id=99)/P(16)"},
      {"routing0", v6().routing(0, {0, 0, 0, 0}).udp(1, 2),
       "E/S()/IPv6ExtHdrRouting(type=0,segleft=0)/UDP(sport=1,dport=2)"},
      {"ah6", v6().authentication(16, 3).udp(1, 2),
       "E/S()/AH(nh=17,payloadlen=4,spi=16,seq=3,icv=b'\\xa5'*12)/UDP(sport=1,dport=2,chksum=UDPSUM)"},
      {"echo6", v6().echo_request(77, 3).payload(56),
       "E/S()/ICMPv6EchoRequest(id=77,seq=3,data=bytes(range(56)))"},
      {"too_big6", v6().icmp(2, 0, 1400).embed(inner6),
       "E/S()/ICMPv6PacketTooBig(mtu=1400)/IPv6(bytes(IPv6(src='2001:db8:2::2',dst='2001:db8::1',hlim=1)/"
       "UDP(sport=53,dport=1000)/P(30)))"},
  };
}

std::string hex(const Frame& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

// One run of scapy for all samples: "name hex" lines.
TEST(PacketBuilder, MakesTheBytesScapyMakes) {
  if (std::system((std::string(kPython) + " -c 'import scapy' 2>/dev/null").c_str()) != 0)
    GTEST_SKIP() << "python3-scapy is not installed";
  std::string script =
      "import logging; logging.getLogger('scapy').setLevel(40)\n"
      "import struct\n"
      "from scapy.all import *\n"
      "from scapy.layers.ipsec import AH\n"
      "from scapy.layers.sctp import SCTP\n"
      "E=Ether(src='02:00:00:00:00:0a',dst='02:00:00:00:00:0b')\n"
      "I=lambda **k: IP(src='10.0.0.1',dst='192.168.1.2',**k)\n"
      "S=lambda **k: IPv6(src='2001:db8::1',dst='2001:db8:2::2',**k)\n"
      "P=lambda n: Raw(bytes(range(n)))\n"
      "UDPSUM=UDP(bytes(S()/UDP(sport=1,dport=2))[40:]).chksum\n";
  for (const Sample& sample : samples())
    script += "print('" + std::string(sample.name) + "', bytes(" + sample.scapy + ").hex())\n";
  char path[] = "/tmp/packet_builder_XXXXXX";
  const int file = mkstemp(path);
  ASSERT_GE(file, 0);
  ASSERT_EQ(write(file, script.data(), script.size()), static_cast<ssize_t>(script.size()));
  close(file);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((std::string(kPython) + " " + path).c_str(), "r"),
                                                   pclose);
  ASSERT_NE(pipe, nullptr);
  std::vector<char> line(8192);
  for (const Sample& sample : samples()) {
    ASSERT_NE(std::fgets(line.data(), static_cast<int>(line.size()), pipe.get()), nullptr) << sample.name;
    std::string text(line.data());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    const std::string ours = std::string(sample.name) + " " + hex(sample.ours.bytes());
    if (text == ours) continue;
    Frame theirs;
    for (std::size_t at = text.find(' ') + 1; at + 1 < text.size(); at += 2)
      theirs.push_back(static_cast<std::uint8_t>(std::stoi(text.substr(at, 2), nullptr, 16)));
    ADD_FAILURE() << sample.name << "\n" << difference(theirs, sample.ours.bytes());
  }
  unlink(path);
}

TEST(PacketBuilder, BreaksEachChecksumAndNothingElse) {
  const auto differs_only_at = [](const Frame& good, const Frame& bad, std::size_t at) {
    ASSERT_EQ(good.size(), bad.size());
    for (std::size_t i = 0; i < good.size(); ++i) EXPECT_EQ(good[i] != bad[i], i == at || i == at + 1) << i;
  };
  const auto tcp = v4().tcp(1, 2).flags("S");
  differs_only_at(tcp.bytes(), PacketBuilder(tcp).bad_ip_checksum().bytes(), 14 + 10);
  differs_only_at(tcp.bytes(), PacketBuilder(tcp).bad_transport_checksum().bytes(), 34 + 16);
  const auto udp = v6().udp(1, 2);
  differs_only_at(udp.bytes(), PacketBuilder(udp).bad_transport_checksum().bytes(), 54 + 6);
}

TEST(PacketBuilder, PiecesJoinToTheWhole) {
  for (const PacketBuilder& whole : {v4().udp(1, 2).payload(1000), v6().udp(1, 2).payload(1000)}) {
    Frame joined;
    for (std::size_t at = 0; at < 1008; at += 400) {
      const Frame piece = whole.piece(at, 400, 5).ip_payload();
      const std::size_t header = piece.size() > 400 || (at == 800 && piece.size() > 208) ? 8 : 0;  // v6
      joined.insert(joined.end(), piece.begin() + static_cast<std::ptrdiff_t>(header), piece.end());
    }
    EXPECT_EQ(joined, whole.ip_payload());
  }
}

TEST(Dissect, NamesWhatDiffers) {
  const auto one = v4().ttl(64).tcp(1024, 80).flags("S").seq(5);
  const std::string text = difference(one.bytes(), PacketBuilder(one).ttl(63).bytes());
  EXPECT_NE(text.find("- ipv4.ttl 64"), std::string::npos) << text;
  EXPECT_NE(text.find("+ ipv4.ttl 63"), std::string::npos) << text;
  EXPECT_NE(text.find("    tcp.sequence 5"), std::string::npos) << text;
  EXPECT_EQ(text.find("wrong"), std::string::npos) << text;
}

TEST(Dissect, ReadsEveryTruncation) {
  for (const Sample& sample : samples()) {
    const Frame whole = sample.ours.bytes();
    for (std::size_t size = 0; size <= whole.size(); ++size)
      EXPECT_NO_FATAL_FAILURE(static_cast<void>(dissect(std::span(whole).first(size)))) << sample.name;
  }
}

}  // namespace
}  // namespace millrace::testing
