# SPDX-License-Identifier: BSD-3-Clause
"""Telephones behind the NAT gateway: sipp calls sipp, over UDP and TCP, and media come in by the ports it was told."""

import ipaddress
import re
import socket

import lab
from lab import SERVER4

PROFILE = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text() + """
  static:
    - {inside: 192.0.2.30, outside: 198.51.100.90}
  alg: [ftp, sip]
"""
CLIENT4 = "192.0.2.10"
PHONE4 = "192.0.2.30"
FORWARDED = "198.51.100.90"
POOL = ipaddress.ip_network("198.51.100.64/28")
CALLS = 60


class Called:
    """A sipp that answers calls, and what it was told."""

    def __init__(self, place, namespace, address, transport, *more):
        self.lab = place
        self.messages = place.folder / f"{namespace}-{transport}-{len(place.processes)}.messages"
        self.process = place.start(
            namespace, f"uas-{namespace}-{transport}.log", "sipp", "-sn", "uas", "-i", address, "-mi", address, "-p",
            "5060", "-t", transport, "-nostdin", "-trace_msg", "-message_file", str(self.messages), *more)
        kind = "--udp" if transport == "u1" else "--tcp"
        lab.wait(10, "sipp", lambda: ":5060 " in place.run(namespace, "ss", kind, "--listening", "--numeric",
                                                           "--no-header").stdout)

    def received(self):
        """The messages that came to it, each a text."""
        if not self.messages.exists():
            return []
        parts = re.split(r"^-{10,} .*$", self.messages.read_text(errors="replace"), flags=re.MULTILINE)
        return [part for part in parts if "message received" in part]

    def end(self):
        self.lab.end(self.process)


class SipAlg(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        # Nothing outside knows a way to the private addresses.
        cls.lab.run("server", "ip", "route", "delete", "default")
        cls.lab.run("client", "ip", "address", "add", f"{PHONE4}/24", "dev", "eth0")
        cls.firewall = lab.Nat(cls.lab, PROFILE)
        cls.firewall.start()

    def rewritten(self):
        return self.firewall.metrics().sum("nat_alg_messages_rewritten_total", alg="sip")

    def called(self, *arguments):
        one = Called(self.lab, *arguments)
        self.addCleanup(one.end)
        return one

    def call(self, namespace, address, to, transport, *more, timeout=60):
        """Calls by sipp, all of which succeed: its status says so."""
        log = self.lab.folder / f"uac-{namespace}-{transport}.errors"
        done = self.lab.run(namespace, "sipp", "-sn", "uac", f"{to}:5060", "-i", address, "-mi", address, "-p", "5060",
                            "-t", transport, "-nostdin", "-r", "30", "-timeout", "40s", "-timeout_error", "-max_socket", "1000",
                            "-trace_err", "-error_file", str(log), *more, check=False, timeout=timeout)
        errors = log.read_text(errors="replace") if log.exists() else ""
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-1000:] + errors[-3000:])
        self.assertRegex(done.stdout, r"Failed call\s+\|\s+\d+\s+\|\s+0\s")

    def see_only_outside(self, messages):
        """Via, Contact, From and the description of each show addresses of the pool; those are returned."""
        seen = set()
        for text in messages:
            for line in text.splitlines():
                if re.match(r"(Via|Contact|From):|[oc]=", line):
                    self.assertNotIn(CLIENT4, line, text)
                    seen.update(re.findall(r"198\.51\.100\.\d+", line))
        for address in seen:
            self.assertIn(ipaddress.ip_address(address), POOL)
        return seen

    def check_calls(self, transport):
        called = self.called("server", SERVER4, "u1" if transport == "u1" else "t1")
        before = self.rewritten()
        self.call("client", CLIENT4, SERVER4, transport, "-m", str(CALLS))
        messages = called.received()
        for method in ("INVITE", "ACK", "BYE"):
            count = sum(1 for text in messages if re.search(rf"^{method} sip:", text, re.MULTILINE))
            self.assertGreaterEqual(count, CALLS, method)
        seen = self.see_only_outside(messages)
        self.assertEqual(len(seen), 1, seen)
        # Three requests and three answers of each call.
        self.assertGreaterEqual(self.rewritten(), before + 6 * CALLS)

    def test_calls_over_udp(self):
        self.check_calls("u1")

    def test_calls_over_tcp(self):
        self.check_calls("t1")

    def test_calls_over_a_connection_each(self):
        self.check_calls("tn")

    def test_calls_to_a_telephone_inside(self):
        for transport in ("u1", "t1"):
            with self.subTest(transport=transport):
                called = self.called("client", PHONE4, transport)
                self.call("server", SERVER4, FORWARDED, transport, "-m", str(CALLS))
                for text in called.received():
                    self.assertRegex(text, rf"(INVITE|ACK|BYE) sip:service@{re.escape(PHONE4)}:5060 SIP/2.0")
                called.end()

    def test_media_come_in_unasked(self):
        """A telephone inside that waits for media, which it sends back: they reach it before it has sent any."""
        called = self.called("server", SERVER4, "u1")
        calling = lab.in_background(lambda: self.call("client", CLIENT4, SERVER4, "u1", "-m", "1", "-d", "8000",
                                                      "-rtp_echo", "-mp", "6000"))
        invitation = lab.wait(10, "the call", lambda: [t for t in called.received() if "INVITE sip:" in t])[0]
        address = re.search(r"^c=IN IP4 (\S+)", invitation, re.MULTILINE).group(1)
        port = int(re.search(r"^m=audio (\d+)", invitation, re.MULTILINE).group(1))
        self.assertIn(ipaddress.ip_address(address), POOL)
        self.assertEqual(port % 2, 0)
        packet = bytes([0x80, 0, 0, 1]) + bytes(168)  # RTP, PCMU
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM) as media:
            media.bind((SERVER4, 0))
            media.settimeout(0.2)

            def echoed():
                media.sendto(packet, (address, port))
                try:
                    return media.recvfrom(2048)
                except TimeoutError:
                    return None

            self.assertEqual(lab.wait(5, "media", echoed), (packet, (address, port)))
        # From an address that nobody named they do not.
        self.lab.run("server", "ip", "address", "add", "198.51.100.11/24", "dev", "eth0")
        before = self.firewall.metrics().drops()["filtered"]
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("198.51.100.11", 0))
            stranger.sendto(packet, (address, port))
            lab.wait(5, "the drop", lambda: self.firewall.metrics().drops()["filtered"] > before)
        calling()

    def test_every_packet_is_accounted_for(self):
        drops = self.firewall.at_rest().drops()
        for reason in ("alg_no_room", "alg_changed"):
            self.assertEqual(drops[reason], 0, reason)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "sipp")
    lab.main()
