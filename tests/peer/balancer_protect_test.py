# SPDX-License-Identifier: BSD-3-Clause
"""What clients may take of a service: a SYN flood from spoofed addresses beside real clients, and limits."""

import contextlib
import errno
import hashlib
import ipaddress
import socket
import struct
import threading

import balancer_lab
import lab
from balancer_lab import VIP4, VIP6

HEAD = """\
vnf: load_balancer
name: lb-protect
dataplane: {workers: 1, sessions: 16k}
ports:
  outside: {device: "net_af_packet_out,iface=veth-out"}
  inside: {device: "net_af_packet_in,iface=veth-in"}
interfaces:
  wan: {port: outside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  lan: {port: inside, address: [10.0.0.1/24, "2001:db8:10::1/64"]}
routes:
  - {to: 198.18.0.0/15, via: 192.0.2.10}
load_balancer:
  table_size: 4099
  services:
"""
WEB = f"http://{VIP4}/whoami"
BOTH = "backends: [{address: 10.0.0.11}, {address: 10.0.0.12}]"
LARGE = hashlib.sha256(bytes(range(256)) * 16384).hexdigest()


def service(protect, backends=BOTH, extra=""):
    return (f"    - {{name: web, address: {VIP4}, ports: [tcp/80], scheduler: weighted_round_robin, {extra}"
            f"protect: {{{protect}}}, {backends}}}\n")


def service6(protect):
    return (f"    - {{name: web6, address: \"{VIP6}\", ports: [tcp/80], protect: {{{protect}}}, "
            'backends: [{address: "2001:db8:10::11"}, {address: "2001:db8:10::12"}]}\n')


def syn(source, port, sequence):
    """An IPv4 datagram whose header checksum the kernel writes."""
    destination = ipaddress.ip_address(VIP4).packed
    tcp = struct.pack("!HHIIBBHHH", port, 80, sequence, 0, 5 << 4, 2, 64000, 0, 0)
    words = struct.unpack("!16H", source + destination + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    tcp = tcp[:16] + struct.pack("!H", ~total & 0xFFFF) + tcp[18:]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0, source, destination) + tcp


class Flood:
    """SYNs, each from another address of 198.18.0.0/15, until end(); so many at most."""

    MOST = 60_000
    BURST = 40

    def __init__(self, place):
        self.socket = place.socket_in("client", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.sent = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.send)
        self.thread.start()

    def send(self):
        first = int(ipaddress.ip_address("198.18.0.1"))
        while not self.stop.wait(0.005) and self.sent < self.MOST:
            for _ in range(self.BURST):
                source = (first + self.sent).to_bytes(4, "big")
                self.socket.sendto(syn(source, 1024 + self.sent % 60_000, self.sent), (VIP4, 0))
                self.sent += 1

    def end(self):
        """How many were sent."""
        self.stop.set()
        self.thread.join()
        self.socket.close()
        return self.sent


class Protect(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = place = balancer_lab.BalancerLab()
        cls.addClassCleanup(place.close)
        for number in (1, 2):
            place.start_nginx(number)
        cls.firewall = balancer_lab.Balancer(place, HEAD + service(""))
        cls.firewall.start()
        lab.wait(20, "the first page", lambda: place.curl(WEB, check=False).returncode == 0)

    def use(self, *services):
        self.firewall.apply(HEAD + "".join(services))

    def over_limit(self, limit):
        return self.firewall.service()["over_limit"][limit]

    def connect(self, seconds=10):
        """Null, or the error's number."""
        one = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(one.close)
        one.settimeout(seconds)
        return one, one.connect_ex((VIP4, 80))

    def test_real_clients_are_served_through_a_syn_flood(self):
        above, requests = 20, 300
        self.use(service(f"syn_proxy: {{above: {above}/s}}"))
        before = self.firewall.metrics()
        flood = Flood(self.lab)
        try:
            lab.wait(10, "cookies", lambda: self.firewall.metrics().drops()["syn_cookie"] >
                     before.drops()["syn_cookie"] + 500)
            served = self.lab.many(WEB, requests)
            while flood.sent < 4000 and len(served) < 10 * requests:
                served += self.lab.many(WEB, requests)
        finally:
            sent = flood.end()
        after = self.firewall.at_rest()
        self.assertEqual(served.count(None), 0)
        self.assertEqual(set(served), {"b1", "b2"})
        self.assertGreater(sent, 2000)
        # Before the rate is reached SYNs open connections; then only cookies that come back do.
        begun = after.sum("service_connections_total", service="web") - before.sum("service_connections_total",
                                                                                   service="web")
        self.assertGreaterEqual(begun, len(served))
        self.assertLessEqual(begun, len(served) + 2 * above)
        # What the ring of the virtual device lost under load is not counted by anybody.
        cookies = after.drops()["syn_cookie"] - before.drops()["syn_cookie"]
        self.assertGreaterEqual(cookies, sent // 2)

    def test_connections_opened_by_cookies_carry_everything(self):
        self.use(service("syn_proxy: {}"), service6("syn_proxy: {}"))
        before = self.firewall.metrics().drops()["syn_cookie"]
        for host in (VIP4, f"[{VIP6}]"):
            with self.subTest(host):
                page = self.lab.folder / "page"
                self.lab.curl(f"http://{host}/large", "--output", str(page))
                self.assertEqual(hashlib.sha256(page.read_bytes()).hexdigest(), LARGE)
                # One connection for many requests.
                kept = self.lab.curl("--write-out", "%{num_connects}\n", *[f"http://{host}/whoami"] * 20)
                self.assertEqual([line for line in kept.stdout.split() if line.isdigit()], ["1"] + ["0"] * 19)
        self.assertEqual(self.lab.many(WEB, 60).count(None), 0)
        self.assertGreaterEqual(self.firewall.metrics().drops()["syn_cookie"] - before, 64)

    def test_connections_live_through_changes_of_workers_and_policy(self):
        both = "connections_per_client: 10, syn_proxy: {}"
        self.use(service(both), service6(both))
        with contextlib.ExitStack() as kept:
            connections = []
            for host in (VIP4, VIP6) * 3:
                sock = self.lab.socket_in("client", socket.AF_INET6 if ":" in host else socket.AF_INET)
                kept.callback(sock.close)
                sock.settimeout(10)
                sock.connect((host, 80))
                connections.append((sock, self.ask(sock)))
            for count in (2, 1):
                answer = self.firewall.call("PUT", "/v1/workers", {"count": count})
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual([self.ask(sock) for sock, _ in connections], [name for _, name in connections])
            self.use(service(""), service6(""))
            self.assertEqual([self.ask(sock) for sock, _ in connections], [name for _, name in connections])

    @staticmethod
    def ask(sock):
        """One request on a connection that is kept; the backend's name."""
        sock.sendall(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith((b"b1\n", b"b2\n")):
            piece = sock.recv(4096)
            if not piece:
                raise lab.Failed(f"the connection ended after {answer!r}")
            answer += piece
        return answer[-3:-1].decode()

    def test_a_backend_that_refuses_or_keeps_silent_has_the_client_reset(self):
        # Nobody listens on the third; the fourth keeps silent.
        self.use(service("syn_proxy: {}", "backends: [{address: 10.0.0.13}]"))
        refused = self.lab.curl(WEB, check=False)
        self.assertIn(refused.returncode, (52, 56), refused.stderr)  # reset, once connected
        lab.wait(5, "the refusal to be counted",
                 lambda: self.firewall.backends()["10.0.0.13"]["handshakes_failed"] == 1)
        self.lab.run("b3", "nft", "add table ip silent; add chain ip silent in { type filter hook input priority 0; }; "
                     "add rule ip silent in tcp dport 80 drop")
        self.addCleanup(self.lab.run, "b3", "nft", "delete table ip silent")
        self.use(service("syn_proxy: {}", "backends: [{address: 10.0.0.13}]", "timeouts: {tcp_opening: 1s}, "))
        silent = self.lab.curl(WEB, check=False)
        self.assertIn(silent.returncode, (52, 56), silent.stderr)
        lab.wait(5, "the silence to be counted",
                 lambda: self.firewall.backends()["10.0.0.13"]["handshakes_failed"] >= 2)

    def test_a_client_has_so_many_connections(self):
        self.use(service("connections_per_client: 3"))
        before = self.over_limit("client_connections")
        held = [self.connect() for _ in range(3)]
        self.assertEqual([error for _, error in held], [0, 0, 0])
        self.assertEqual(self.connect()[1], errno.ECONNREFUSED)
        self.assertEqual(self.over_limit("client_connections"), before + 1)
        # nginx closes too: that makes room, though the record stays for a while.
        held[0][0].close()
        lab.wait(10, "room for one more", lambda: self.connect()[1] == 0)

    def test_a_service_has_so_many_connections(self):
        open_now = self.firewall.service()["open"]
        self.use(service("connections: 2", extra="all_down: drop, "))
        # Those of other tests that nginx has closed do not count; whatever is left is two at most.
        before = self.over_limit("connections")
        held = [self.connect(1)[1] for _ in range(4)]
        self.assertLessEqual(held.count(0), 2, f"{open_now} were open")
        self.assertNotIn(errno.ECONNREFUSED, held)  # all_down: drop
        self.assertGreaterEqual(self.over_limit("connections"), before + 2)

    def test_a_client_that_comes_too_fast_gets_in_later(self):
        self.use(service("new_connections_per_client: 3/s"))
        before = self.over_limit("client_rate")
        sockets = []
        for _ in range(9):
            one = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM)
            self.addCleanup(one.close)
            one.setblocking(False)
            one.connect_ex((VIP4, 80))
            sockets.append(one)
        lab.wait(5, "some to be too many", lambda: self.over_limit("client_rate") >= before + 5)
        # TCP tries again after one, three and seven seconds.
        lab.wait(20, "all to be connected", lambda: all(self.is_connected(one) for one in sockets))

    @staticmethod
    def is_connected(one):
        try:
            one.getpeername()
        except OSError:
            return False
        return True


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "nft")
    lab.main()
