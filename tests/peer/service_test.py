# SPDX-License-Identifier: BSD-3-Clause
"""The firewall as a service function: a forwarder of this test's own sends it NSH, or labels, as scapy writes them.

    client (192.0.2.10) -- [forwarder] -- (192.0.2.20) server
                                |
                           [firewall], one port

What client and server say to each other goes through the firewall, each direction on its own path; only ARP and
neighbour discovery pass by. What comes back has to be the header that went in, one index further.
"""

import logging
import select
import socket
import threading
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

import lab  # noqa: E402
from scapy.contrib.mpls import MPLS  # noqa: E402
from scapy.contrib.nsh import NSH  # noqa: E402
from scapy.layers.l2 import Ether  # noqa: E402
from scapy.utils import wrpcap  # noqa: E402

PROFILE = """
vnf: firewall
name: service
ports:
  chain: {device: "net_af_packet_chain,iface=veth-chain"}
interfaces:
  users: {port: chain, PATH1}
  net:   {port: chain, PATH2}
forwarding: {nsh: {pairs: [[users, net]]}}
firewall:
  zones: {inside: [users], internet: [net]}
  default: drop
  rules:
    - {name: no-8080, from: inside, service: tcp/8080, action: reject}
    - {name: out, from: inside, to: internet, action: accept}
"""
NAT_PROFILE = """
vnf: nat
name: service
ports:
  chain: {device: "net_af_packet_chain,iface=veth-chain"}
interfaces:
  users: {port: chain, nsh: {path: 42}}
  net:   {port: chain, nsh: {path: 43, own_index: 77}}
forwarding: {nsh: {pairs: [[users, net]]}}
nat:
  inside: [users]
  outside: [net]
  pools: {outside: {addresses: [203.0.113.1]}}
  rules: [{source: 192.0.2.0/24, pool: outside}]
"""
BUFFER = 65536


def nsh(path, index):
    return bytes(NSH(mdtype=1, nextproto=3, spi=path, si=index, length=6, ttl=63, context_header=bytes(range(1, 17))))


# By name: the Ethernet type, the headers each way (to the firewall and from it), whether frames are inside, the profile.
CHAINS = {
    "nsh": (0x894F, {"client": (nsh(42, 255), nsh(42, 254)), "server": (nsh(43, 7), nsh(43, 6))}, True,
            ("nsh: {path: 42}", "nsh: {path: 43, own_index: 77}"), nsh(43, 77)),
    "mpls": (0x8847, {"client": (bytes(MPLS(label=511, cos=3, s=1, ttl=9)), bytes(MPLS(label=510, cos=3, s=1, ttl=9))),
                      "server": (bytes(MPLS(label=1023, s=1, ttl=64)), bytes(MPLS(label=1022, s=1, ttl=64)))}, False,
             ("mpls: {label: 511}", "mpls: {label: 1023}"), bytes(MPLS(label=1022, cos=3, s=1, ttl=9))),
}


class Forwarder(threading.Thread):
    """Frames between client and server by way of the firewall."""

    def __init__(self, spaces, chain):
        super().__init__(daemon=True)
        self.type, self.headers, self.frames, _, self.own = CHAINS[chain]
        self.stopping = False
        self.wrong = []
        self.back = {"client": 0, "server": 0}
        self.answers = 0
        self.kept = []
        self.sockets = {}
        for name in ("client", "server", "fw"):
            opened = spaces.socket_in("sff", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            opened.bind((f"to-{name}", 0))
            opened.setblocking(False)
            self.sockets[name] = opened
        link = spaces.run("fw", "ip", "-o", "link", "show", "veth-chain").stdout.split()
        function = bytes.fromhex(link[link.index("link/ether") + 1].replace(":", ""))
        link = spaces.run("sff", "ip", "-o", "link", "show", "to-fw").stdout.split()
        own = bytes.fromhex(link[link.index("link/ether") + 1].replace(":", ""))
        type_bytes = self.type.to_bytes(2, "big")
        self.there = function + own + type_bytes
        self.again = own + function + type_bytes
        self.links = {}  # without frames inside: the last link header of each side

    def run(self):
        by_socket = {opened: name for name, opened in self.sockets.items()}
        while not self.stopping:
            for opened in select.select(list(by_socket), [], [], 0.2)[0]:
                try:
                    while True:
                        frame, address = opened.recvfrom(BUFFER)
                        if address[2] != socket.PACKET_OUTGOING:
                            self.take(by_socket[opened], frame)
                except BlockingIOError:
                    continue

    def take(self, name, frame):
        if name == "fw":
            return self.take_back(frame)
        kind = frame[12:14]
        discovery = kind == b"\x86\xdd" and frame[20] in (0, 58) and (frame[20] == 0 or frame[54] >= 130)
        if kind not in (b"\x08\x00", b"\x86\xdd") or discovery:
            return self.send("server" if name == "client" else "client", frame)
        self.links[name] = frame[:12]
        inside = frame if self.frames else frame[14:]
        return self.send("fw", self.there + self.headers[name][0] + inside)

    def take_back(self, frame):
        if frame[:14] != self.again:
            return
        if len(self.kept) < 200:
            self.kept.append(frame)
        for name, other in (("client", "server"), ("server", "client")):
            header = self.headers[name][1]
            if frame[14:14 + len(header)] == header:
                self.back[name] += 1
                return self.hand_on(other, frame[14 + len(header):], self.links.get(name))
        if frame[14:14 + len(self.own)] == self.own:
            self.answers += 1
            self.kept.append(frame)
            return self.hand_on("client", frame[14 + len(self.own):], self.links.get("server"))
        self.wrong.append(frame)

    def hand_on(self, name, inside, link):
        if not self.frames:
            inside = (link or self.links["client"][6:12] + self.links["client"][:6]) + (
                b"\x08\x00" if inside[0] >> 4 == 4 else b"\x86\xdd") + inside
        self.send(name, inside)

    def send(self, name, frame):
        until = time.monotonic() + 1
        while time.monotonic() < until:
            try:
                return self.sockets[name].send(frame)
            except (BlockingIOError, OSError):
                select.select([], [self.sockets[name]], [], 0.01)

    def end(self):
        self.stopping = True
        self.join(5)
        for opened in self.sockets.values():
            opened.close()


class ServiceLab(lab.Lab):
    def __init__(self):
        lab.Namespaces.__init__(self, "client", "server", "sff", "fw")
        for namespace, device in (("client", "eth0"), ("server", "eth0"), ("fw", "veth-chain")):
            self.link(namespace, device, "sff", f"to-{namespace}")
            # DPDK's af_packet takes frames of 1,514 bytes: what goes through the function leaves room for its header.
            self.run(namespace, "ip", "link", "set", device, "up", *(["mtu", "1400"] if device == "eth0" else []))
            self.run("sff", "sysctl", "-qw", f"net.ipv6.conf.to-{namespace}.disable_ipv6=1")
            self.run("sff", "ip", "link", "set", f"to-{namespace}", "up")
        self.run("fw", "sysctl", "-qw", "net.ipv6.conf.veth-chain.disable_ipv6=1")
        self.address("client", "192.0.2.10/24", "2001:db8:1::10/64")
        self.address("server", "192.0.2.20/24", "2001:db8:1::20/64")


class Service(lab.TestCase):
    def chain(self, name):
        spaces = ServiceLab()
        self.addCleanup(spaces.close)
        spaces.start_servers()
        first, second = CHAINS[name][3]
        self.firewall = lab.Firewall(spaces, PROFILE.replace("PATH1", first).replace("PATH2", second))
        self.firewall.start()
        forwarder = Forwarder(spaces, name)
        forwarder.start()
        self.addCleanup(forwarder.end)
        for address in ("192.0.2.20", "2001:db8:1::20"):
            host = f"[{address}]" if ":" in address else address
            with self.subTest(address=address):
                self.assertIn(" 0% packet loss", spaces.ping(address, "-c", "3", "-i", "0.05").stdout)
                large = spaces.run("client", "curl", "--silent", "--max-time", "20", f"http://{host}/large", text=False).stdout
                self.assertEqual(large, bytes(range(256)) * 8192)
                refused = spaces.curl(f"http://{host}:8080/", check=False)
                self.assertEqual(refused.returncode, 7, refused.stderr)  # the firewall's reset came, by the other path
        self.assertEqual(forwarder.wrong, [])
        self.assertEqual(forwarder.answers, 2)
        self.assertGreater(forwarder.back["client"], 100)
        self.assertGreater(forwarder.back["server"], 100)
        metrics = self.firewall.at_rest()
        self.assertEqual({reason: count for reason, count in metrics.drops().items() if count}, {"rejected_by_rule": 2})
        return spaces, forwarder

    def test_nsh(self):
        spaces, forwarder = self.chain("nsh")
        capture = spaces.folder / "back.pcap"
        wrpcap(str(capture), [Ether(frame) for frame in forwarder.kept])
        read = spaces.run("client", "tshark", "-n", "-r", str(capture), "-T", "fields", "-e", "nsh.spi", "-e", "nsh.si",
                          "-e", "_ws.malformed").stdout.split("\n")
        self.assertEqual({line.strip() for line in read if line.strip()},
                         {"42\t254", "43\t6", "43\t77"})

    def test_address_translation_in_nsh(self):
        spaces = ServiceLab()
        self.addCleanup(spaces.close)
        spaces.start_servers()
        link = spaces.run("client", "ip", "-o", "link", "show", "eth0").stdout.split()
        # The server's answers to the outside address come by the forwarder like all else.
        spaces.run("server", "ip", "route", "add", "203.0.113.0/24", "dev", "eth0")
        spaces.run("server", "ip", "neighbor", "add", "203.0.113.1", "lladdr", link[link.index("link/ether") + 1], "dev",
                   "eth0")
        self.firewall = lab.Nat(spaces, NAT_PROFILE)
        self.firewall.start()
        forwarder = Forwarder(spaces, "nsh")
        forwarder.start()
        self.addCleanup(forwarder.end)
        self.assertIn(" 0% packet loss", spaces.ping("192.0.2.20", "-c", "3", "-i", "0.05").stdout)
        large = spaces.run("client", "curl", "--silent", "--max-time", "20", "http://192.0.2.20/large", text=False).stdout
        self.assertEqual(large, bytes(range(256)) * 8192)
        self.assertEqual(forwarder.wrong, [])
        sources = {frame[64:68] for frame in forwarder.kept if frame[14:38] == nsh(42, 254)}
        self.assertEqual(sources, {bytes([203, 0, 113, 1])})
        self.assertEqual(self.firewall.at_rest().drops().get("no_route", 0), 0)

    def test_mpls(self):
        spaces, forwarder = self.chain("mpls")
        capture = spaces.folder / "back.pcap"
        wrpcap(str(capture), [Ether(frame) for frame in forwarder.kept])
        read = spaces.run("client", "tshark", "-n", "-r", str(capture), "-T", "fields", "-e", "mpls.label").stdout.split()
        self.assertEqual(set(read), {"510", "1022"})


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "ping", "ethtool", "tshark")
    lab.main()
