# SPDX-License-Identifier: BSD-3-Clause
"""ICMP through the NAT gateway with Linux as the oracle: as nat_oracle_test.py, for queries and errors."""

import lab
from oracle_nat import (GATEWAY_IN, GATEWAY_OUT, HOST, ICMP, INSIDE, IP, MTU_OUT, NOTHING, OUTSIDE, POOL, ROUTER, SERVER,
                        STRANGER, TCP, UDP, Raw, TwoNats, about)

ERRORS = ((3, 1, 0), (3, 3, 0), (3, 4, 1300), (3, 13, 0), (11, 0, 0), (12, 0, 0))


class NatIcmpOracle(TwoNats):
    def echo(self):
        identifier = self.port()
        packet = IP(src=HOST, dst=SERVER, id=400) / ICMP(type=8, id=identifier, seq=1) / Raw(b"ping" * 10)
        return packet, self.begin(packet)

    def test_echo(self):
        packet, name = self.echo()

        def reply(source=SERVER, shift=0):
            return lambda box: (IP(src=source, dst=POOL, id=401) /
                                ICMP(type=0, id=box.ports[name] + shift, seq=1) / Raw(b"ping" * 10))

        self.same(OUTSIDE, reply(), [INSIDE])
        self.same(OUTSIDE, reply(source=STRANGER), NOTHING)
        self.same(OUTSIDE, reply(shift=1), NOTHING)
        self.same(INSIDE, IP(src=HOST, dst=SERVER) / ICMP(type=0, id=5, seq=1), NOTHING)
        packet[ICMP].seq = 2
        self.same(INSIDE, packet, [OUTSIDE])

    def test_timestamps(self):
        packet = IP(src=HOST, dst=SERVER, id=402) / ICMP(type=13, id=self.port(), seq=1, ts_ori=1, ts_rx=0, ts_tx=0)
        name = self.begin(packet)
        self.same(OUTSIDE, lambda box: IP(src=SERVER, dst=POOL) / ICMP(type=14, id=box.ports[name], seq=1, ts_ori=1, ts_rx=2,
                                                                       ts_tx=3), [INSIDE])

    def test_other_messages(self):
        packet, name = self.echo()
        # Nobody behind a router has a use for these.
        self.same(INSIDE, [IP(src=HOST, dst=SERVER, proto=1) / Raw(bytes(ICMP(type=kind, id=7)))
                           for kind in (9, 10, 16, 18, 30, 42)], NOTHING)
        for kind in (15, 17):  # queries that RFC 6918 takes back; conntrack still knows them
            self.differs(INSIDE, IP(src=HOST, dst=SERVER, proto=1) / Raw(bytes(ICMP(type=kind, id=7))), NOTHING, [OUTSIDE])
        seen = self.as_seen

        def error(kind):
            return lambda box: (IP(src=ROUTER, dst=POOL) / ICMP(type=kind, code=0) / Raw(seen(box, packet, name)))

        self.same(OUTSIDE, error(5), NOTHING)  # a redirect, which would name an address outside
        self.same(OUTSIDE, error(4), [INSIDE])

    def sessions(self):
        """One session of each protocol: the packet that began it and the name of its port."""
        segment = IP(src=HOST, dst=SERVER, id=300) / TCP(sport=self.port(), dport=80, seq=1000, options=[("MSS", 1460)])
        unsummed = IP(src=HOST, dst=SERVER, id=301) / UDP(sport=self.port(), dport=53, chksum=0) / Raw(b"question")
        return [(segment, self.begin(segment)), self.udp(), (unsummed, self.begin(unsummed)), self.echo()]

    @staticmethod
    def as_seen(box, packet, name):
        """The packet as a router outside saw it."""
        seen = packet.copy()
        seen.src, seen.ttl = POOL, 60
        if ICMP in seen:
            seen[ICMP].id = box.ports[name]
        else:
            seen.sport = box.ports[name]
        del seen.chksum
        if UDP not in seen or seen[UDP].chksum != 0:
            del seen[1].chksum
        return bytes(seen)

    def test_errors_from_outside(self):
        """RFC 5508 REQ-4: they come to the host, about the packet that it sent."""
        for packet, name in self.sessions():
            sent = packet.copy()
            sent.ttl = 60
            sent = bytes(sent)
            variants = [(kind, code, mtu, source, part) for kind, code, mtu in ERRORS for source in (SERVER, ROUTER)
                        for part in (28, 200)]
            with self.subTest(packet=packet.summary()):
                came = self.same(OUTSIDE, lambda box, packet=packet, name=name: [
                    IP(src=source, dst=POOL, id=9) / ICMP(type=kind, code=code, nexthopmtu=mtu) /
                    Raw(self.as_seen(box, packet, name)[:part]) for kind, code, mtu, source, part in variants],
                                 [INSIDE] * len(variants))
                for (kind, code, _, source, part), ip in zip(variants, came, strict=True):
                    self.assertEqual((IP(ip).src, IP(ip).dst, IP(ip)[ICMP].type, IP(ip)[ICMP].code),
                                     (source, HOST, kind, code))
                    self.assertEqual(about(ip), sent[:part])
            self.same(INSIDE, packet, [OUTSIDE])  # RFC 5508 REQ-6: nothing ended

    def test_errors_from_inside(self):
        """RFC 5508 REQ-5: they show the outside address, also those of a router inside."""
        for packet, name in self.sessions()[:3]:
            back = IP(src=SERVER, dst=HOST, id=77, ttl=60) / packet[1].copy()
            back.sport, back.dport = packet.dport, packet.sport
            unsummed = UDP in back and back[UDP].chksum == 0
            if not unsummed:
                del back[1].chksum
            for source in (HOST, "10.1.200.1"):
                with self.subTest(packet=packet.summary(), source=source):
                    came = self.both(INSIDE, IP(src=source, dst=SERVER, id=10) / ICMP(type=3, code=3) / Raw(bytes(back)))
                    self.same(INSIDE, IP(src=source, dst=SERVER, id=10) / ICMP(type=3, code=3) / Raw(bytes(back)), [OUTSIDE])
                    for box, ((_, ip),) in zip(self.boxes, came, strict=True):
                        expected = back.copy()
                        expected.dst, expected.dport = POOL, box.ports[name]
                        del expected.chksum
                        if not unsummed:
                            del expected[1].chksum
                        self.assertEqual(about(ip), bytes(expected), box.name)
                        self.assertEqual(IP(ip).src, POOL, box.name)

    def test_errors_about_nothing_known(self):
        packet, name = self.udp()

        def error(change=lambda seen: seen, **more):
            return lambda box: (IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1, **more) /
                                Raw(change(self.as_seen(box, packet, name))))

        self.same(OUTSIDE, error(), [INSIDE])
        self.same(OUTSIDE, error(chksum=0x1234), NOTHING)  # RFC 5508 REQ-3
        self.same(OUTSIDE, error(lambda seen: seen[:20] + b"\0\1" + seen[22:]), NOTHING)  # another port
        self.same(OUTSIDE, error(lambda seen: seen[:16] + b"\1\2\3\4" + seen[20:]), NOTHING)  # another server
        self.same(OUTSIDE, error(lambda seen: seen[:20]), NOTHING)
        self.same(OUTSIDE, error(lambda seen: b""), NOTHING)

    def test_what_an_error_quotes_is_taken_as_it_is(self):
        """RFC 5508 REQ-3 b: neither the checksum nor the length of the packet inside says anything; it may be the first
        fragment of one, but no later fragment, which has no ports."""
        packet, name = self.udp()

        def error(change, code=1, **outer):
            return lambda box: (IP(src=ROUTER, dst=POOL, **outer) / ICMP(type=3, code=code) /
                                Raw(change(self.as_seen(box, packet, name))))

        self.same(OUTSIDE, error(lambda seen: seen[:10] + b"\x12\x34" + seen[12:]), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen[:2] + b"\x0b\xb8" + seen[4:]), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen[:6] + b"\x20\0" + seen[8:]), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen[:6] + b"\0\x0a" + seen[8:]), NOTHING)
        self.same(OUTSIDE, error(lambda seen: b"\x46" + seen[1:20] + b"\x01\x01\x01\0" + seen[20:]), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen, code=200), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen, options=b"\x01\x01\x01\0"), [INSIDE])
        self.same(OUTSIDE, error(lambda seen: seen, ttl=1), NOTHING)
        # An error about an error: RFC 1122 section 3.2.2 wants none to be sent.
        self.same(OUTSIDE, lambda box: IP(src=ROUTER, dst=POOL) / ICMP(type=3, code=1) / Raw(bytes(
            IP(src=POOL, dst=SERVER) / ICMP(type=3, code=1) / Raw(self.as_seen(box, packet, name)))), NOTHING)

    # --- what the box itself says ---

    def test_a_ttl_that_runs_out(self):
        packet, name = self.udp()
        packet.ttl = 1
        (ip,) = self.same(INSIDE, packet, [INSIDE])
        self.assertEqual(IP(ip).src, GATEWAY_IN)
        self.assertEqual(about(ip)[:28], bytes(packet)[:28])
        # Linux says it as the host that the packet was for; RFC 1812 section 4.3.2.4 wants an address of the router.
        (ours,), (linux,) = self.differs(OUTSIDE, lambda box: IP(src=SERVER, dst=POOL, ttl=1) /
                                         UDP(sport=53, dport=box.ports[name]), [OUTSIDE], [OUTSIDE])
        self.assertEqual((IP(ours).src, IP(linux).src), (GATEWAY_OUT, POOL))
        ours, linux = (box.words(about(ip), whole=False) for box, ip in zip(self.boxes, (ours, linux), strict=True))
        self.assertEqual(ours, linux)

    def test_a_packet_too_big(self):
        """RFC 4787 REQ-13."""
        packet = IP(src=HOST, dst=SERVER, flags="DF", id=1) / UDP(sport=self.port(), dport=53) / Raw(bytes(MTU_OUT - 27))
        (ip,) = self.same(INSIDE, packet, [INSIDE])
        self.assertEqual((IP(ip).src, IP(ip)[ICMP].code, IP(ip)[ICMP].nexthopmtu), (GATEWAY_IN, 4, MTU_OUT))
        self.assertEqual(about(ip)[:28], bytes(packet)[:28])


if __name__ == "__main__":
    lab.need("ip", "ethtool", "nft", "sysctl")
    lab.main()
