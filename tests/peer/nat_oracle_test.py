# SPDX-License-Identifier: BSD-3-Clause
"""Linux's NAT (nftables, conntrack) as the oracle of translations.

The same packets go through vnf-nat and through a Linux router that is told the same; what comes out, on either side, must
be the same in every field: addresses, ports, TTL, identification, flags, options, checksums, payload, and the packet
inside an ICMP error. The outside port is each box's own choice and goes by a name; so do the TTL, TOS, identification and
length of the errors that a box itself makes (RFC 1812 section 4.3.2 leaves them to it).

Where they differ, the test says in what and by which clause.
"""

import lab
from oracle_nat import (HOST, ICMP, INSIDE, IP, MTU_OUT, NOTHING, OTHER, OUTSIDE, POOL, SERVER, SERVING, STRANGER, TCP, UDP,
                        Raw, TwoNats, joined)


class NatOracle(TwoNats):
    # --- UDP ---

    def test_udp_and_its_answers(self):
        packet, name = self.udp()

        def answer(source=SERVER, port=53, **more):
            return lambda box: (IP(src=source, dst=POOL, id=7, **more) /
                                UDP(sport=port, dport=box.ports[name]) / Raw(b"answer"))

        for more in ({}, {"tos": 0xb8}, {"flags": "DF"}, {"ttl": 2}, {"options": b"\x01\x01\x01\x00"}):
            with self.subTest(more=more):
                self.same(OUTSIDE, answer(**more), [INSIDE])
                self.same(INSIDE, IP(src=HOST, dst=SERVER, id=8, **more) / packet[UDP], [OUTSIDE])
        # RFC 4787 REQ-8: by address and port, as conntrack does.
        self.same(OUTSIDE, answer(port=54), NOTHING)
        self.same(OUTSIDE, answer(source=STRANGER), NOTHING)
        self.same(OUTSIDE, IP(src=SERVER, dst=POOL) / UDP(sport=53, dport=19999) / Raw(b"x"), NOTHING)
        self.same(OUTSIDE, answer(), [INSIDE])

    def test_udp_without_a_checksum_keeps_none(self):
        packet, name = self.udp()
        packet[UDP].chksum = 0
        self.same(INSIDE, packet, [OUTSIDE])
        self.same(OUTSIDE, lambda box: IP(src=SERVER, dst=POOL) / UDP(sport=53, dport=box.ports[name], chksum=0) /
                  Raw(b"answer"), [INSIDE])

    def test_what_is_no_packet(self):
        packet, _ = self.udp()
        whole = bytes(packet)
        for number, wrong in enumerate((
                whole[:10] + b"\x12\x34" + whole[12:],  # the header's checksum
                whole[:24] + b"\0\7" + whole[26:],  # a length that is less than the header's
                whole[:24] + b"\1\0" + whole[26:],  # more than there is
                bytes(IP(src="127.0.0.1", dst=SERVER) / packet[UDP]),
                bytes(IP(src="0.0.0.0", dst=SERVER) / packet[UDP]),
                bytes(IP(src="255.255.255.255", dst=SERVER) / packet[UDP]),
                bytes(IP(src="224.0.0.1", dst=SERVER) / packet[UDP]),
                bytes(IP(src=HOST, dst="127.0.0.1") / packet[UDP]),
                bytes(IP(src=HOST, dst=SERVER) / TCP(sport=1, dport=80, dataofs=15)))):
            with self.subTest(number=number):
                self.same(INSIDE, Raw(wrong), NOTHING)
        self.same(INSIDE, packet, [OUTSIDE])
        trailer = Raw(whole + bytes(18))  # of a short frame; the length says that it is none of the packet
        self.same(INSIDE, trailer, [OUTSIDE])

    def test_two_hosts_with_the_same_port(self):
        port = self.port()
        names = []
        for host in (HOST, OTHER):
            names.append(self.begin(IP(src=host, dst=SERVER) / UDP(sport=port, dport=53) / Raw(b"question")))
        for box in self.boxes:
            self.assertNotEqual(box.ports[names[0]], box.ports[names[1]], box.name)
        for host, name in zip((HOST, OTHER), names, strict=True):
            (ip,) = self.same(OUTSIDE, lambda box, name=name: IP(src=SERVER, dst=POOL) /
                              UDP(sport=53, dport=box.ports[name]) / Raw(b"answer"), [INSIDE])
            self.assertEqual((IP(ip).dst, IP(ip).dport), (host, port))

    def test_lengths_up_to_the_mtu(self):
        for size in (0, 1, 2, MTU_OUT - 29, MTU_OUT - 28):
            with self.subTest(size=size):
                data = bytes(index & 255 for index in range(size))
                self.begin(IP(src=HOST, dst=SERVER) / UDP(sport=self.port(), dport=53) / Raw(data))

    # --- TCP ---

    def connection(self, to=SERVER):
        """A connection before its first segment, as functions that make its segments; opened by `begin`."""
        port = self.port()

        def out(flags, seq, ack=0, data=b"", **more):
            return IP(src=HOST, dst=to, id=300) / TCP(sport=port, dport=80, flags=flags, seq=1000 + seq, ack=ack and
                                                      5000 + ack, window=20000, **more) / Raw(data)

        name = self.begin(out("S", 0, options=[("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)), ("WScale", 7)]))

        def answer(flags, seq, ack=0, data=b"", source=to, port=80, **more):
            return lambda box: (IP(src=source, dst=POOL, id=301) /
                                TCP(sport=port, dport=box.ports[name], flags=flags, seq=5000 + seq, ack=ack and 1000 + ack,
                                    window=20000, **more) / Raw(data))

        return out, answer

    def established(self):
        out, answer = self.connection()
        self.same(OUTSIDE, answer("SA", 0, 1, options=[("MSS", 1300), ("NOP", None), ("WScale", 7)]), [INSIDE])
        self.same(INSIDE, out("A", 1, 1), [OUTSIDE])
        return out, answer

    def test_tcp_from_its_beginning_to_its_end(self):
        out, answer = self.established()
        self.same(INSIDE, out("PA", 1, 1, b"request"), [OUTSIDE])
        self.same(OUTSIDE, answer("PA", 1, 8, b"response" * 100), [INSIDE])
        self.same(OUTSIDE, answer("PA", 1, 8, b"response" * 100), [INSIDE])  # again
        self.same(INSIDE, out("PAU", 8, 801, b"urgent", urgptr=3), [OUTSIDE])
        self.same(INSIDE, out("FA", 14, 801), [OUTSIDE])
        self.same(OUTSIDE, answer("A", 801, 15), [INSIDE])
        self.same(OUTSIDE, answer("FA", 801, 15), [INSIDE])
        self.same(INSIDE, out("A", 15, 802), [OUTSIDE])

    def test_tcp_that_is_reset(self):
        for side, sides in ((INSIDE, [OUTSIDE]), (OUTSIDE, [INSIDE])):
            with self.subTest(side=side):
                out, answer = self.established()
                self.same(side, out("R", 1) if side == INSIDE else answer("R", 1), sides)
        out, answer = self.connection()
        self.same(OUTSIDE, answer("RA", 0, 1), [INSIDE])

    def test_tcp_that_both_open(self):
        """RFC 5382 REQ-2: a simultaneous open."""
        out, answer = self.connection()
        self.same(OUTSIDE, answer("S", 0), [INSIDE])
        self.same(INSIDE, out("SA", 0, 1), [OUTSIDE])
        self.same(OUTSIDE, answer("SA", 0, 1), [INSIDE])
        self.same(INSIDE, out("A", 1, 1), [OUTSIDE])

    def test_tcp_that_nobody_opened(self):
        out, answer = self.established()
        self.same(OUTSIDE, answer("S", 0, source=STRANGER), NOTHING)
        self.same(OUTSIDE, answer("S", 0, port=81), NOTHING)
        for flags in ("A", "PA", "SA", "FA"):
            self.same(INSIDE, IP(src=HOST, dst=SERVER) / TCP(sport=self.port(), dport=80, flags=flags), NOTHING)
        for flags in ("SF", "FSRPAU", ""):  # no segment has these
            self.same(INSIDE, IP(src=HOST, dst=SERVER) / TCP(sport=self.port(), dport=80, flags=flags), NOTHING)
        self.same(INSIDE, out("PA", 1, 1, b"still here"), [OUTSIDE])

    # --- what is forwarded ---

    def test_forwarded_ports(self):
        for protocol, outside, inside in ((TCP, 8443, 443), (UDP, 5353, 53)):
            with self.subTest(protocol=protocol.__name__):
                port = self.port()
                call = IP(src=STRANGER, dst=POOL, id=20) / protocol(sport=port, dport=outside) / Raw(b"")
                (ip,) = self.same(OUTSIDE, call, [INSIDE])
                self.assertEqual((IP(ip).dst, IP(ip).dport), (SERVING, inside))
                reply = protocol(sport=inside, dport=port, **({"flags": "SA", "ack": 1} if protocol is TCP else {}))
                (ip,) = self.same(INSIDE, IP(src=SERVING, dst=STRANGER, id=21) / reply / Raw(b""), [OUTSIDE])
                self.assertEqual((IP(ip).src, IP(ip).sport), (POOL, outside))
                got = IP(src=STRANGER, dst=SERVING, id=20, ttl=60) / protocol(sport=port, dport=inside)
                self.same(INSIDE, IP(src=SERVING, dst=STRANGER) / ICMP(type=3, code=3) / Raw(bytes(got)), [OUTSIDE])
        self.same(OUTSIDE, IP(src=STRANGER, dst=POOL) / UDP(sport=5, dport=8443) / Raw(b"x"), NOTHING)
        self.same(OUTSIDE, IP(src=STRANGER, dst=POOL) / TCP(sport=5, dport=5353), NOTHING)

    def test_a_forwarded_port_from_inside(self):
        """RFC 4787 REQ-9, RFC 5382 REQ-8: hairpinning, with the caller's outside address and port."""
        port = self.port()
        call = IP(src=HOST, dst=POOL, id=30) / TCP(sport=port, dport=8443, flags="S")
        came = self.both(INSIDE, call)
        for box, ((side, ip),) in zip(self.boxes, came, strict=True):
            seen = IP(ip)
            self.assertEqual((side, seen.src, seen.dst, seen.dport), (INSIDE, POOL, SERVING, 443), box.name)
            box.ports[6, "hairpin"] = seen.sport
        self.same(INSIDE, call, [INSIDE])
        (ip,) = self.same(INSIDE, lambda box: IP(src=SERVING, dst=POOL, id=31) /
                          TCP(sport=443, dport=box.ports[6, "hairpin"], flags="SA", ack=1), [INSIDE])
        self.assertEqual((IP(ip).src, IP(ip).sport, IP(ip).dst, IP(ip).dport), (POOL, 8443, HOST, port))

    # --- fragments ---

    @staticmethod
    def pieces(packet, sizes):
        """Fragments of these sizes, the last one of what is left."""
        whole = bytes(packet)
        data, offset, made = whole[20:], 0, []
        for size in (*sizes, len(data)):
            part = data[offset:offset + size]
            piece = IP(src=packet.src, dst=packet.dst, id=packet.id, proto=packet.proto, frag=offset // 8,
                       flags="MF" if offset + len(part) < len(data) else 0) / Raw(part)
            made.append(piece)
            offset += len(part)
        return made

    def test_fragments(self):
        """RFC 4787 REQ-14. Linux puts a datagram together first and sends its fragments in order, of the sizes they had;
        vnf-nat sends each when it and the first have come. So they are compared in the order of their offsets."""
        question, name = self.udp()
        ping = IP(src=HOST, dst=SERVER) / ICMP(type=8, id=self.port(), seq=1) / Raw(b"ping")
        ping_name = self.begin(ping)
        data = Raw(bytes(index & 255 for index in range(2000)))
        kinds = ((INSIDE, lambda box: IP(src=HOST, dst=SERVER) / UDP(sport=question.sport, dport=53)),
                 (OUTSIDE, lambda box: IP(src=SERVER, dst=POOL) / UDP(sport=53, dport=box.ports[name])),
                 (OUTSIDE, lambda box: IP(src=STRANGER, dst=POOL) / UDP(sport=9, dport=5353)),
                 (INSIDE, lambda box: IP(src=HOST, dst=SERVER) / ICMP(type=8, id=ping[ICMP].id, seq=2)),
                 (OUTSIDE, lambda box: IP(src=SERVER, dst=POOL) / ICMP(type=0, id=box.ports[ping_name], seq=2)))
        for number, order in enumerate(((0, 1, 2), (2, 1, 0), (1, 0, 2), (0, 2, 1))):
            for kind, (side, make) in enumerate(kinds):
                with self.subTest(order=order, kind=kind):
                    def fragments(box, make=make, order=order, number=500 + 10 * number + kind):
                        packet = make(box) / data
                        packet.id = number
                        made = self.pieces(packet, (800, 800))
                        return [made[index] for index in order]

                    came = self.both(side, fragments)
                    ours, linux = (sorted((box.words(ip) for _, ip in each), key=lambda words: words["offset"])
                                   for box, each in zip(self.boxes, came, strict=True))
                    self.assertEqual(ours, linux)
                    self.assertEqual([words["offset"] for words in ours], [0, 100, 200])
                    self.assertEqual({where for where, _ in came[0]}, {1 - side})
                    self.assertIs(self.boxes[0].words(joined([ip for _, ip in came[0]]))["sum"], True)

    # --- decided to be different ---

    def test_a_port_for_all_servers(self):
        """RFC 4787 REQ-1: one mapping for all remote ends. Linux takes another port where the one it wants is in use."""
        port = self.port()
        self.begin(IP(src=HOST, dst=SERVER) / UDP(sport=port, dport=53) / Raw(b"x"))
        seen = []
        for server in (STRANGER, SERVER):
            packet = IP(src=OTHER, dst=server) / UDP(sport=port, dport=53) / Raw(b"x")
            seen.append([IP(ip).sport for (ip,) in self.differs(INSIDE, packet, [OUTSIDE], [OUTSIDE])])
        (ours, linux), (ours_then, linux_then) = seen
        self.assertEqual(ours, ours_then)
        self.assertNotEqual(linux, linux_then)

    def test_what_has_no_ports(self):
        """Linux translates addresses alone, so that one host at a time may use a protocol without ports; what many share
        an address for has ports or an identifier (RFC 6888 section 2), and who uses another protocol is told (RFC 6146
        section 3.4)."""
        (ours,), _ = self.differs(INSIDE, IP(src=HOST, dst=SERVER, proto=99) / Raw(b"x" * 20), [INSIDE], [OUTSIDE])
        error = IP(ours)[ICMP]
        self.assertEqual((error.type, error.code), (3, 2))

    def test_segments_that_no_window_takes(self):
        """Conntrack drops them; RFC 5382 asks a NAT to watch a connection's state and not its windows, and RFC 7857
        section 2.2 is content when a reset that was forged ends nothing."""
        out, answer = self.established()
        self.differs(OUTSIDE, answer("PA", 40_000_000, 1, b"x"), [INSIDE], NOTHING)
        self.differs(OUTSIDE, answer("R", 40_000_000), [INSIDE], NOTHING)
        self.same(INSIDE, out("PA", 1, 1, b"still here"), [OUTSIDE])
        self.same(OUTSIDE, answer("PA", 1, 11, b"here too"), [INSIDE])

    def test_sums_that_are_wrong(self):
        """Conntrack drops them. Here the receiver does, for the change of a wrong sum is a wrong sum (RFC 1624)."""
        packet, _ = self.udp()
        packet[UDP].chksum = 0x1234
        (ours,), _ = self.differs(INSIDE, packet, [OUTSIDE], NOTHING)
        self.assertFalse(self.boxes[0].words(ours)["sum"])
        out, _ = self.established()
        (ours,), _ = self.differs(INSIDE, out("PA", 1, 1, b"x", chksum=0x1234), [OUTSIDE], NOTHING)
        self.assertFalse(self.boxes[0].words(ours)["sum"])

    def test_a_datagram_too_big_without_df(self):
        """RFC 1812 section 4.2.2.7: both send it in pieces, each of its own choice of sizes."""
        packet = IP(src=HOST, dst=SERVER, id=600) / UDP(sport=self.port(), dport=53) / Raw(bytes(MTU_OUT + 30))
        for box, came in zip(self.boxes, self.both(INSIDE, packet), strict=True):
            self.assertEqual([where for where, _ in came], [OUTSIDE] * 2, box.name)
            whole = joined([ip for _, ip in came])
            self.assertEqual((whole[28:], box.words(whole)["sum"]), (bytes(MTU_OUT + 30), True), box.name)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "nft", "sysctl")
    lab.main()
