# SPDX-License-Identifier: BSD-3-Clause
"""Two NATs between packet sockets: vnf-nat and Linux's own, told the same; and IPv4 packets in words that compare.

    hosts 10.1.0.0/16 - inside socket -- [NAT: 192.0.2.1, 198.51.100.1, pool 198.51.100.65] -- outside socket - 10.2.0.0/16
"""

import contextlib
import logging
import os
import select
import socket
import subprocess
import time

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.packet import Raw  # noqa: E402

import lab  # noqa: E402

INSIDE, OUTSIDE = 0, 1
NOTHING = ()
HOST, OTHER = "10.1.0.10", "10.1.0.11"
SERVER, STRANGER, ROUTER = "10.2.0.80", "10.2.0.99", "10.2.200.1"
POOL, GATEWAY_IN, GATEWAY_OUT = "198.51.100.65", "192.0.2.1", "198.51.100.1"
SERVING = "10.1.0.20"  # its TCP port 443 and UDP port 53 are the pool address's 8443 and 5353
MTU_OUT = 1400
PATIENCE = 10
NEIGHBORS = (("192.0.2.10", "02:00:00:00:0a:01"), ("198.51.100.10", "02:00:00:00:0b:01"))
NETWORKS = ("10.1.0.0/16", "10.2.0.0/16")
ERRORS = (3, 4, 11, 12)

PROFILE = f"""vnf: nat
name: oracle
dataplane: {{workers: 1, sessions: 64k}}
ports:
  inside: {{device: "net_af_xdp_in,iface=nat-in"}}
  outside: {{device: "net_af_xdp_out,iface=nat-out"}}
interfaces:
  lan: {{port: inside, address: {GATEWAY_IN}/24}}
  wan: {{port: outside, address: {GATEWAY_OUT}/24, mtu: {MTU_OUT}}}
routes:
  - {{to: {NETWORKS[0]}, via: {NEIGHBORS[0][0]}}}
  - {{to: {NETWORKS[1]}, via: {NEIGHBORS[1][0]}}}
neighbors:
  - {{interface: lan, address: {NEIGHBORS[0][0]}, mac: "{NEIGHBORS[0][1]}"}}
  - {{interface: wan, address: {NEIGHBORS[1][0]}, mac: "{NEIGHBORS[1][1]}"}}
nat:
  inside: [lan]
  outside: [wan]
  pools:
    public: {{addresses: {POOL}, ports: 20000-65535}}
  rules:
    - {{source: {NETWORKS[0]}, pool: public}}
  static:
    - {{inside: "{SERVING}:443", outside: "{POOL}:8443", protocol: tcp}}
    - {{inside: "{SERVING}:53", outside: "{POOL}:5353", protocol: udp}}
"""

# What an administrator of Linux writes for the same, who lets nothing in but what is forwarded.
RULES = f"""table ip nat {{
  chain before {{
    type nat hook prerouting priority dstnat
    ip daddr {POOL} tcp dport 8443 dnat to {SERVING}:443
    ip daddr {POOL} udp dport 5353 dnat to {SERVING}:53
  }}
  chain after {{
    type nat hook postrouting priority srcnat
    ip saddr {NETWORKS[0]} oifname "nft-out" snat to {POOL}
    ip saddr {NETWORKS[0]} ip daddr {NETWORKS[0]} snat to {POOL}
  }}
  chain forward {{
    type filter hook forward priority filter
    ct state invalid drop
    iifname "nft-out" ct state new ct status & dnat == 0 drop
  }}
}}
"""


class Box:
    """One of the two, and what came out of it. `ports`: by (protocol, number), the outside port that it chose."""

    def __init__(self, spaces, name):
        self.name = name
        self.ports = {}
        self.sockets, self.macs = [], []
        self.markers = 0
        for side in ("in", "out"):
            spaces.link("ends", f"{name}-{side}-end", name, f"{name}-{side}")
            for namespace, device in ((name, f"{name}-{side}"), ("ends", f"{name}-{side}-end")):
                spaces.run(namespace, "ip", "link", "set", device, "up")
            mac = spaces.run(name, "cat", f"/sys/class/net/{name}-{side}/address").stdout.strip()
            self.macs.append(bytes.fromhex(mac.replace(":", "")))
            with lab.inside(spaces.name("ends")):
                end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                end.bind((f"{name}-{side}-end", 3))
                end.setblocking(False)
                self.sockets.append(end)

    def send(self, side, ip):
        source = bytes.fromhex(NEIGHBORS[side][1].replace(":", ""))
        self.sockets[side].send(self.macs[side] + source + b"\x08\x00" + bytes(ip))

    def receive(self):
        """Packets that are there, as (side, bytes); waits for one at least."""
        if not select.select(self.sockets, [], [], PATIENCE)[0]:
            raise lab.Failed(f"{self.name}: a marker did not come back")
        found = []
        for side, end in enumerate(self.sockets):
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame, address = end.recvfrom(4096)
                    if address[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x08\x00":
                        ip = frame[14:]
                        found.append((side, ip[:int.from_bytes(ip[2:4], "big")]))
        return found

    def exchange(self, side, packets):
        """Sends them by one side; all that comes out on both sides, in order for each side."""
        for ip in packets:
            self.send(side, ip)
        came = self.settle()
        if len(packets) > 1 or (side == INSIDE and bytes(packets[0])[16:20] == socket.inet_aton(POOL)):
            came += self.settle()  # fragments wait for their first one, a hairpin for its second turn
        return sorted(came, key=lambda each: each[0])

    def settle(self):
        """What came out while a marker went out and was answered: it is behind all packets of either side."""
        self.markers += 1
        mark = b"marker" + self.markers.to_bytes(8, "big")
        self.send(INSIDE, IP(src="10.1.0.9", dst="10.2.0.9") / UDP(sport=9, dport=9) / Raw(mark))
        came, answered = [], False
        until = time.monotonic() + PATIENCE
        while not answered and time.monotonic() < until:
            for where, ip in self.receive():
                if mark not in ip:
                    came.append((where, ip))
                elif where == INSIDE:
                    answered = True
                else:
                    seen = IP(ip)
                    self.send(OUTSIDE, IP(src=seen.dst, dst=seen.src) / UDP(sport=9, dport=seen.sport) / Raw(mark))
        if answered:
            return came
        raise lab.Failed(f"{self.name}: a marker did not come back")

    def label(self, protocol, port):
        return next((label for label, known in self.ports.items() if (label[0], known) == (protocol, port)), port)

    def words(self, ip, whole=True):
        """A packet as a dict that is the same for the same packet of both boxes; `whole`: no part inside an error."""
        packet = IP(ip)
        words = {"from": packet.src, "to": packet.dst, "protocol": packet.proto, "tos": packet.tos, "id": packet.id,
                 "ttl": packet.ttl, "flags": str(packet.flags), "offset": packet.frag, "length": packet.len,
                 "options": ip[20:packet.ihl * 4].hex(), "checksum": sum_of(ip[:packet.ihl * 4]) == 0xffff}
        body = ip[packet.ihl * 4:]
        if packet.src in (GATEWAY_IN, GATEWAY_OUT):
            for free in ("tos", "id", "ttl", "length", "flags"):  # of the box's own making
                del words[free]
        if packet.frag:
            return words | {"bytes": body.hex()}
        source, destination, identifier = (int.from_bytes(body[at:at + 2], "big") for at in (0, 2, 4))
        if packet.proto in (6, 17):
            at, begin = (16, 20) if packet.proto == 6 else (6, 8)
            words |= {"ports": (self.label(packet.proto, source) if packet.src == POOL else source,
                                self.label(packet.proto, destination) if packet.dst == POOL else destination),
                      "header": (body[4:at] + body[at + 2:begin]).hex(), "payload": body[begin:].hex()}
            complete = whole and packet.flags.MF == 0
            words["sum"] = "none" if body[at:at + 2] == b"\0\0" else complete and transport_sum(packet, body) == 0xffff
        elif packet.proto == 1:
            words |= {"type": body[0], "code": body[1]}
            words["sum"] = whole and sum_of(body) == 0xffff
            if body[0] in ERRORS and whole:
                words |= {"rest": body[4:8].hex(), "about": self.words(body[8:36], whole=False)}
            else:
                words |= {"query": self.label(packet.proto, identifier) if POOL in (packet.src, packet.dst) else identifier,
                          "payload": body[6:].hex()}
        else:
            words["payload"] = body.hex()
        return words


def sum_of(data):
    """RFC 1071: 0xffff when a checksum among the bytes is right."""
    total = sum(int.from_bytes(data[at:at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def transport_sum(packet, body):
    pseudo = socket.inet_aton(packet.src) + socket.inet_aton(packet.dst)
    return sum_of(pseudo + bytes([0, packet.proto]) + len(body).to_bytes(2, "big") + body)


def joined(pieces):
    """The datagram that these fragments make."""
    first, *others = sorted(map(IP, pieces), key=lambda piece: piece.frag)
    whole = first.copy()
    whole.flags, whole.len, whole.chksum = 0, None, None
    return bytes(whole / Raw(b"".join(bytes(piece.payload) for piece in others)))


def about(ip):
    """The packet inside an ICMP error."""
    return ip[(ip[0] & 15) * 4 + 8:]


def prepare_linux(spaces):
    """The namespace `nft` as a router with the rules above; skips where the kernel cannot."""
    spaces.sysctl("nft", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                  "net.ipv4.conf.all.send_redirects=0", "net.ipv4.conf.default.send_redirects=0",
                  "net.ipv4.icmp_ratelimit=0")
    for device in ("nft-in", "nft-out"):
        spaces.sysctl("nft", f"net.ipv4.conf.{device}.rp_filter=0", f"net.ipv4.conf.{device}.send_redirects=0")
    for side, (device, own) in enumerate((("nft-in", GATEWAY_IN), ("nft-out", GATEWAY_OUT))):
        address, mac = NEIGHBORS[side]
        spaces.run("nft", "ip", "address", "add", f"{own}/24", "dev", device)
        spaces.run("nft", "ip", "neigh", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent")
        spaces.run("nft", "ip", "route", "add", NETWORKS[side], "via", address)
    spaces.run("nft", "ip", "link", "set", "nft-out", "mtu", str(MTU_OUT))
    done = subprocess.run(["ip", "netns", "exec", spaces.name("nft"), "nft", "-f", "-"], input=RULES, capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        lab.skip(f"this kernel has no nftables with NAT: {done.stderr}")
    spaces.sysctl("nft", "net.netfilter.nf_conntrack_tcp_loose=0")


class TwoNats(lab.TestCase):
    """Base of tests that send the same through both."""

    @classmethod
    def setUpClass(cls):
        cls.spaces = spaces = lab.Namespaces("ends", "nat", "nft")
        cls.addClassCleanup(spaces.close)
        for namespace in ("ends", "nat", "nft"):
            spaces.sysctl(namespace, "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        cls.boxes = [Box(spaces, "nat"), Box(spaces, "nft")]
        prepare_linux(spaces)
        cls.firewall = lab.Nat(spaces, PROFILE, namespace="nat")
        cls.firewall.start()
        # Packets stay in order only when one CPU sends them. The gateway, started before, may use all.
        cls.addClassCleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        cls.next_port = 30000

    def both(self, side, make):
        """What comes out of each box as (side, bytes). make(box): a packet, or a list of them."""
        came = []
        for box in self.boxes:
            made = make(box) if callable(make) else make
            came.append(box.exchange(side, made if isinstance(made, list) else [made]))
        return came

    def same(self, side, make, sides):
        """Both boxes send the same packets by these sides; returns vnf-nat's as bytes and checks them in words."""
        came = self.both(side, make)
        ours, linux = ([(where, box.words(ip)) for where, ip in each] for box, each in zip(self.boxes, came, strict=True))
        self.assertEqual(ours, linux, "vnf-nat's, Linux's")
        self.assertEqual([where for where, _ in ours], list(sides), ours)
        for _, words in ours:
            self.assertTrue(words["checksum"], words)
            self.assertTrue(words.get("sum", True) or words["flags"] == "MF", words)
        return [ip for _, ip in came[0]]

    def differs(self, side, make, ours, linux):
        """They differ, on purpose: the sides by which each sends; returns the packets of each."""
        came = self.both(side, make)
        self.assertEqual([[where for where, _ in each] for each in came], [list(ours), list(linux)])
        return [[ip for _, ip in each] for each in came]

    def begin(self, packet):
        """The first packet of a session, from inside; a name for its outside port."""
        name = (packet.proto, len(self.boxes[0].ports))
        for box, came in zip(self.boxes, self.both(INSIDE, packet), strict=True):
            self.assertEqual([where for where, _ in came], [OUTSIDE], box.name)
            seen = IP(came[0][1])
            self.assertEqual(seen.src, POOL)
            box.ports[name] = seen[ICMP].id if ICMP in seen else seen.sport
        self.same(INSIDE, packet, [OUTSIDE])
        return name

    def port(self):
        type(self).next_port += 1
        return self.next_port

    def udp(self, source=HOST, to=SERVER, port=53):
        packet = IP(src=source, dst=to, id=100, tos=0x2e) / UDP(sport=self.port(), dport=port) / Raw(b"question")
        return packet, self.begin(packet)
