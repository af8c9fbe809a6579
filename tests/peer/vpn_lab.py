# SPDX-License-Identifier: BSD-3-Clause
"""Two VPN gateways and a host behind each:

    a (10.1.0.5, 2001:db8:a::5) -- gwa -- 192.0.2.0/24, 2001:db8:ff::/64 -- gwb -- b (10.2.0.7, 2001:db8:b::7)

The link between the gateways is a bridge in a namespace of its own, so that it can be listened to.
"""

import lab

HOST_A, HOST_B = "10.1.0.5", "10.2.0.7"
HOST_A6, HOST_B6 = "2001:db8:a::5", "2001:db8:b::7"
GATEWAY_A, GATEWAY_B = "192.0.2.1", "192.0.2.2"
GATEWAY_A6, GATEWAY_B6 = "2001:db8:ff::1", "2001:db8:ff::2"


class Vpn(lab.Appliance):
    kind = "vpn"


def profile(name, inside, outside, rest, dataplane="workers: 1, sessions: 4k", interfaces=""):
    """A gateway with these addresses; `interfaces` are more of them, and `rest` is what follows: `vpn:`, routes."""
    return f"""
vnf: vpn
name: {name}
dataplane: {{{dataplane}}}
ports:
  inside: {{device: "net_af_packet_in,iface=veth-in"}}
  outside: {{device: "net_af_packet_out,iface=veth-out"}}
interfaces:
  lan: {{port: inside, address: [{', '.join(f'"{one}"' for one in inside)}]}}
  wan: {{port: outside, address: [{', '.join(f'"{one}"' for one in outside)}]}}
{interfaces}
{rest}"""


class Sites(lab.Namespaces):
    """The hosts, the gateways' namespaces and the links between them; gateways are started by the test."""

    def __init__(self):
        super().__init__("a", "gwa", "between", "gwb", "b")
        self.run("between", "ip", "link", "add", "wire", "type", "bridge")
        self.run("between", "ip", "link", "set", "wire", "up")
        for host, gateway in (("a", "gwa"), ("b", "gwb")):
            self.link(host, "eth0", gateway, "veth-in")
            self.link("between", gateway, gateway, "veth-out")
            for device in ("veth-in", "veth-out"):
                # The kernel sees the port's frames too: it is neither to answer ARP there nor to take its packets.
                self.sysctl(gateway, f"net.ipv6.conf.{device}.disable_ipv6=1", f"net.ipv4.conf.{device}.arp_ignore=8",
                            f"net.ipv4.conf.{device}.rp_filter=1")
                self.run(gateway, "ip", "link", "set", device, "up")
            self.run("between", "ip", "link", "set", gateway, "master", "wire", "up")
            self.run(host, "ip", "link", "set", "eth0", "up")
        self.address("a", f"{HOST_A}/16", f"{HOST_A6}/48", ("10.1.0.1", "2001:db8:a::1"))
        self.address("b", f"{HOST_B}/16", f"{HOST_B6}/48", ("10.2.0.1", "2001:db8:b::1"))

    def address(self, namespace, ipv4, ipv6, gateways):
        for address in (ipv4, ipv6):
            extra = ("nodad",) if ":" in address else ()
            self.run(namespace, "ip", "address", "add", address, "dev", "eth0", *extra)
        for gateway in gateways:
            self.run(namespace, "ip", "-6" if ":" in gateway else "-4", "route", "add", "default", "via", gateway)

    def ping(self, source, address, *arguments, check=True):
        return self.run(source, "ping", "-n", "-c", "1", "-W", "5", *arguments, address, check=check)
