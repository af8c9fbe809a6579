# SPDX-License-Identifier: BSD-3-Clause
"""Paths through the NAT gateway as hosts find them out: traceroute's hops and path MTUs, from both sides.

    near (10.9.0.10, 2001:db8:9::10) -- client -- [gateway] -- server -- far (203.0.113.10)

The client and the server of the lab are routers here; either may say that its way to the host beside it is narrow.
"""

import re
import socket

import lab

NEAR4, NEAR6, FAR4 = "10.9.0.10", "2001:db8:9::10", "203.0.113.10"
# The same as hosts of IPv6 see them: the far host, and the router before it.
FAR64, ROUTER64 = "2001:db8:64::cb00:710a", "2001:db8:64::c633:640a"
NEAR_ROUTER4, NEAR_ROUTER6 = "10.9.0.1", "2001:db8:9::1"
# A host with an outside address of its own.
SERVING4, OUTSIDE4 = "10.9.0.11", "198.51.100.50"
NARROW = 1300
PORT = 5201


def profile():
    text = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text()
    return text.replace("source: 192.0.2.0/24", "source: [192.0.2.0/24, 10.9.0.0/24]") + f"""
  static:
    - {{inside: {SERVING4}, outside: {OUTSIDE4}}}

routes:
  - {{to: 10.9.0.0/24, via: {lab.CLIENT4}}}
  - {{to: "2001:db8:9::/64", via: "{lab.CLIENT6}"}}
  - {{to: 203.0.113.0/24, via: {lab.SERVER4}}}
"""


class NatPath(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = place = lab.Lab()
        cls.addClassCleanup(place.close)
        place.run("server", "ip", "route", "delete", "default")
        for router, host in (("client", "near"), ("server", "far")):
            place.add(host)
            place.link(router, "eth1", host, "eth0")
            place.run(router, "ip", "link", "set", "eth1", "up")
            place.run(host, "ip", "link", "set", "eth0", "up")
            # All errors are sent, for each probe wants its own.
            place.sysctl(router, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.icmp_ratelimit=0",
                         "net.ipv6.icmp.ratelimit=0", "net.ipv4.icmp_msgs_per_sec=100000", "net.ipv4.icmp_msgs_burst=1000")
            place.sysctl(host, "net.ipv4.icmp_ratelimit=0", "net.ipv4.tcp_mtu_probing=0")
        for address in (NEAR_ROUTER4, NEAR_ROUTER6):
            place.run("client", "ip", "address", "add", f"{address}/{64 if ':' in address else 24}", "dev", "eth1")
        place.run("server", "ip", "address", "add", "203.0.113.1/24", "dev", "eth1")
        place.address("near", f"{NEAR4}/24", f"{NEAR6}/64", (NEAR_ROUTER4, NEAR_ROUTER6))
        place.run("near", "ip", "address", "add", f"{SERVING4}/24", "dev", "eth0")
        place.run("far", "ip", "address", "add", f"{FAR4}/24", "dev", "eth0")
        place.run("far", "ip", "route", "add", "default", "via", "203.0.113.1")
        cls.servers = {host: cls.listen(host) for host in ("near", "far")}
        cls.firewall = lab.Nat(place, profile())
        cls.firewall.start()

    @classmethod
    def listen(cls, host):
        server = cls.lab.socket_in(host, socket.AF_INET, socket.SOCK_STREAM)
        cls.addClassCleanup(server.close)
        server.settimeout(10)
        server.bind(("", PORT))
        server.listen()
        return server

    def setUp(self):
        self.forget()
        self.addCleanup(self.forget)

    def forget(self):
        """All that hosts learned, and what the routers were told to be."""
        for host in ("near", "far"):
            for family in ("-4", "-6"):
                self.lab.run(host, "ip", family, "route", "flush", "cache")
        self.lab.run("client", "ip", "route", "replace", "10.9.0.0/24", "dev", "eth1")
        self.lab.run("client", "ip", "-6", "route", "replace", "2001:db8:9::/64", "dev", "eth1", "metric", "256")
        self.lab.run("server", "ip", "route", "replace", "203.0.113.0/24", "dev", "eth1")

    def narrow(self, router, prefix, mtu=NARROW):
        """The router forwards no larger packets that way; neither end of its link knows."""
        family = "-6" if ":" in prefix else "-4"
        self.lab.run(router, "ip", family, "route", "replace", prefix, "dev", "eth1", "mtu", "lock", str(mtu),
                     *(("metric", "256") if family == "-6" else ()))

    def learned(self, host, address):
        """The path MTU that the host keeps for an address; None when it has learned nothing."""
        found = re.search(r" mtu (\d+)", self.lab.run(host, "ip", "route", "get", address).stdout)
        return int(found[1]) if found else None

    def hops(self, host, *arguments):
        """The addresses that traceroute shows, one probe for each hop."""
        text = self.lab.run(host, "traceroute", "-n", "-q", "1", "-w", "3", "-m", "8", *arguments).stdout
        return [line.split()[1] for line in text.splitlines()[1:]], text

    def transfer(self, address, back=False):
        """Sends a quarter of a megabyte from the near host to the far one's address, or back on the same connection."""
        sent = bytes(range(256)) * 1024
        with self.lab.socket_in("near", socket.AF_INET6 if ":" in address else socket.AF_INET) as near:
            near.settimeout(10)
            near.connect((address, PORT))
            far, _ = self.servers["far"].accept()
            with far:
                far.settimeout(10)
                source, sink = (far, near) if back else (near, far)
                received = lab.in_background(lambda: sink.makefile("rb").read(len(sent)))
                source.sendall(sent)
                self.assertEqual(received(), sent)

    MODES = (("-U",), ("-I",), ("-T", "-p", "80"), ("-T", "-p", str(PORT)))

    def test_traces_show_the_gateway_and_the_routers_behind_it(self):
        way = ["10.9.0.1", "192.0.2.1", "198.51.100.10", FAR4]
        for mode in self.MODES:
            with self.subTest(mode=mode):
                hops, text = self.hops("near", *mode, FAR4)
                self.assertEqual(hops, way, text)
                hops, text = self.hops("client", *mode, FAR4)
                self.assertEqual(hops, way[1:], text)

    def test_traces_from_ipv6_to_ipv4(self):
        way = [NEAR_ROUTER6, "2001:db8:1::1", ROUTER64, FAR64]
        for mode in self.MODES:
            with self.subTest(mode=mode):
                hops, text = self.hops("near", "-6", *mode, FAR64)
                self.assertEqual(hops, way, text)

    def test_traces_from_outside_show_no_inside_address(self):
        """RFC 5508 REQ-5: the router inside is seen by the outside address of the host behind it."""
        for mode in self.MODES:
            with self.subTest(mode=mode):
                hops, text = self.hops("far", *mode, OUTSIDE4)
                self.assertEqual(hops, ["203.0.113.1", "198.51.100.1", OUTSIDE4, OUTSIDE4], text)

    def test_a_host_inside_learns_of_a_narrow_way_outside(self):
        self.narrow("server", "203.0.113.0/24")
        self.assertIsNone(self.learned("near", FAR4))
        self.transfer(FAR4)
        self.assertEqual(self.learned("near", FAR4), NARROW)

    def test_probes_find_a_narrow_way_outside(self):
        self.narrow("server", "203.0.113.0/24")
        # Both of them send UDP or ICMP with DF and take the MTU from the error.
        ping = self.lab.ping(FAR4, "-M", "do", "-s", "1472", namespace="near", check=False).stdout
        self.assertRegex(ping, rf"From {re.escape(lab.SERVER4)} .*Frag needed and DF set \(mtu = {NARROW}\)")
        self.lab.run("near", "ip", "route", "flush", "cache")
        path = self.lab.run("near", "tracepath", "-n", FAR4).stdout
        self.assertRegex(path, rf"Resume: pmtu {NARROW} hops 4 ")
        self.assertEqual(self.learned("near", FAR4), NARROW)

    def test_an_ipv6_host_learns_of_a_narrow_way_outside(self):
        """RFC 7915 section 4.2: an IPv6 header is 20 bytes longer, and no link of IPv6 takes less than 1280 bytes."""
        for mtu, expected in ((NARROW, NARROW + 20), (1000, 1280)):
            with self.subTest(mtu=mtu):
                self.forget()
                self.narrow("server", "203.0.113.0/24", mtu)
                self.transfer(FAR64)
                self.assertEqual(self.learned("near", FAR64), expected)
        path = self.lab.run("near", "tracepath", "-6", "-n", FAR64).stdout
        self.assertRegex(path, r"Resume: pmtu 1280 hops 4 ")

    def test_a_host_outside_learns_of_a_narrow_way_inside(self):
        self.narrow("client", "10.9.0.0/24")
        self.transfer(FAR4, back=True)
        pool = {f"198.51.100.{number}": self.learned("far", f"198.51.100.{number}") for number in range(64, 80)}
        self.assertEqual([mtu for mtu in pool.values() if mtu], [NARROW], pool)

    def test_a_host_outside_learns_of_a_narrow_way_inside_of_ipv6(self):
        """RFC 7915 section 5.2: 20 bytes less."""
        self.narrow("client", "2001:db8:9::/64")
        self.transfer(FAR64, back=True)
        pool = {f"198.51.100.{number}": self.learned("far", f"198.51.100.{number}") for number in range(64, 80)}
        self.assertEqual([mtu for mtu in pool.values() if mtu], [NARROW - 20], pool)

    def test_a_probe_from_outside_finds_a_narrow_way_inside(self):
        self.narrow("client", "10.9.0.0/24")
        ping = self.lab.ping(OUTSIDE4, "-M", "do", "-s", "1472", namespace="far", check=False).stdout
        self.assertRegex(ping, rf"From {re.escape(OUTSIDE4)} .*Frag needed and DF set \(mtu = {NARROW}\)")
        self.assertEqual(self.learned("far", OUTSIDE4), NARROW)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "traceroute", "tracepath")
    lab.main()
