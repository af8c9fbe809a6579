# SPDX-License-Identifier: BSD-3-Clause
"""Random conversations, built by scapy, as packets that go in from the left or from the right in rounds.

Each packet can be told at the far side: by its IPv4 id or IPv6 flow label, with the fragment's offset.
"""

import logging

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment  # noqa: E402
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, IPv6,  # noqa: E402
                                IPv6ExtHdrFragment, fragment6)
from scapy.packet import Raw  # noqa: E402

import oracle_rules  # noqa: E402

WINDOW = 20000


class Sent:
    """One packet of a conversation. `stricter`: the firewall may stop it though nftables lets it pass."""

    def __init__(self, side, data, what, fragment=False, stricter=False):
        self.side = side
        self.data = data
        self.what = what
        self.fragment = fragment
        self.stricter = stricter
        self.key = key_of(data)


def key_of(ip):
    """What tells a packet from all others of its rule set, from its bytes; None for other protocols."""
    if len(ip) >= 20 and ip[0] >> 4 == 4:
        offset = int.from_bytes(ip[6:8], "big") & 0x1FFF
        return (4, int.from_bytes(ip[4:6], "big"), offset, ip[12:16])
    if len(ip) >= 40 and ip[0] >> 4 == 6:
        offset = int.from_bytes(ip[42:44], "big") >> 3 if ip[6] == 44 and len(ip) >= 48 else 0
        return (6, int.from_bytes(ip[1:4], "big") & 0xFFFFF, offset, ip[8:24])
    return None


class Maker:
    """Makes conversations over a universe of hosts; ids are unique within one maker."""

    def __init__(self, rng, universe, fragments4=True):
        self.rng = rng
        self.universe = universe
        self.next_id = 1
        self.fragments4 = fragments4

    def conversation(self):
        kinds = ((self.tcp, 10), (self.tcp_stray, 3), (self.udp, 5), (self.icmp, 4), (self.stray_error, 1),
                 (self.generic, 1), (self.fragments, 2))
        kind = self.rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        return Conversation(self, self.rng.choice((4, 6)), self.rng.choice((0, 1))).fill(kind)

    def tcp(self, talk):
        rng = self.rng
        talk.ports(rng.randint(20000, 60000), rng.choice(oracle_rules.PORTS))
        talk.sequences(rng.getrandbits(32), rng.getrandbits(32))
        talk.tcp(0, rng.choice(("S", "S", "S", "SEC", "SU")), "syn")
        if rng.random() < 0.15:
            return talk.tcp(0, "S", "syn again", advance=False)
        talk.tcp(1, "SA", "syn+ack")
        talk.tcp(0, "A", "handshake's ack")
        talk.tcp(0, "PA", "request", size=rng.randint(1, 800))
        talk.tcp(1, "A", "its ack")
        for _ in range(rng.randint(0, 2)):
            rng.choice((self.far_ahead, self.unsent_ack, self.far_reset, self.error_about, self.mixed_flags, self.syn_inside,
                        self.far_behind))(talk)
        talk.tcp(1, "PA", "answer", size=rng.randint(1, 1000))
        talk.tcp(0, "A", "its ack")
        if rng.random() < 0.3:
            return talk.tcp(rng.choice((0, 1)), "RA", "reset")
        talk.tcp(0, "FA", "fin")
        talk.tcp(1, "FA", "fin+ack")
        return talk.tcp(0, "A", "last ack")

    def far_ahead(self, talk):
        talk.tcp(self.rng.choice((0, 1)), "PA", "data beyond the window", size=10, shift=WINDOW * 40, advance=False)

    def unsent_ack(self, talk):
        talk.tcp(self.rng.choice((0, 1)), "A", "ack of what was never sent", ack_shift=WINDOW * 40, advance=False)

    def far_reset(self, talk):
        talk.tcp(self.rng.choice((0, 1)), "R", "reset beyond the window", shift=WINDOW * 40, advance=False)

    def mixed_flags(self, talk):
        talk.tcp(0, self.rng.choice(("SF", "SR", "FPU", "", "SFPU", "FR")), "flags no TCP sends", advance=False)

    def error_about(self, talk):
        if talk.refused and self.rng.random() < 0.5:
            talk.error(talk.refused, stricter=True)
        else:
            talk.error(talk.last_of(0))

    def syn_inside(self, talk):
        talk.tcp(0, "S", "syn inside the connection", shift=self.rng.choice((0, WINDOW * 40)), advance=False, stricter=True)

    def far_behind(self, talk):
        talk.tcp(self.rng.choice((0, 1)), "PA", "data long gone", size=10, shift=-WINDOW * 40, advance=False, stricter=True)

    def tcp_stray(self, talk):
        rng = self.rng
        talk.ports(rng.randint(20000, 60000), rng.choice(oracle_rules.PORTS))
        talk.sequences(rng.getrandbits(32), rng.getrandbits(32))
        talk.tcp(0, rng.choice(("A", "PA", "SA", "R", "RA", "FA", "F", "SF", "")), "segment of no connection",
                 size=rng.choice((0, 20)))
        talk.tcp(1, rng.choice(("A", "SA", "RA")), "its answer")

    def udp(self, talk):
        rng = self.rng
        talk.ports(rng.randint(20000, 60000), rng.choice(oracle_rules.PORTS))
        talk.udp(0, "request")
        if rng.random() < 0.3:
            return talk.error(talk.last_of(0))
        for side in rng.choices((0, 1), k=rng.randint(1, 4)):
            talk.udp(side, "datagram")
        return talk

    def icmp(self, talk):
        rng = self.rng
        if rng.random() < 0.2:
            return talk.echo(1, True, "reply nobody asked for")
        talk.echo(0, False, "echo request")
        talk.echo(1, True, "echo reply")
        if rng.random() < 0.3:
            talk.echo(1, True, "reply with another id", id_shift=1)
        if rng.random() < 0.3:
            return talk.error(talk.last_of(0))
        talk.echo(0, False, "echo request")
        return talk.echo(1, True, "echo reply")

    def stray_error(self, talk):
        """An ICMP error about a packet that never was."""
        rng = self.rng
        talk.ports(rng.randint(20000, 60000), rng.choice(oracle_rules.PORTS))
        talk.error(bytes(talk.ip(0) / UDP(sport=talk.port[0], dport=talk.port[1]) / Raw(b"never sent")))

    def generic(self, talk):
        for side in self.rng.choices((0, 1), k=3):
            talk.raw(side)

    def fragments(self, talk):
        rng = self.rng
        if talk.family == 4 and not self.fragments4:
            return self.udp(talk)
        talk.ports(rng.randint(20000, 60000), rng.choice(oracle_rules.PORTS))
        talk.fragments(0, rng.randint(600, 1400))
        talk.udp(1, "answer to fragments")
        return talk


class Conversation:
    """Packets between an initiator (0) and a responder (1); list of rounds, each a list of Sent."""

    def __init__(self, maker, family, side):
        rng = maker.rng
        self.maker = maker
        self.rng = rng
        self.family = family
        self.side = side
        self.host = [rng.choice(maker.universe.hosts[family][side]), rng.choice(maker.universe.hosts[family][1 - side])]
        self.dscp = rng.choice((0, 0, 10, 46))
        self.rounds = []
        self.port = [0, 0]
        self.sequence = [0, 0]
        self.echo_id = rng.getrandbits(16)
        self.latest = {}
        self.refused = None  # the initiator's latest segment that no window takes
        self.name = ""

    def fill(self, kind):
        self.name = kind.__name__
        kind(self)
        return self

    def ports(self, from_port, to_port):
        self.port = [from_port, to_port]

    def sequences(self, first, second):
        self.sequence = [first, second]

    def ip(self, who, source=None, **fields):
        number = self.maker.next_id
        self.maker.next_id += 1
        source = source or self.host[who]
        if self.family == 4:
            return IP(src=source, dst=self.host[1 - who], id=number, tos=self.dscp << 2, ttl=64, **fields)
        return IPv6(src=source, dst=self.host[1 - who], fl=number, tc=self.dscp << 2, hlim=64, **fields)

    def add(self, who, packet, what, valid=True, stricter=False):
        data = bytes(packet)
        if valid:
            self.latest[who] = data
        elif who == 0:
            self.refused = data
        self.rounds.append([Sent(self.side ^ who, data, what, stricter=stricter)])
        return self

    def last_of(self, who):
        return self.latest[who]

    def tcp(self, who, flags, what, size=0, shift=0, ack_shift=0, advance=True,
            stricter=False):
        segment = TCP(sport=self.port[who], dport=self.port[1 - who], flags=flags, window=WINDOW,
                      seq=(self.sequence[who] + shift) % 2**32,
                      ack=(self.sequence[1 - who] + ack_shift) % 2**32 if "A" in flags else 0)
        self.add(who, self.ip(who) / segment / Raw(bytes(size)), f"{what} [{flags}]", valid=advance, stricter=stricter)
        if advance:
            self.sequence[who] += size + ("S" in flags) + ("F" in flags)
        return self

    def udp(self, who, what):
        return self.add(who, self.ip(who) / UDP(sport=self.port[who], dport=self.port[1 - who]) / Raw(b"payload"), what)

    def echo(self, who, reply, what, id_shift=0):
        number = (self.echo_id + id_shift) % 2**16
        if self.family == 4:
            message = ICMP(type=0 if reply else 8, id=number, seq=1)
        else:
            message = (ICMPv6EchoReply if reply else ICMPv6EchoRequest)(id=number, seq=1)
        return self.add(who, self.ip(who) / message / Raw(b"ping"), what)

    def error(self, about, stricter=False):
        """What the responder, or a router beside it, says about a packet of the initiator."""
        source = self.rng.choice((None, self.rng.choice(self.maker.universe.hosts[self.family][1 - self.side])))
        if self.family == 4:
            code = self.rng.choice((0, 1, 3, 4, 13))
            message = ICMP(type=3, code=code, nexthopmtu=1400 if code == 4 else 0) / Raw(about[:28])
        elif self.rng.random() < 0.3:
            message = ICMPv6PacketTooBig(mtu=1400) / Raw(about[:200])
        else:
            message = ICMPv6DestUnreach(code=self.rng.choice((0, 1, 3, 4))) / Raw(about[:200])
        return self.add(1, self.ip(1, source=source) / message, f"ICMP error about {about[:60].hex()}",
                        stricter=stricter)

    def raw(self, who):
        if self.family == 4:
            return self.add(who, self.ip(who, proto=oracle_rules.GENERIC) / Raw(b"generic payload"), "protocol 99")
        return self.add(who, self.ip(who, nh=oracle_rules.GENERIC) / Raw(b"generic payload"), "protocol 99")

    def fragments(self, who, size):
        payload = UDP(sport=self.port[who], dport=self.port[1 - who]) / Raw(bytes(size))
        if self.family == 4:
            pieces = [bytes(piece) for piece in fragment(self.ip(who) / payload, fragsize=400)]
        else:
            whole = self.ip(who) / IPv6ExtHdrFragment(id=self.rng.getrandbits(32)) / payload
            pieces = [bytes(piece) for piece in fragment6(whole, 480)]
        if self.rng.random() < 0.5:
            self.rng.shuffle(pieces)
        self.rounds.append([Sent(self.side ^ who, piece, f"fragment {number} of {len(pieces)} in this order", fragment=True)
                            for number, piece in enumerate(pieces, 1)])
        return self


def marker(side, number):
    """A packet that every rule set lets through, told by its number. It says that all before it have been through."""
    source, destination = ("10.1.0.9", "10.2.0.9") if side == 0 else ("10.2.0.9", "10.1.0.9")
    port = oracle_rules.MARKER_PORT
    return bytes(IP(src=source, dst=destination, id=0xFFFF) / UDP(sport=port, dport=port) /
                 Raw(b"marker" + number.to_bytes(8, "big")))


def marker_number(ip):
    at = ip.find(b"marker", 28, 40)
    return int.from_bytes(ip[at + 6:at + 14], "big") if at > 0 else None
