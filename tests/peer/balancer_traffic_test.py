# SPDX-License-Identifier: BSD-3-Clause
"""Real clients and servers on both sides of the load balancer: who serves whom, and what changes of the pool cost."""

import collections
import hashlib
import time

import balancer_lab
import lab
from balancer_lab import VIP4, VIP6

PROFILE = """\
vnf: load_balancer
name: lb-test
dataplane: {{workers: 1, sessions: 64k}}
ports:
  outside: {{device: "net_af_packet_out,iface=veth-out"}}
  inside: {{device: "net_af_packet_in,iface=veth-in"}}
interfaces:
  wan: {{port: outside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}}
  lan: {{port: inside, address: [10.0.0.1/24, "2001:db8:10::1/64"]}}
load_balancer:
  table_size: 4099
  services:
    - name: web
      address: 203.0.113.80
      ports: [tcp/80, tcp/443]
      forwarding: {forwarding}
      {service}
      health: {{type: http, port: 80, path: /healthz, expect: 200, interval: 300ms, timeout: 200ms, rise: 2, fall: 2}}
      drain: 3s
      backends:
        - {{address: 10.0.0.11, weight: 2}}
        - {{address: 10.0.0.12}}
        - {{address: 10.0.0.13}}
    - name: web6
      address: "2001:db8:80::80"
      ports: [tcp/80, tcp/443]
      forwarding: {forwarding}
      {service}
      health: {{type: http, port: 80, path: /healthz, expect: 200, interval: 300ms, timeout: 200ms, rise: 2, fall: 2}}
      drain: 3s
      backends:
        - {{address: "2001:db8:10::11", weight: 2}}
        - {{address: "2001:db8:10::12"}}
        - {{address: "2001:db8:10::13"}}
"""
WEB4, WEB6 = f"http://{VIP4}", f"http://[{VIP6}]"
FIRST_PORT = 10_000  # of a client whose requests come from ports all different: below those that the kernel gives
UP = {f"10.0.0.{host}": "active" for host in (11, 12, 13)}
UP6 = {f"2001:db8:10::{host}": "active" for host in (11, 12, 13)}


class Traffic:
    """What must hold whatever the way of forwarding."""

    forwarding = "nat"
    service = "scheduler: maglev"
    # By a hash, so as good as by chance: a standard deviation is 0.011.
    requests, slack = 2000, 0.04

    @classmethod
    def setUpClass(cls):
        cls.lab = balancer_lab.BalancerLab()
        cls.addClassCleanup(cls.lab.close)
        cls.servers = {number: cls.lab.start_nginx(number) for number in (1, 2, 3)}
        if cls.forwarding != "nat":
            cls.lab.return_directly()
        if cls.forwarding not in ("nat", "direct"):
            cls.lab.take_out_of_tunnels(cls.forwarding)
        cls.firewall = balancer_lab.Balancer(cls.lab, PROFILE.format(forwarding=cls.forwarding, service=cls.service))
        cls.firewall.start()
        cls.firewall.wait_states(UP)
        cls.firewall.wait_states(UP6, "web6")

    def test_requests_are_spread_by_weight(self):
        for address in (VIP4, VIP6):
            count = collections.Counter(self.lab.many_ports(address, FIRST_PORT, self.requests))
            self.assertNotIn(None, count)
            for name, share in (("b1", 0.5), ("b2", 0.25), ("b3", 0.25)):
                self.assertAlmostEqual(count[name] / self.requests, share, delta=self.slack, msg=f"{address} {count}")

    def test_long_downloads_are_whole(self):
        expected = hashlib.sha256(bytes(range(256)) * 16384).hexdigest()
        for url in (WEB4, WEB6):
            for _ in range(3):
                out = self.lab.folder / "download"
                self.lab.curl("--output", str(out), f"{url}/large")
                self.assertEqual(hashlib.sha256(out.read_bytes()).hexdigest(), expected)

    def test_a_kept_connection_stays_with_its_backend(self):
        for url in (WEB4, WEB6):
            names = self.lab.curl(*[f"{url}/whoami"] * 50).stdout.split()
            self.assertEqual(len(names), 50)
            self.assertEqual(len(set(names)), 1)

    def test_a_backend_that_dies_costs_what_it_had_in_hand(self):
        load = balancer_lab.Load(self.lab, VIP4)
        self.lab.end(self.servers[2])
        self.firewall.wait_states({"10.0.0.12": "down"})
        noticed = time.time()
        after = self.lab.many(f"{WEB4}/whoami", 200)
        self.servers[2] = self.lab.start_nginx(2)
        self.firewall.wait_states({"10.0.0.12": "active"})
        names = set(self.lab.many(f"{WEB4}/whoami", 100))
        result = load.end()
        self.assertEqual(set(after), {"b1", "b3"})
        self.assertEqual(names, {"b1", "b2", "b3"})
        # What began before anybody had noticed, and nothing else.
        self.assertEqual([failed for failed in result["failed"] if failed[0] > noticed], [])

    def test_changes_of_the_pool_under_load_fail_nothing(self):
        load = balancer_lab.Load(self.lab, VIP4)
        profile = PROFILE.format(forwarding=self.forwarding, service=self.service)
        without = profile.replace("        - {address: 10.0.0.13}\n", "")
        weighted = profile.replace("{address: 10.0.0.13}", "{address: 10.0.0.13, weight: 9}")
        for text in (without, profile, weighted, profile):
            self.firewall.apply(text)
            self.lab.many(f"{WEB4}/whoami", 50)
        self.firewall.wait_states(UP)
        result = load.end()
        self.assertEqual(result["failed"], [])
        self.assertEqual(set(result["good"]), {"b1", "b2", "b3"})


class Nat(Traffic, lab.TestCase):
    forwarding = "nat"

    def test_the_twin_answers_for_the_services_address(self):
        self.lab.run("client", "ping", "-n", "-c", "1", "-W", "5", VIP4)
        self.lab.run("client", "ping", "-n", "-c", "1", "-W", "5", VIP6)

    def test_the_counters_tell(self):
        before = self.firewall.service()
        self.lab.many(f"{WEB4}/whoami", 100)
        after = self.firewall.service()
        self.assertEqual(after["connections"] - before["connections"], 100)
        given = sum(one["connections"] for one in after["backends"]) - sum(
            one["connections"] for one in before["backends"])
        self.assertEqual(given, 100)
        checked = self.firewall.backends()["10.0.0.11"]["health"]
        self.assertEqual(checked["state"], "up")
        self.assertGreater(checked["checks"], 0)


class Direct(Traffic, lab.TestCase):
    forwarding = "direct"

    def test_answers_do_not_pass_the_balancer(self):
        before = self.firewall.metrics().sum("received_bytes_total")
        self.lab.curl("--output", "/dev/null", f"{WEB4}/large")
        self.assertLess(self.firewall.metrics().sum("received_bytes_total") - before, 2 * 1024 * 1024)


class Ipip(Traffic, lab.TestCase):
    forwarding = "ipip"


class Gre(Traffic, lab.TestCase):
    forwarding = "gre"


class Gue(Traffic, lab.TestCase):
    forwarding = "gue"


class Turns(Traffic, lab.TestCase):
    forwarding = "nat"
    service = "scheduler: weighted_round_robin"
    requests, slack = 2000, 0.001


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "python3")
    lab.main()
