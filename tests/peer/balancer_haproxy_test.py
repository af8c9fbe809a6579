# SPDX-License-Identifier: BSD-3-Clause
"""HAProxy as a backend: beside nginx in one pool, and behind full_nat, where the PROXY protocol tells it who the client is."""

import collections

import balancer_lab
import lab
from balancer_lab import VIP4, VIP6

# Port 81 is HAProxy's that takes the PROXY protocol. In turns, so the next connection is the other server's.
SERVICE = """\
    - name: {name}
      address: "{address}"
      ports: [tcp/80]
      scheduler: weighted_round_robin
      forwarding: nat
      health: {{type: http, port: 80, path: /healthz, expect: 200, interval: 1s, timeout: 900ms}}
      backends: [{{address: "{nginx}"}}, {{address: "{haproxy}"}}]
    - name: {name}-told
      address: "{address}"
      ports: [tcp/81]
      forwarding: full_nat
      source_pool: {name}
      client_address: proxy_protocol
      backends: [{{address: "{haproxy}", port: 81}}]
    - name: {name}-other-family
      address: "{address}"
      ports: [tcp/82]
      forwarding: full_nat
      source_pool: {other}
      client_address: proxy_protocol
      backends: [{{address: "{other_haproxy}", port: 81}}]
"""
PROFILE = """\
vnf: load_balancer
name: lb-test
dataplane: {workers: 1, sessions: 64k}
ports:
  outside: {device: "net_af_packet_out,iface=veth-out"}
  inside: {device: "net_af_packet_in,iface=veth-in"}
interfaces:
  wan: {port: outside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  lan: {port: inside, address: [10.0.0.1/24, "2001:db8:10::1/64"]}
load_balancer:
  table_size: 4099
  source_pools:
    four: {addresses: [10.0.0.100]}
    six: {addresses: ["2001:db8:10::100"]}
  services:
""" + SERVICE.format(name="four", other="six", address=VIP4, nginx="10.0.0.11", haproxy="10.0.0.12",
                     other_haproxy="2001:db8:10::12") + SERVICE.format(
                         name="six", other="four", address=VIP6, nginx="2001:db8:10::11", haproxy="2001:db8:10::12",
                         other_haproxy="10.0.0.12")
BACKENDS = {"four": ("10.0.0.11", "10.0.0.12"), "six": ("2001:db8:10::11", "2001:db8:10::12")}
URLS = {f"http://{VIP4}": "192.0.2.10", f"http://[{VIP6}]": "2001:db8:1::10"}


class BesideNginx(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = balancer_lab.BalancerLab(backends=2)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_nginx(1)
        cls.lab.start_haproxy(2)
        cls.firewall = balancer_lab.Balancer(cls.lab, PROFILE)
        cls.firewall.start()
        for service, addresses in BACKENDS.items():
            cls.firewall.wait_states(dict.fromkeys(addresses, "active"), service)

    def test_a_fresh_start_finds_no_backend_down(self):
        """The first checks do not leave before the ports have a link."""
        for service, addresses in BACKENDS.items():
            backends = self.firewall.backends(service)
            for address in addresses:
                first = backends[address]["health"]["history"][0]
                self.assertEqual((first["from"], first["to"]), ("unknown", "up"), f"{address}: {first}")

    def test_every_request_is_answered_by_one_or_the_other(self):
        for url in URLS:
            count = collections.Counter(self.lab.many(f"{url}/whoami", 200))
            self.assertEqual(count, {"b1": 100, "b2": 100}, url)

    def test_a_kept_connection_stays_with_its_backend(self):
        for url in URLS:
            kept = [set(self.lab.curl(*[f"{url}/whoami"] * 20).stdout.split()) for _ in range(2)]
            self.assertEqual(sorted(map(sorted, kept)), [["b1"], ["b2"]], url)

    def test_haproxy_knows_the_client_by_the_proxy_protocol(self):
        for url, client in URLS.items():
            for port in (81, 82):
                told = self.lab.curl(*[f"{url}:{port}/client"] * 3).stdout.split()
                self.assertEqual(told, [client] * 3, f"{url}:{port}")


if __name__ == "__main__":
    lab.need("ip", "nginx", "haproxy", "curl")
    lab.main()
