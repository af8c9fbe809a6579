# SPDX-License-Identifier: BSD-3-Clause
"""What meters let through, measured by iperf3; what marks arrive, read from the packets."""

import json
import socket
import time

import lab
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6

EF, AF11, AF12 = 46, 10, 12
HEADERS = {SERVER4: 28, SERVER6: 48}  # of IP and UDP


def profile(qos):
    return lab.QUICKSTART.replace("firewall:\n", f"""{qos}
firewall:
""", 1).replace("    - {name: web,", "    - {name: probes, from: inside, service: [udp/9, udp/10], action: accept}\n    - {name: web,", 1)


POLICED = profile("""
qos:
  policers:
    down: {rate: 20Mbit}
    up: {rate: 8Mbit}
    marked: {rate: 4Mbit, burst: 20KiB, conform: {mark: af11}, exceed: {mark: af12}, violate: {mark: af12}}
  rules:
    - {name: marked, interface: trust, service: udp/9, police: marked}
    - {name: voice, interface: trust, service: udp/10, mark: ef}
    - {name: up, interface: trust, police: up}
    - {name: down, interface: untrust, police: down}
""")


class Qos(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, POLICED)
        cls.firewall.start()

    def udp(self, address, *arguments):
        """Mbit/s of IP packets that arrived of more than may."""
        report = self.lab.iperf(address, "--udp", "--length", "1200", *arguments, seconds=4)["end"]["sum"]
        arrived = report["packets"] - report["lost_packets"]
        return arrived * (1200 + HEADERS[address]) * 8 / report["seconds"] / 1e6

    def test_datagrams_get_what_the_profile_says(self):
        # The burst, 100 ms of the rate, comes on top once: 2.5 % in 4 s.
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address, direction="up"):
                self.assertAlmostEqual(self.udp(address, "--bitrate", "16M") / 8, 1.025, delta=0.05)
            with self.subTest(address=address, direction="down"):
                self.assertAlmostEqual(self.udp(address, "--bitrate", "40M", "--reverse") / 20, 1.025, delta=0.05)

    def test_tcp_gets_no_more(self):
        # And less: a policer drops, and TCP takes that for congestion.
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                report = self.lab.iperf(address, "--reverse", seconds=4)["end"]["sum_received"]
                rate = report["bits_per_second"] * 1500 / 1448 / 1e6
                self.assertLess(rate / 20, 1.06)
                self.assertGreater(rate / 20, 0.3)

    def receive(self, address, port, send):
        """DSCP of each datagram that arrives at the server, as the kernel tells it."""
        v6 = ":" in address
        with self.lab.socket_in("server", socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as at:
            level, option, told = ((socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, socket.IPV6_TCLASS) if v6 else
                                   (socket.IPPROTO_IP, 13, socket.IP_TOS))  # IP_RECVTOS
            at.setsockopt(level, option, 1)
            at.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            at.bind((address, port))
            at.settimeout(0.5)
            family = socket.AF_INET6 if v6 else socket.AF_INET
            with self.lab.socket_in("client", family, socket.SOCK_DGRAM) as by:
                by.bind((CLIENT6 if v6 else CLIENT4, 0))
                send(by)
            seen = []
            try:
                while True:
                    _, told_with, _, _ = at.recvmsg(2000, 100)
                    seen += [int.from_bytes(data[:4], "little") >> 2 for _, kind, data in told_with if kind == told]
            except TimeoutError:
                return seen

    def test_marks_arrive(self):
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                seen = self.receive(address, 10, lambda by, to=address: [by.sendto(b"x", (to, 10)) for _ in range(5)])
                self.assertEqual(seen, [EF] * 5)

    def test_what_exceeds_is_marked(self):
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                size = 1000 - HEADERS[address]

                def send(by, to=address, size=size):
                    start = time.monotonic()
                    for number in range(1000):  # 8 Mbit/s for a second: twice the rate
                        while time.monotonic() < start + number / 1000:
                            pass
                        by.sendto(bytes(size), (to, 9))

                seen = self.receive(address, 9, send)
                self.assertEqual(len(seen), 1000)
                # Half of the second's, and the burst.
                self.assertAlmostEqual(seen.count(AF11), 500 + 20, delta=26)
                self.assertEqual(seen.count(AF11) + seen.count(AF12), 1000)

    def test_counters_add_up_and_outlive_a_reload(self):
        before = self.firewall.metrics()
        self.lab.iperf(SERVER4, "--udp", "--length", "1200", "--bitrate", "16M", seconds=1)
        after = self.firewall.at_rest()
        rose = {color: after.sum("policer_packets_total", policer="up", color=color) -
                before.sum("policer_packets_total", policer="up", color=color) for color in ("green", "yellow", "red")}
        self.assertEqual(rose["yellow"], 0)
        self.assertGreater(rose["red"], 100)
        self.assertEqual(rose["red"], after.drops()["policed"] - before.drops()["policed"])
        self.assertEqual(sum(rose.values()), after.sum("traffic_rule_packets_total", rule="up") -
                         before.sum("traffic_rule_packets_total", rule="up"))
        self.firewall.apply(POLICED)
        self.assertEqual(self.firewall.metrics().sum("traffic_rule_packets_total", rule="up"),
                         after.sum("traffic_rule_packets_total", rule="up"))
        shown = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "--json", "qos").stdout
        self.assertEqual(json.loads(shown)["policers"]["up"]["red"]["packets"],
                         after.sum("policer_packets_total", policer="up", color="red"))

    def test_a_reload_changes_the_rate(self):
        self.firewall.apply(POLICED.replace("up: {rate: 8Mbit}", "up: {rate: 16Mbit}"))
        self.addCleanup(self.firewall.apply, POLICED)
        self.assertAlmostEqual(self.udp(SERVER4, "--bitrate", "32M") / 16, 1.025, delta=0.05)


if __name__ == "__main__":
    lab.main()
