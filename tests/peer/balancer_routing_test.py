# SPDX-License-Identifier: BSD-3-Clause
"""The load balancer beside a router: FRR announces its services and takes them back; two balancers share them."""

import pathlib
import shutil
import socket

import balancer_lab
import lab
from balancer_lab import VIP4, VIP6

FRR = pathlib.Path("/usr/lib/frr")
SERVICES = """\
load_balancer:
  table_size: 4099
  services:
    - name: web
      address: 203.0.113.80
      ports: [tcp/80]
      forwarding: direct
      backends: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]
    - name: web6
      address: "2001:db8:80::80"
      ports: [tcp/80]
      forwarding: direct
      backends: [{address: "2001:db8:10::11"}, {address: "2001:db8:10::12"}, {address: "2001:db8:10::13"}]
"""
PROFILE = """\
vnf: load_balancer
name: lb-{number}
dataplane: {{workers: 1, sessions: 16k}}
ports:
  outside: {{device: "net_af_packet_out,iface={out}"}}
  inside: {{device: "net_af_packet_in,iface={inside}"}}
interfaces:
  wan: {{port: outside, address: [{wan4}, "{wan6}"]}}
  lan: {{port: inside, address: [10.0.0.{number}/24, "2001:db8:10::{number}/64"]}}
"""
FIRST = PROFILE.format(number=1, out="veth-out", inside="veth-in", wan4="192.0.2.1/24",
                       wan6="2001:db8:1::1/64") + SERVICES
SECOND = PROFILE.format(number=2, out="veth-out2", inside="veth-in2", wan4="198.51.100.2/24",
                        wan6="2001:db8:2::2/64") + SERVICES
CLIENT = "192.0.2.200"
ROUTER = """\
frr defaults datacenter
router bgp 65000
 bgp router-id 192.0.2.10
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65001
 neighbor 2001:db8:1::1 remote-as 65001
 address-family ipv6 unicast
  neighbor 2001:db8:1::1 activate
 exit-address-family
"""


def start_routing(place, namespace, configuration):
    """zebra and bgpd, with sockets and files of their own."""
    folder = place.folder / f"frr-{namespace}"
    folder.mkdir()
    shutil.chown(folder, "frr", "frr")
    file = folder / "frr.conf"
    file.write_text(configuration)
    for daemon in ("zebra", "bgpd"):
        place.start(namespace, f"{daemon}-{namespace}.log", str(FRR / daemon), "-f", str(file), "-i",
                    str(folder / f"{daemon}.pid"), "--vty_socket", str(folder), "-z", str(folder / "zserv"), "--log",
                    "stdout", "-P", "0")


class Announcement(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = balancer_lab.BalancerLab()
        cls.addClassCleanup(cls.lab.close)
        for number in (1, 2, 3):
            cls.lab.start_nginx(number)
        cls.lab.return_directly()
        cls.lab.run("client", "ip", "route", "delete", "203.0.113.0/24")
        cls.lab.run("client", "ip", "route", "delete", "2001:db8:80::/64")
        cls.firewall = balancer_lab.Balancer(cls.lab, FIRST)
        cls.firewall.start()
        start_routing(cls.lab, "lb", (lab.ROOT / "vnfs/load_balancer/frr/frr.conf").read_text())
        start_routing(cls.lab, "client", ROUTER)

    def routes(self):
        """The router's ways to the services."""
        return (self.lab.run("client", "ip", "route", "show", f"{VIP4}/32").stdout.strip(),
                self.lab.run("client", "ip", "-6", "route", "show", f"{VIP6}/128").stdout.strip())

    def test_services_are_announced_and_withdrawn_while_the_instance_drains(self):
        lab.wait(60, "the router to learn the services", lambda: all(self.routes()))
        self.assertIn("via 192.0.2.1 ", self.routes()[0] + " ")
        for address in (VIP4, f"[{VIP6}]"):
            self.assertRegex(self.lab.who(f"http://{address}/whoami"), "^b[123]$")
        # A connection that is there.
        kept = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM)
        kept.settimeout(10)
        kept.connect((VIP4, 80))
        self.addCleanup(kept.close)
        self.assertEqual(self.firewall.call("POST", "/v1/drain").status, 200)
        lab.wait(30, "the router to forget the services", lambda: not any(self.routes()))
        # It goes on, if the router has another way that leads here: nothing was taken from it.
        self.lab.run("client", "ip", "route", "add", f"{VIP4}/32", "via", "192.0.2.1")
        self.addCleanup(self.lab.run, "client", "ip", "route", "delete", f"{VIP4}/32", "via", "192.0.2.1", check=False)
        kept.sendall(b"GET /whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertIn(b"200 OK", kept.recv(4096))
        self.lab.run("client", "ip", "route", "delete", f"{VIP4}/32", "via", "192.0.2.1")
        self.assertEqual(self.firewall.call("DELETE", "/v1/drain").status, 200)
        lab.wait(60, "the router to learn the services again", lambda: all(self.routes()))


class TwoInstances(lab.TestCase):
    """Behind a router that shares flows out among them by a hash of its own (ECMP)."""

    @classmethod
    def setUpClass(cls):
        cls.lab = place = balancer_lab.BalancerLab()
        cls.addClassCleanup(place.close)
        for number in (1, 2, 3):
            place.start_nginx(number)
        place.return_directly()
        place.add("lb2")
        place.link("client", "eth2", "lb2", "veth-out2")
        place.attach("lb2", "veth-in2", "to-lb2")
        for device in ("veth-out2", "veth-in2"):
            place.sysctl("lb2", f"net.ipv6.conf.{device}.disable_ipv6=1", f"net.ipv4.conf.{device}.arp_ignore=8",
                         f"net.ipv4.conf.{device}.rp_filter=1")
            place.run("lb2", "ip", "link", "set", device, "up")
        # An address of neither link: Linux prefers the way by the source's own.
        place.run("client", "ip", "address", "add", f"{CLIENT}/32", "dev", "lo")
        place.address("client", "eth2", "198.51.100.10/24", "2001:db8:2::10/64")
        cls.firewall = balancer_lab.Balancer(place, FIRST)
        cls.firewall.start()
        cls.second = balancer_lab.Balancer(place, SECOND, namespace="lb2", name="second")
        cls.second.start()

    def ways(self, *gateways):
        hops = [part for gateway in gateways for part in ("nexthop", "via", gateway)]
        self.lab.run("client", "ip", "route", "replace", "203.0.113.0/24", *hops)

    def test_flows_that_move_between_instances_keep_their_backend(self):
        self.lab.sysctl("client", "net.ipv4.fib_multipath_hash_policy=1")  # by ports too
        self.ways("192.0.2.1", "198.51.100.2")
        kept = []
        for _ in range(40):
            connection = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM)
            connection.settimeout(10)
            connection.bind((CLIENT, 0))
            connection.connect((VIP4, 80))
            self.addCleanup(connection.close)
            kept.append([connection, self.ask(connection)])
        self.assertEqual({name for _, name in kept}, {"b1", "b2", "b3"})
        given = [balancer.service()["connections"] for balancer in (self.firewall, self.second)]
        self.assertGreaterEqual(min(given), 5, given)
        # All to the one, then all to the other: each sees connections it has never known.
        for gateway in ("198.51.100.2", "192.0.2.1"):
            self.ways(gateway)
            for connection, name in kept:
                self.assertEqual(self.ask(connection), name)

    @staticmethod
    def ask(connection):
        connection.sendall(b"GET /whoami HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"\n") or b"\r\n\r\n" not in answer:
            piece = connection.recv(4096)
            if not piece:
                raise lab.Failed(f"the connection ended after {answer!r}")
            answer += piece
        return answer.split(b"\r\n\r\n", 1)[1].decode().strip()


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", str(FRR / "zebra"), str(FRR / "bgpd"))
    lab.main()
