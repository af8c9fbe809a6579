# SPDX-License-Identifier: BSD-3-Clause
"""Two gateways whose tunnel is an interface. BIRD beside each tells the other, through the tunnel, what is behind it."""

import signal

import lab
import vpn_lab
import vpn_strongswan
from vpn_lab import GATEWAY_A, GATEWAY_B, HOST_A, HOST_A6, HOST_B, HOST_B6
from vpn_strongswan import Gateway

OTHER = {"a": "b", "b": "a"}
ADDRESS = {"a": GATEWAY_A, "b": GATEWAY_B}
END = {"a": "169.254.0.1", "b": "169.254.0.2"}
END6 = {"a": "2001:db8:169::1", "b": "2001:db8:169::2"}
AS = {"a": 65001, "b": 65002}
HOST = {"a": (HOST_A, HOST_A6), "b": (HOST_B, HOST_B6)}

BGP = """
protocol bgp between4 {{
  local {end} as {own_as};
  neighbor {other} as {other_as};
  hold time 6;
  ipv4 {{ import all; export where source = RTS_DEVICE; next hop self; }};
  ipv6 {{ import all; export where source = RTS_DEVICE; next hop self; }};
}}
"""
OSPF = """
protocol ospf v2 inside4 {{
  ipv4 {{ import all; export none; }};
  area 0 {{ interface "tun0" {{ type ptp; hello 1; dead 4; }}; interface "lan" {{ stub; }}; }};
}}
protocol ospf v3 inside6 {{
  ipv6 {{ import all; export none; }};
  area 0 {{ interface "tun0" {{ type ptp; hello 1; dead 4; }}; interface "lan" {{ stub; }}; }};
}}
"""


def sections(side, start="always"):
    """`start`: how a begins; b waits for it."""
    return f"""
  connections:
    between:
      local: {ADDRESS[side]}
      remote: {ADDRESS[OTHER[side]]}
      authentication: secret
      identity: {side}.test
      peer: {OTHER[side]}.test
      secret: psk
      start: {start if side == "a" else "peer"}
      dead_peer_check: 2s
"""


def interface(side):
    return f'  tun0: {{tunnel: between, address: ["{END[side]}/30", "{END6[side]}/126"]}}'


class Bird:
    """BIRD in the namespace of a gateway's twin."""

    def __init__(self, sites, side, protocols):
        self.sites = sites
        self.side = side
        folder = sites.folder / f"bird-{side}"
        folder.mkdir(exist_ok=True)
        self.socket = folder / "control"
        settings = folder / "bird.conf"
        settings.write_text(f"""
router id {END[side]};
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; interface "lan"; }}
protocol kernel {{ ipv4 {{ export where source != RTS_DEVICE; }}; }}
protocol kernel {{ ipv6 {{ export where source != RTS_DEVICE; }}; }}
{protocols.format(end=END[side], own_as=AS[side], other=END[OTHER[side]], other_as=AS[OTHER[side]])}""")
        self.process = sites.start(f"gw{side}", f"bird-{side}.log", "bird", "-f", "-c", str(settings), "-s",
                                   str(self.socket), "-P", str(folder / "pid"))

    def routes(self):
        return self.sites.run(f"gw{self.side}", "birdc", "-s", str(self.socket), "show", "route", check=False).stdout


class VpnRoutes(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        vpn_strongswan.need()
        lab.need("bird", "birdc")
        cls.sites = sites = vpn_lab.Sites()
        cls.addClassCleanup(sites.close)
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        (sites.folder / "psk").write_text(vpn_strongswan.SECRET + "\n")
        cls.gateways = {side: Gateway(sites, f"vpn-{side}", side, sections(side), interface(side)) for side in "ab"}
        for gateway in cls.gateways.values():
            gateway.launch()
        for gateway in cls.gateways.values():
            gateway.wait_ready()
            gateway.start_charon()
        for gateway in cls.gateways.values():
            gateway.wait_charon()

    @classmethod
    def dump(cls):
        for gateway in cls.gateways.values():
            gateway.dump()

    def apply(self, **options):
        """Both anew: no tunnel is left of what was before."""
        for side, gateway in self.gateways.items():
            gateway.apply(gateway.profile(sections(side, start="peer")))
        for gateway in self.gateways.values():
            gateway.swanctl("--terminate", "--ike", "between", "--force", check=False)
        for side in "ab":
            lab.wait(10, "the old tunnel's end", lambda s=side: self.tunnel(s)["state"] == "down")
        for side, gateway in self.gateways.items():
            gateway.apply(gateway.profile(sections(side, **options)))

    def tunnel(self, side):
        return self.gateways[side].get("/v1/vpn/tunnels")[0]

    def answers(self, source, address):
        return self.sites.ping(source, address, "-W", "1", check=False).returncode == 0

    def route(self, side, prefix):
        """What the twin's kernel has for the prefix."""
        family = "-6" if ":" in prefix else "-4"
        return self.sites.run(f"gw{side}", "ip", family, "route", "show", prefix).stdout.strip()

    def learn(self, protocols):
        """Both sides reach each other by what BIRD has told, and not without it."""
        self.apply()
        for side in "ab":
            self.assertEqual(self.route(side, {"a": "10.2.0.0/16", "b": "10.1.0.0/16"}[side]), "")
        self.assertFalse(self.answers("a", HOST_B))
        birds = [Bird(self.sites, side, protocols) for side in "ab"]
        try:
            for side in "ab":
                for address in HOST[OTHER[side]]:
                    lab.wait(40, f"an answer of {address}", lambda s=side, to=address: self.answers(s, to))
            self.assertIn("dev tun0", self.route("a", "10.2.0.0/16"))
            self.assertIn("dev tun0", self.route("a", "2001:db8:b::/48"))
            associations = self.gateways["a"].associations()
            self.assertTrue(any(one["direction"] == "out" and one["packets"] >= 2 for one in associations), associations)
        finally:
            for bird in birds:
                self.sites.end(bird.process)
        # It has taken its routes along.
        lab.wait(10, "the route to be gone", lambda: not self.answers("a", HOST_B))

    def test_bgp_through_the_tunnel(self):
        self.learn(BGP)

    def test_ospf_whose_hellos_go_to_groups(self):
        self.learn(OSPF)

    def test_the_twin_answers_through_the_tunnel(self):
        self.apply()
        lab.wait(20, "an answer", lambda: self.sites.run(
            "gwa", "ping", "-n", "-c", "1", "-W", "1", END["b"], check=False).returncode == 0)
        self.sites.run("gwa", "ping", "-n", "-c", "1", "-W", "5", END6["b"])
        self.assertEqual(self.tunnel("a")["interface"], "tun0")

    def test_a_packet_by_the_interface_asks_for_the_tunnel(self):
        self.apply(start="traffic")
        lab.wait(10, "the tunnel to be down", lambda: self.tunnel("a")["state"] == "down")
        lab.wait(20, "an answer", lambda: self.sites.run(
            "gwa", "ping", "-n", "-c", "1", "-W", "1", END["b"], check=False).returncode == 0)
        self.assertEqual(self.tunnel("a")["state"], "up")

    def test_static_routes_need_no_next_hop(self):
        for side, gateway in self.gateways.items():
            remote = {"a": "10.2.0.0/16", "b": "10.1.0.0/16"}[side]
            gateway.apply(gateway.profile(sections(side)) + f"routes: [{{to: {remote}, interface: tun0}}]\n")
        lab.wait(20, "an answer", lambda: self.answers("a", HOST_B))
        explained = self.gateways["a"].call("POST", "/v1/explain", {
            "source": HOST_A, "destination": HOST_B, "protocol": "icmp", "interface": "lan"}).json()
        self.assertEqual(explained["verdict"], {"action": "protect"}, explained)
        self.assertEqual(explained["route"]["egress"], "tun0", explained)
        self.apply()

    def test_routes_give_way_when_the_tunnel_is_down(self):
        gateway = self.gateways["a"]
        gateway.apply(gateway.profile(sections("a")) + """routes:
  - {to: 10.2.0.0/16, interface: tun0}
  - {to: 10.2.0.0/16, via: 10.1.0.99, metric: 100}
""")

        def egress():
            return gateway.call("POST", "/v1/explain", {"source": HOST_A, "destination": HOST_B, "protocol": "icmp",
                                                        "interface": "lan"}).json()["route"]["egress"]

        lab.wait(20, "the tunnel", lambda: egress() == "tun0")
        self.gateways["b"].stop_charon(signal.SIGKILL)
        try:
            lab.wait(30, "the other route", lambda: egress() == "lan")
            gateway.wait_log("tunnel tun0 is down")
        finally:
            self.gateways["b"].start_charon()
        lab.wait(30, "the tunnel", lambda: egress() == "tun0")
        self.apply()


if __name__ == "__main__":
    lab.main("vnfs/vpn/vnf-vpn")
