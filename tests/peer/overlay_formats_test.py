# SPDX-License-Identifier: BSD-3-Clause
"""Overlays and tags that this kernel has no devices for, written by scapy and read by scapy and tshark.

The far end is a raw socket at the client's veth. What it sends inside goes through the firewall to the server's kernel,
which answers; what comes back is decoded.
"""

import logging
import socket
import unittest

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

import lab  # noqa: E402
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6  # noqa: E402
from scapy.contrib.geneve import GENEVE  # noqa: E402
from scapy.layers.inet import ICMP, IP, UDP  # noqa: E402
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, IPv6  # noqa: E402
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q, Ether  # noqa: E402
from scapy.layers.vxlan import VXLAN  # noqa: E402
from scapy.packet import Raw  # noqa: E402
from scapy.utils import wrpcap  # noqa: E402

STATION = "02:aa:aa:aa:aa:01"
OURS4, OURS6 = "192.0.2.1", "2001:db8:1::1"
# By name: what stands between the outer IP header and what is inside, the UDP port (0: none), whether frames are inside.
FORMATS = {
    "geneve": (lambda inside: GENEVE(vni=21, proto=0x6558), 6081, True),
    "geneve_ip": (lambda inside: GENEVE(vni=22, proto=0x86DD if IPv6 in inside else 0x0800), 6081, False),
    "gpe": (lambda inside: VXLAN(flags=0x0C, NextProtocol=2 if IPv6 in inside else 1, vni=23), 4790, False),
    "gre": (lambda inside: GRE(proto=0x86DD if IPv6 in inside else 0x0800), 0, False),
    "gre_key": (lambda inside: GRE(key_present=1, key=77, proto=0x6558), 0, True),
    "gre6": (lambda inside: GRE(key_present=1, key=78, proto=0x86DD if IPv6 in inside else 0x0800), 0, False),
    "geneve6": (lambda inside: GENEVE(vni=24, proto=0x6558), 6081, True),
}
NETWORK = {name: 30 + number for number, name in enumerate(FORMATS)}


def profile():
    ends4 = f"local: {OURS4}, remote: {CLIENT4}"
    ends6 = f'local: "{OURS6}", remote: "{CLIENT6}"'
    kinds = {"geneve": f"geneve: {{vni: 21, {ends4}}}", "geneve_ip": f"geneve: {{vni: 22, payload: ip, {ends4}}}",
             "gpe": f"vxlan_gpe: {{vni: 23, payload: ip, {ends4}}}", "gre": f"gre: {{{ends4}}}",
             "gre_key": f"gre: {{key: 77, payload: ethernet, {ends4}}}", "gre6": f"gre: {{key: 78, {ends6}}}",
             "geneve6": f"geneve: {{vni: 24, {ends6}}}"}
    interfaces, neighbors, routes = [], [], []
    for name, kind in kinds.items():
        n = NETWORK[name]
        interfaces.append(f'  {name}: {{port: inside, {kind}, address: [10.{n}.0.1/24, "fd{n}::1/64"]}}')
        if FORMATS[name][2]:
            neighbors += [f"  - {{interface: {name}, address: 10.{n}.0.10, mac: \"{STATION}\"}}",
                          f"  - {{interface: {name}, address: \"fd{n}::10\", mac: \"{STATION}\"}}"]
    lines = "\n".join
    return f"""
vnf: firewall
name: formats
ports:
  inside:  {{device: "net_af_packet_in,iface=veth-in"}}
  outside: {{device: "net_af_packet_out,iface=veth-out"}}
interfaces:
  trust:   {{port: inside, address: [{OURS4}/24, "{OURS6}/64"]}}
  untrust: {{port: outside, address: [198.51.100.1/24, "2001:db8:2::1/64"]}}
  double:  {{port: inside, outer_vlan: 100, vlan: 200, address: [10.60.0.1/24, "fd60::1/64"]}}
{lines(interfaces)}
neighbors:
{lines(neighbors)}
  - {{interface: double, address: 10.60.0.10, mac: "{STATION}"}}
  - {{interface: double, address: "fd60::10", mac: "{STATION}"}}
firewall:
  zones: {{inside: [trust, double, {", ".join(kinds)}], internet: [untrust]}}
  default: drop
  rules:
    - {{name: out, from: inside, to: internet, action: accept}}
"""


class Formats(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.firewall = lab.Firewall(cls.lab, profile())
        cls.firewall.start()
        cls.socket = cls.lab.socket_in("client", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        cls.addClassCleanup(cls.socket.close)
        cls.socket.bind(("eth0", 0))
        cls.socket.settimeout(0.2)
        cls.lab.ping(OURS4)  # both know each other
        cls.lab.ping(OURS6)
        neighbor = cls.lab.run("client", "ip", "neighbor", "show", OURS4).stdout.split()
        cls.gateway = neighbor[neighbor.index("lladdr") + 1]
        link = cls.lab.run("client", "ip", "-o", "link", "show", "eth0").stdout.split()
        cls.own = link[link.index("link/ether") + 1]
        cls.seen = []

    def exchange(self, frame, is_answer):
        """Sends the frame until an answer comes; the far end below may still be asked for."""
        for _ in range(25):
            self.socket.send(bytes(frame))
            try:
                while True:
                    got = Ether(self.socket.recv(2048))
                    if got.src != self.own and is_answer(got):
                        self.seen.append(got)
                        return got
            except TimeoutError:
                continue
        raise lab.Failed(f"no answer to {frame.summary()}")

    def mac_of(self, interface):
        link = self.lab.run("fw", "ip", "-o", "link", "show", interface).stdout.split()
        return link[link.index("link/ether") + 1]

    def pings(self, network):
        yield (IP(src=f"10.{network}.0.10", dst=SERVER4) / ICMP(id=7, seq=network) / Raw(b"x" * 56),
               lambda got: ICMP in got and got[ICMP].type == 0 and got[ICMP].seq == network)
        yield (IPv6(src=f"fd{network}::10", dst=SERVER6) / ICMPv6EchoRequest(id=7, seq=network, data=b"x" * 56),
               lambda got: ICMPv6EchoReply in got and got[ICMPv6EchoReply].seq == network)

    def test_each_format(self):
        for name, (header, port, ethernet) in FORMATS.items():
            ipv6 = name.endswith("6")
            for inside, is_answer in self.pings(NETWORK[name]):
                with self.subTest(format=name, inside=inside.name):
                    if ethernet:
                        inside = Ether(src=STATION, dst=self.mac_of(name)) / inside
                    outer = IPv6(src=CLIENT6, dst=OURS6) if ipv6 else IP(src=CLIENT4, dst=OURS4)
                    outer = Ether(src=self.own, dst=self.gateway) / outer
                    if port:
                        outer /= UDP(sport=55555, dport=port)
                        if not ipv6:
                            outer[UDP].chksum = 0
                    got = self.exchange(outer / header(inside) / inside, is_answer)
                    self.check_outer(got, ipv6, port)
                    self.assertEqual(bytes(header(inside))[:8 if port else 4],
                                     bytes(got[UDP].payload if port else got.getlayer(GRE))[:8 if port else 4])
                    if ethernet:
                        self.assertEqual(got.getlayer(Ether, 2).dst, STATION)
                        self.assertEqual(got.getlayer(Ether, 2).src, self.mac_of(name))

    def check_outer(self, got, ipv6, port):
        outer = got[IPv6 if ipv6 else IP]
        self.assertEqual((outer.src, outer.dst), (OURS6, CLIENT6) if ipv6 else (OURS4, CLIENT4))
        if port:
            self.assertEqual(got[UDP].dport, port)
            self.assertGreaterEqual(got[UDP].sport, 49152)
            self.assertEqual(got[UDP].chksum != 0, ipv6)

    def test_two_tags(self):
        for inside, is_answer in self.pings(60):
            with self.subTest(inside=inside.name):
                frame = Ether(src=STATION, dst=self.gateway) / Dot1AD(vlan=100) / Dot1Q(vlan=200) / inside
                # The kernel takes the outer tag off what a packet socket reads; the inner one tells enough here.
                got = self.exchange(frame, is_answer)
                self.assertEqual(got[Dot1Q].vlan, 200)

    def test_zz_tshark_finds_nothing_wrong(self):
        self.assertTrue(self.seen)
        capture = self.lab.folder / "seen.pcap"
        wrpcap(str(capture), self.seen)
        wrong = self.lab.run("client", "tshark", "-n", "-r", str(capture), "-o", "ip.check_checksum:TRUE", "-o",
                             "udp.check_checksum:TRUE", "-Y",
                             "_ws.malformed || ip.checksum.status == Bad || udp.checksum.status == Bad || "
                             "icmp.checksum.status == Bad || icmpv6.checksum.status == Bad").stdout
        self.assertEqual(wrong, "")
        read = self.lab.run("client", "tshark", "-n", "-r", str(capture), "-T", "fields", "-e", "geneve.vni", "-e",
                            "vxlan.vni", "-e", "gre.key").stdout
        for number in ("0x000015", "0x000016", "0x000018", "23", "0x0000004d", "0x0000004e"):
            with self.subTest(number=number):
                self.assertIn(number, read.lower())


if __name__ == "__main__":
    lab.need("ip", "ping", "tshark")
    lab.main()
