# SPDX-License-Identifier: BSD-3-Clause
"""Real programs through the firewall: what the rules allow passes, what they do not is refused as they say."""

import re
import socket
import unittest

import lab
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6

# Beyond the quickstart's: a rule that drops without a word, and a path for the MTU test.
PROFILE = lab.QUICKSTART.replace(
    "    - {name: web,", "    - {name: silent, from: inside, service: tcp/22, action: drop}\n    - {name: web,")


class Traffic(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, PROFILE)
        cls.firewall.start()

    def setUp(self):
        self.before = self.firewall.metrics()

    def dropped(self):
        """Drops since the test began, by reason."""
        before = self.before.drops()
        return {reason: count - before[reason] for reason, count in self.firewall.metrics().drops().items()
                if count != before[reason]}

    def wait_dropped(self, reason, count=1):
        lab.wait(10, f"{count} packets dropped as {reason}", lambda: self.dropped().get(reason, 0) >= count)

    def test_ping_of_firewall_and_server(self):
        for address in ("192.0.2.1", "2001:db8:1::1", SERVER4, SERVER6):
            with self.subTest(address=address):
                answer = self.lab.ping(address, "-c", "3", "-i", "0.05").stdout
                self.assertIn(" 0% packet loss", answer)
                self.assertNotIn("DUP", answer)

    def test_large_ping_in_fragments(self):
        # IPv6 only: DPDK's af_packet has the kernel put IPv4 fragments together (PACKET_FANOUT_FLAG_DEFRAG) and then cuts
        # the datagram at its frame size. The nftables oracle sends IPv4 fragments over AF_XDP.
        answer = self.lab.ping(SERVER6, "-c", "3", "-i", "0.05", "-s", "6000").stdout
        self.assertIn(" 0% packet loss", answer)
        self.assertIn("6008 bytes from", answer)

    def test_web_page(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            with self.subTest(address=address):
                self.assertEqual(self.lab.curl(f"http://{address}/").stdout, "hello from the server\n")
                large = self.lab.run("client", "curl", "--silent", f"http://{address}/large", text=False).stdout
                self.assertEqual(large, bytes(range(256)) * 8192)

    def test_tcp_throughput(self):
        for address in (SERVER4, SERVER6):
            for direction in ((), ("--reverse",)):
                with self.subTest(address=address, direction=direction):
                    report = self.lab.iperf(address, *direction, seconds=1)
                    self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)

    def test_udp_datagrams(self):
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                # A rate far below what two shared CPUs can do: nothing may be lost.
                report = self.lab.iperf(address, "--udp", "--bitrate", "5M", "--length", "1200", seconds=1)
                self.assertGreater(report["end"]["sum"]["packets"], 100)
                self.assertEqual(report["end"]["sum"]["lost_packets"], 0)

    def test_rejected_port_is_told_at_once(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            with self.subTest(address=address):
                refused = self.lab.curl(f"http://{address}:8080/", check=False)
                self.assertEqual(refused.returncode, 7, refused.stderr)  # could not connect: a reset came
                # Far sooner than the first retransmission of a SYN (RFC 6298: 1 s), so the reset was taken.
                self.assertLess(int(re.search(r"after (\d+) ms", refused.stderr)[1]), 900)
        self.assertEqual(self.dropped(), {"rejected_by_rule": 2})

    def test_dropped_port_stays_silent(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            with self.subTest(address=address):
                timed_out = self.lab.curl("--connect-timeout", "0.5", f"http://{address}:22/", check=False)
                self.assertEqual(timed_out.returncode, 28, timed_out.stderr)
        self.assertEqual(set(self.dropped()), {"denied_by_rule"})

    def test_no_session_from_outside(self):
        self.assertNotEqual(self.lab.run("server", "ping", "-c", "1", "-W", "0.3", CLIENT4, check=False).returncode, 0)
        self.assertNotEqual(self.lab.run("server", "ping", "-c", "1", "-W", "0.3", CLIENT6, check=False).returncode, 0)
        self.assertEqual(self.dropped(), {"denied_by_default": 2})

    def test_ttl_that_runs_out_is_answered_by_the_firewall(self):
        # As traceroute does. The error comes from the address the packet met first.
        for address, hop in ((SERVER4, "192.0.2.1"), (SERVER6, "2001:db8:1::1")):
            with self.subTest(address=address):
                answer = self.lab.ping(address, "-t", "1", check=False)
                self.assertRegex(answer.stdout, rf"(?i)from {hop}.*(time to live|time|hop limit) ?exceeded")
        self.assertEqual(self.dropped(), {"ttl_exceeded": 2})
        self.assertIn("bytes from", self.lab.ping(SERVER4, "-t", "2").stdout)

    def test_path_mtu_is_found_from_either_side(self):
        # The link to the server takes 1400 bytes; the client's packets of 1500 must be answered with too-big.
        self.firewall.apply(PROFILE.replace("untrust: {port: outside,", "untrust: {port: outside, mtu: 1400,"))
        self.addCleanup(self.firewall.apply, PROFILE)
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                # An MSS announced for 1500 on both sides, so only the error can make the client send less.
                report = self.lab.iperf(address, "--set-mss", "1430" if ":" in address else "1448", seconds=1)
                self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)
                route = self.lab.run("client", "ip", "route", "get", address).stdout
                self.assertIn("mtu 1400", route)
        self.assertGreaterEqual(self.dropped().get("packet_too_big", 0), 2)
        # Without DF, IPv4 is cut into pieces instead (RFC 791), which the server's kernel puts together again.
        self.lab.run("client", "ip", "route", "flush", "cache")
        before = self.firewall.metrics().sum("fragmented_packets_total")
        self.lab.ping(SERVER4, "-M", "dont", "-s", "1472")
        self.assertGreater(self.firewall.metrics().sum("fragmented_packets_total"), before)

    def test_too_big_that_the_server_side_sends_reaches_the_client(self):
        # A router beyond the server with a smaller MTU: its error belongs to the session and passes.
        self.lab.run("server", "ip", "link", "set", "lo", "mtu", "1300")
        self.addCleanup(self.lab.run, "server", "ip", "link", "set", "lo", "mtu", "65536")
        self.lab.run("server", "ip", "route", "add", "198.18.0.0/24", "dev", "lo", "mtu", "1300")
        self.addCleanup(self.lab.run, "server", "ip", "route", "del", "198.18.0.0/24")
        self.lab.sysctl("server", "net.ipv4.ip_forward=1")
        self.addCleanup(self.lab.sysctl, "server", "net.ipv4.ip_forward=0")
        self.firewall.apply(PROFILE + "\nroutes:\n  - {to: 198.18.0.0/24, via: 198.51.100.10}\n")
        self.addCleanup(self.firewall.apply, PROFILE)
        answer = self.lab.ping("198.18.0.1", "-M", "do", "-s", "1400", check=False)
        self.assertRegex(answer.stdout, r"(?i)from 198\.51\.100\.10.*frag needed.*mtu ?= ?1300")

    def test_neighbours_that_do_not_answer(self):
        # Nobody has these addresses: their packets are dropped, the sender is told, and the others' pings do not suffer.
        for address, hop, what in (("198.51.100.77", "192.0.2.1", "Destination Host Unreachable"),
                                   ("2001:db8:2::77", "2001:db8:1::1", "Destination unreachable: Address unreachable")):
            with self.subTest(address=address):
                beside = lab.in_background(
                    lambda: self.lab.ping(SERVER4, "-c", "20", "-i", "0.02", "-W", "2").stdout)
                answer = self.lab.ping(address, "-c", "1", "-i", "10", "-w", "8", check=False)
                self.assertNotEqual(answer.returncode, 0)
                self.assertRegex(answer.stdout, rf"From {hop} icmp_seq=\d {what}")
                self.assertIn(" 0% packet loss", beside())
        self.wait_dropped("neighbor_unresolved", 2)
        self.assertLessEqual(set(self.dropped()), {"neighbor_unresolved"})

    def test_a_neighbour_that_appears_is_found(self):
        self.lab.run("client", "ip", "address", "add", "192.0.2.77/24", "dev", "eth0")
        self.addCleanup(self.lab.run, "client", "ip", "address", "del", "192.0.2.77/24", "dev", "eth0")
        # The request goes out resolved already; it is the reply that must wait for ARP on the inside.
        self.assertIn(" 0% packet loss", self.lab.ping(SERVER4, "-I", "192.0.2.77", "-c", "2", "-i", "0.05").stdout)
        self.assertEqual(self.dropped(), {})

    def test_directed_broadcast_goes_no_further(self):
        # RFC 2644: a packet to all of the server's network is for the appliance there, and is not forwarded to them.
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM) as everyone, \
                self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as sender:
            everyone.bind(("0.0.0.0", 5201))
            sender.sendto(b"hello", ("198.51.100.255", 5201))
            to_host = self.before.sum("to_host_packets_total")
            lab.wait(10, "the packet to be given to the twin",
                     lambda: self.firewall.metrics().sum("to_host_packets_total") > to_host)
            sender.sendto(b"last", (SERVER4, 5201))  # comes after it, if it comes
            everyone.settimeout(10)
            self.assertEqual(everyone.recv(16), b"last")

    def test_subnet_router_anycast_is_ours(self):
        # RFC 4291 section 2.6.1: every router of a subnet answers to the address without a host part.
        self.assertIn("bytes from 2001:db8:1::1", self.lab.ping("2001:db8:1::").stdout)

    def test_datagram_out_of_the_blue(self):
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM) as stray:
            stray.sendto(b"hello", (CLIENT4, 5201))
        self.wait_dropped("denied_by_default")

    def test_zz_every_packet_is_accounted_for(self):
        # After all of the above: what came in has left, or is dropped with a reason.
        self.lab.curl(f"http://{SERVER4}/large", "--output", "/dev/null")
        metrics = self.firewall.at_rest()
        came = sum(metrics.sum(f"{name}_packets_total") for name in ("received", "from_host", "originated"))
        left = sum(metrics.sum(name) for name in (
            "transmitted_packets_total", "from_host_transmitted_packets_total", "originated_transmitted_packets_total",
            "to_host_packets_total", "dropped_packets_total"))
        self.assertEqual(came, left, metrics.packets())
        self.assertGreater(came, 1000)
        for port in ("inside", "outside"):
            self.assertEqual(metrics.sum("port_missed_packets_total", port=port), 0)
        received = sum(metrics.sum("port_received_packets_total", port=port) for port in ("inside", "outside"))
        self.assertEqual(received, metrics.sum("received_packets_total"))


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx")
    lab.main()
