# SPDX-License-Identifier: BSD-3-Clause
"""Two tenants with the same addresses on one appliance: each reaches its own server, and neither the other's."""

import re
import socket
import threading

import lab
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6

TENANT = "a-tenant-with-a-long-name"  # longer than the name of a Linux device may be
PROFILE = f"""
vnf: firewall
name: tenants
dataplane: {{workers: 2, sessions: 64k}}
ports:
  in1: {{device: "net_af_packet_in1,iface=veth-in1"}}
  out1: {{device: "net_af_packet_out1,iface=veth-out1"}}
  in2: {{device: "net_af_packet_in2,iface=veth-in2"}}
  out2: {{device: "net_af_packet_out2,iface=veth-out2"}}
interfaces:
  trust1: {{port: in1, address: [192.0.2.1/24, "2001:db8:1::1/64"]}}
  untrust1: {{port: out1, address: [198.51.100.1/24, "2001:db8:2::1/64"]}}
  trust2: {{port: in2, address: [192.0.2.1/24, "2001:db8:1::1/64"], domain: {TENANT}}}
  untrust2: {{port: out2, address: [198.51.100.1/24, "2001:db8:2::1/64"], domain: {TENANT}}}
routes:
  - {{to: 203.0.113.0/24, via: 198.51.100.10}}
firewall:
  zones: {{inside: [trust1, trust2], outside: [untrust1, untrust2]}}
  default: drop
  rules:
    - {{name: ping, from: inside, service: [icmp/echo-request, icmpv6/echo-request], action: accept}}
    - {{name: ask, from: inside, to: outside, service: udp/7, action: accept}}
"""


class Tenants(lab.Namespaces):
    def __init__(self):
        super().__init__("fw", "client1", "server1", "client2", "server2")
        for tenant in ("1", "2"):
            for side, host, own4, own6, gateways in (
                    ("in", "client", CLIENT4, CLIENT6, ("192.0.2.1", "2001:db8:1::1")),
                    ("out", "server", SERVER4, SERVER6, ("198.51.100.1", "2001:db8:2::1"))):
                device, namespace = f"veth-{side}{tenant}", host + tenant
                self.link(namespace, "eth0", "fw", device)
                self.sysctl("fw", f"net.ipv6.conf.{device}.disable_ipv6=1", f"net.ipv4.conf.{device}.arp_ignore=8",
                            f"net.ipv4.conf.{device}.rp_filter=1")
                self.run("fw", "ip", "link", "set", device, "up")
                self.run(namespace, "ip", "link", "set", "eth0", "up")
                self.run(namespace, "ip", "address", "add", f"{own4}/24", "dev", "eth0")
                self.run(namespace, "ip", "address", "add", f"{own6}/64", "dev", "eth0", "nodad")
                for gateway in gateways:
                    self.run(namespace, "ip", "route", "add", "default", "via", gateway)

    def socket_in(self, namespace, *arguments):
        with lab.inside(self.name(namespace)):
            return socket.socket(*arguments)

    def ping(self, namespace, address, *arguments):
        return self.run(namespace, "ping", "-n", "-c", "1", "-W", "5", *arguments, address, check=False).stdout


def answer_with_name(spaces, namespace):
    """UDP port 7 of a server, both families: says whose it is."""
    answering = spaces.socket_in(namespace, socket.AF_INET6, socket.SOCK_DGRAM)
    answering.bind(("::", 7))

    def serve():
        while True:
            try:
                _, sender = answering.recvfrom(100)
                answering.sendto(namespace.encode(), sender)
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    return answering


class Domains(lab.TestCase):
    def setUp(self):
        self.tenants = Tenants()
        self.addCleanup(self.tenants.close)
        self.firewall = lab.Firewall(self.tenants, PROFILE)
        self.firewall.start()

    def ask(self, namespace, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.tenants.socket_in(namespace, family, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(b"who?", (address, 7))
            return asking.recv(100).decode()

    def test_each_reaches_its_own(self):
        for server in ("server1", "server2"):
            self.addCleanup(answer_with_name(self.tenants, server).close)
        for address in (SERVER4, SERVER6):
            for tenant in ("1", "2"):
                with self.subTest(address=address, tenant=tenant):
                    self.assertIn("bytes from", self.tenants.ping(f"client{tenant}", address))
                    self.assertEqual(self.ask(f"client{tenant}", address), f"server{tenant}")
        for tenant in ("1", "2"):
            for address, hop in ((SERVER4, "192.0.2.1"), (SERVER6, "2001:db8:1::1")):
                with self.subTest(hop=hop, tenant=tenant):
                    self.assertRegex(self.tenants.ping(f"client{tenant}", address, "-t", "1"),
                                     rf"(?i)from {hop}.*(time to live|time|hop limit) ?exceeded")

    def test_a_route_of_one_is_not_the_others(self):
        self.tenants.run("server1", "ip", "address", "add", "203.0.113.1/32", "dev", "lo")
        self.tenants.run("server2", "ip", "address", "add", "203.0.113.1/32", "dev", "lo")
        self.assertIn("bytes from", self.tenants.ping("client1", "203.0.113.1"))
        self.assertRegex(self.tenants.ping("client2", "203.0.113.1"), r"(?i)from 192\.0\.2\.1.*unreachable|filtered")

    def test_one_ends_and_the_other_does_not_notice(self):
        for tenant in ("1", "2"):
            self.assertIn("bytes from", self.tenants.ping(f"client{tenant}", SERVER4))
        self.tenants.run("server2", "ip", "link", "set", "eth0", "down")
        self.firewall.wait_log("port out2 is down")
        self.assertNotIn("bytes from", self.tenants.ping("client2", SERVER4, "-W", "0.3"))
        self.assertIn("bytes from", self.tenants.ping("client1", SERVER4))

    def test_an_interface_changes_its_domain(self):
        self.firewall.apply(PROFILE.replace(f"trust2: {{port: in2, address: [192.0.2.1/24, \"2001:db8:1::1/64\"], domain: {TENANT}}}",
                                            "trust2: {port: in2, address: [192.0.3.1/24]}", 1))
        self.tenants.run("client2", "ip", "address", "add", "192.0.3.10/24", "dev", "eth0")
        self.tenants.run("client2", "ip", "route", "replace", "default", "via", "192.0.3.1")
        self.tenants.run("server1", "ip", "route", "replace", "192.0.3.0/24", "via", "198.51.100.1")
        self.addCleanup(answer_with_name(self.tenants, "server1").close)
        self.assertIn("bytes from", self.tenants.ping("client2", "192.0.3.1"))
        self.assertIn("bytes from", self.tenants.ping("client2", SERVER4, "-I", "192.0.3.10"))

    def test_nothing_is_left_in_the_kernel(self):
        rules = lambda: re.findall(r"(?m)^(\d+):", self.tenants.run("fw", "ip", "rule").stdout)
        devices = lambda: set(re.findall(r"(?m)^\d+: ([^:@]+)", self.tenants.run("fw", "ip", "link").stdout))
        self.assertIn("trust2", devices())
        self.assertEqual(self.tenants.end(self.firewall.process), 0)
        self.assertEqual(rules(), ["0", "32766", "32767"])
        self.assertEqual(devices(), {"lo", "veth-in1", "veth-out1", "veth-in2", "veth-out2"})
        self.assertEqual(self.tenants.run("fw", "ip", "route", "show", "table", "all", "type", "unreachable").stdout, "")


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping")
    lab.main()
