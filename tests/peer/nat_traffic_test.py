# SPDX-License-Identifier: BSD-3-Clause
"""Real programs behind the NAT gateway: what they reach, and what the outside sees of them."""

import ipaddress
import re
import socket
import threading

import lab
from lab import SERVER4, SERVER6

PROFILE = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text() + """\
  nptv6: {inside: "fd01:203:405::/48", outside: "2001:db8:3::/48"}
routes:
  - {to: "fd01:203:405::/48", via: "2001:db8:1::10"}
"""
POOL = ipaddress.ip_network("198.51.100.64/28")
CLIENTS = 200
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0  # of ip(7)
# The server, as clients of IPv6 see it.
SERVER64 = "2001:db8:64::c633:640a"
# A client of a network that has another prefix outside: 030a - (2001 + 0db8 + 0003) = d54d, for subnet 0.
CLIENT_MAPPED, CLIENT_OUTSIDE = "fd01:203:405::10", "2001:db8:3:d54d::10"


class Mirror:
    """A UDP server that tells each sender its address, as a STUN server does (RFC 8489)."""

    def __init__(self, place, address=SERVER4, port=3478):
        self.socket = place.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                question, sender = self.socket.recvfrom(2048)
            except OSError:
                return
            if not question:
                return
            self.socket.sendto(f"{sender[0]} {sender[1]}".encode(), sender)

    def close(self):
        self.socket.close()


class NatTraffic(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        # Nothing outside knows a way to the private addresses.
        cls.lab.run("server", "ip", "route", "delete", "default")
        cls.lab.run("server", "ip", "-6", "route", "add", "2001:db8:1::/64", "via", "2001:db8:2::1", check=False)
        for host in range(20, 20 + CLIENTS):
            cls.lab.run("client", "ip", "address", "add", f"192.0.2.{host}/24", "dev", "eth0")
        cls.lab.run("client", "ip", "address", "add", f"{CLIENT_MAPPED}/128", "dev", "eth0", "preferred_lft", "0")
        cls.lab.run("server", "ip", "-6", "route", "add", "2001:db8:3::/48", "via", "2001:db8:2::1")
        cls.firewall = lab.Nat(cls.lab, PROFILE)
        cls.firewall.start()

    def ask(self, client, port, server=(SERVER4, 3478), patience=5):
        """The address and port that the server sees."""
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as question:
            question.bind((client, port))
            question.settimeout(patience)
            question.sendto(b"who am I?", server)
            address, seen = question.recv(2048).decode().split()
            return ipaddress.ip_address(address), int(seen)

    def test_ping(self):
        answer = self.lab.ping(SERVER4, "-c", "3", "-i", "0.05").stdout
        self.assertIn(" 0% packet loss", answer)
        self.assertNotIn("DUP", answer)

    def test_ping_of_the_gateway_itself(self):
        for address in ("192.0.2.1", "198.51.100.1"):
            with self.subTest(address=address):
                self.assertIn(" 0% packet loss", self.lab.ping(address).stdout)

    def test_ipv6_is_routed_as_it_is(self):
        self.assertIn(" 0% packet loss", self.lab.ping(SERVER6).stdout)

    def test_ipv6_clients_reach_the_ipv4_server(self):
        self.assertIn(" 0% packet loss", self.lab.ping(SERVER64, "-c", "3", "-i", "0.05").stdout)
        self.assertEqual(self.lab.curl(f"http://[{SERVER64}]/").stdout, "hello from the server\n")
        large = self.lab.run("client", "curl", "--silent", f"http://[{SERVER64}]/large", text=False).stdout
        self.assertEqual(large, bytes(range(256)) * 8192)
        refused = self.lab.curl(f"http://[{SERVER64}]:81/", check=False)
        self.assertEqual(refused.returncode, 7, refused.stderr)

    def test_ipv6_clients_put_together_what_ipv4_may_cut(self):
        # Replies to a ping have no DF (icmp(7) of the server's kernel), nor have the datagrams below.
        self.assertIn(" 0% packet loss", self.lab.ping(SERVER64, "-s", "1400").stdout)
        before = self.firewall.metrics().sum("fragmented_packets_total")
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_DGRAM) as server, \
                self.lab.socket_in("client", socket.AF_INET6, socket.SOCK_DGRAM) as client:
            for end in (server, client):
                end.settimeout(5)
            server.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
            server.bind((SERVER4, 3481))
            sent = bytes(range(256)) * 5 + bytes(120)
            client.sendto(sent, (SERVER64, 3481))
            received, sender = server.recvfrom(4000)
            self.assertEqual(received, sent)
            server.sendto(sent, sender)
            self.assertEqual(client.recv(4000), sent)
        self.assertGreater(self.firewall.metrics().sum("fragmented_packets_total"), before)

    def test_ipv6_clients_send_and_receive_fast(self):
        for direction in ((), ("--reverse",)):
            with self.subTest(direction=direction):
                report = self.lab.iperf(SERVER64, *direction, seconds=1)
                self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)

    def test_an_ipv6_network_has_another_prefix_outside(self):
        self.assertIn(" 0% packet loss", self.lab.ping(SERVER6, "-I", CLIENT_MAPPED, "-c", "3", "-i", "0.05").stdout)
        page = self.lab.curl("--interface", CLIENT_MAPPED, f"http://[{SERVER6}]/").stdout
        self.assertEqual(page, "hello from the server\n")
        # From outside, unasked, and what it sees.
        self.assertIn(" 0% packet loss", self.lab.ping(CLIENT_OUTSIDE, namespace="server").stdout)
        with self.lab.socket_in("server", socket.AF_INET6, socket.SOCK_DGRAM) as server, \
                self.lab.socket_in("client", socket.AF_INET6, socket.SOCK_DGRAM) as client:
            server.settimeout(5)
            server.bind((SERVER6, 3480))
            client.bind((CLIENT_MAPPED, 5005))
            client.sendto(b"who am I?", (SERVER6, 3480))
            self.assertEqual(server.recvfrom(100)[1][:2], (CLIENT_OUTSIDE, 5005))

    def test_a_closed_udp_port_is_told_across_prefixes(self):
        with self.lab.socket_in("client", socket.AF_INET6, socket.SOCK_DGRAM) as question:
            question.settimeout(5)
            question.bind((CLIENT_MAPPED, 0))
            question.connect((SERVER6, 9))
            question.send(b"discard?")
            with self.assertRaises(ConnectionRefusedError):
                question.recv(100)

    def test_a_closed_udp_port_is_told_to_ipv6_clients(self):
        with self.lab.socket_in("client", socket.AF_INET6, socket.SOCK_DGRAM) as question:
            question.settimeout(5)
            question.connect((SERVER64, 9))
            question.send(b"discard?")
            with self.assertRaises(ConnectionRefusedError):
                question.recv(100)

    def test_web_page(self):
        self.assertEqual(self.lab.curl(f"http://{SERVER4}/").stdout, "hello from the server\n")
        large = self.lab.run("client", "curl", "--silent", f"http://{SERVER4}/large", text=False).stdout
        self.assertEqual(large, bytes(range(256)) * 8192)

    def test_tcp_throughput(self):
        for direction in ((), ("--reverse",)):
            with self.subTest(direction=direction):
                report = self.lab.iperf(SERVER4, *direction, seconds=1)
                self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)

    def test_udp_datagrams(self):
        report = self.lab.iperf(SERVER4, "--udp", "--bitrate", "5M", "--length", "1200", seconds=1)
        self.assertGreater(report["end"]["sum"]["packets"], 100)
        self.assertEqual(report["end"]["sum"]["lost_packets"], 0)

    def test_hundreds_of_clients_share_the_pool(self):
        mirror = Mirror(self.lab)
        self.addCleanup(mirror.close)
        blocks = {}
        for host in range(20, 20 + CLIENTS):
            client = f"192.0.2.{host}"
            seen = {self.ask(client, port) for port in (5000, 5001, 5002)}
            self.assertEqual(len(seen), 3)
            addresses = {address for address, _ in seen}
            self.assertEqual(len(addresses), 1, "RFC 4787 REQ-2: one outside address each")
            self.assertIn(addresses.copy().pop(), POOL)
            for address, port in seen:
                # A block is one client's alone.
                self.assertEqual(blocks.setdefault((address, port // 512), client), client)
        self.assertGreater(len({address for address, _ in blocks}), 12)
        self.assertEqual(self.firewall.get("/v1/nat/pools")[0]["ports_given"] % 512, 0)

    def test_many_web_clients_at_once(self):
        def fetch(host):
            return lab.in_background(lambda: self.lab.curl("--interface", f"192.0.2.{host}", f"http://{SERVER4}/").stdout)

        for first in range(20, 20 + CLIENTS, 20):
            for answer in [fetch(host) for host in range(first, first + 20)]:
                self.assertEqual(answer(), "hello from the server\n")

    def test_the_outside_reaches_nobody_unasked(self):
        self.lab.run("server", "ip", "route", "add", "192.0.2.0/24", "via", "198.51.100.1")
        self.addCleanup(self.lab.run, "server", "ip", "route", "delete", "192.0.2.0/24")
        before = self.firewall.metrics().drops()
        self.assertNotEqual(self.lab.ping("192.0.2.10", "-W", "1", namespace="server", check=False).returncode, 0)
        self.assertNotEqual(self.lab.ping("198.51.100.70", "-W", "1", namespace="server", check=False).returncode, 0)
        after = self.firewall.metrics().drops()
        self.assertEqual(after["not_translated"] - before["not_translated"], 1)
        self.assertEqual(after["no_binding"] - before["no_binding"], 1)

    def test_traceroute_shows_the_gateway(self):
        answer = self.lab.run("client", "ping", "-n", "-c", "1", "-t", "1", "-W", "5", SERVER4, check=False).stdout
        self.assertRegex(answer, r"From 192\.0\.2\.1 .*Time to live exceeded")

    def test_a_closed_port_is_told(self):
        refused = self.lab.curl(f"http://{SERVER4}:81/", check=False)
        self.assertEqual(refused.returncode, 7, refused.stderr)
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as question:
            question.settimeout(5)
            question.connect((SERVER4, 9))
            question.send(b"discard?")
            with self.assertRaises(ConnectionRefusedError):
                question.recv(100)

    def test_a_client_asks_for_a_port_by_nat_pmp(self):
        self.lab.start("client", "www.log", "python3", "-m", "http.server", "--bind", "192.0.2.10", "8000", "--directory",
                       str(self.lab.folder / "www"))
        lab.wait(10, "the client's web server", lambda: self.lab.listens("client", 8000))
        answer = self.lab.run("client", "natpmpc", "-g", "192.0.2.1", "-a", "0", "8000", "tcp", "600").stdout
        found = re.search(r"Public IP address : (\S+).*Mapped public port (\d+) protocol TCP to local port 8000 "
                          r"li\w*time 600", answer, re.DOTALL)
        self.assertTrue(found, answer)
        self.assertIn(ipaddress.ip_address(found[1]), POOL)
        page = self.lab.curl(f"http://{found[1]}:{found[2]}/index.html", namespace="server").stdout
        self.assertEqual(page, "hello from the server\n")
        self.lab.run("client", "natpmpc", "-g", "192.0.2.1", "-a", "0", "8000", "tcp", "0")
        refused = self.lab.curl("--connect-timeout", "1", f"http://{found[1]}:{found[2]}/", namespace="server", check=False)
        self.assertNotEqual(refused.returncode, 0)

    def test_sessions_are_listed_and_flushed(self):
        mirror = Mirror(self.lab, port=3479)
        self.addCleanup(mirror.close)
        address, port = self.ask("192.0.2.33", 7777, (SERVER4, 3479))
        sessions = self.firewall.get("/v1/sessions?source=192.0.2.33&port=7777")["sessions"]
        self.assertEqual(len(sessions), 1)
        self.assertEqual(sessions[0]["inside"], "192.0.2.33:7777")
        self.assertEqual(sessions[0]["outside"], f"{address}:{port}")
        self.assertEqual(sessions[0]["remote"], f"{SERVER4}:3479")
        answer = self.firewall.call("DELETE", "/v1/sessions?source=192.0.2.33&port=7777")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.firewall.get("/v1/sessions?source=192.0.2.33&port=7777")["sessions"], [])

    def test_workers_change_under_traffic(self):
        stream = self.lab.start_iperf(SERVER4, seconds=3)
        for count in (2, 1, 2):
            answer = self.firewall.call("PUT", "/v1/workers", {"count": count})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.lab.curl(f"http://{SERVER4}/").stdout, "hello from the server\n")
        self.assertGreater(stream()["end"]["sum_received"]["bytes"], 1_000_000)
        self.firewall.call("PUT", "/v1/workers", {"count": 1})

    def test_every_packet_is_accounted_for(self):
        metrics = self.firewall.at_rest()
        came = metrics.sum("received_packets_total")
        self.assertGreater(came, 0)
        self.assertIn("nat_subscribers", metrics.samples)
        self.assertTrue(re.match(r"\d", str(metrics.sum("nat_pool_ports"))))


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx", "natpmpc")
    lab.main()
