# SPDX-License-Identifier: BSD-3-Clause
"""images/chains/branch.yaml with what is around it: a branch with strongSwan, and two web servers.

    site (10.2.0.7, 2001:db8:b::7) -- gate (strongSwan) == ESP == vpn -- firewall -- nat -- balancer -- servers
"""

import pathlib
import sys

import lab
import vpn_strongswan

CHAINS = pathlib.Path(__file__).resolve().parents[2] / "images/chains"
sys.path.insert(0, str(CHAINS))
import chain  # noqa: E402

VIP4, VIP6 = "203.0.113.80", "2001:db8:80::80"
WEB = {VIP4: f"http://{VIP4}", VIP6: f"http://[{VIP6}]"}
GATE = f"""
connections {{
  gate {{
    version = 2
    remote_addrs = 192.0.2.1
    local {{ auth = psk\n id = b.test }}
    remote {{ auth = psk\n id = a.test }}
    children {{
      net4 {{ esp_proposals = aes128gcm16\n local_ts = 10.2.0.0/16\n remote_ts = 203.0.113.0/24 }}
      net6 {{ esp_proposals = aes128gcm16\n local_ts = 2001:db8:b::/48\n remote_ts = 2001:db8:80::/64 }}
    }}
  }}
}}
secrets {{ ike-gate {{ id-a = a.test\n id-b = b.test\n secret = "{vpn_strongswan.SECRET}" }} }}
"""
SERVERS = {1: ("10.0.0.11", "2001:db8:10::11"), 2: ("10.0.0.12", "2001:db8:10::12")}


class Branch(lab.Namespaces):
    """What is around the chain: the branch with its gateway, and the servers."""

    def __init__(self):
        super().__init__("site", "gate", "servers")
        self.chain = None
        self.link("site", "eth0", "gate", "veth-in")
        for namespace, device, addresses in (("site", "eth0", ("10.2.0.7/16", "2001:db8:b::7/48")),
                                             ("gate", "veth-in", ("10.2.0.1/16", "2001:db8:b::1/48"))):
            self.run(namespace, "ip", "link", "set", device, "up")
            self.address(namespace, device, addresses)
        self.sysctl("gate", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0")
        self.run("site", "ip", "route", "add", "default", "via", "10.2.0.1")
        self.run("site", "ip", "route", "add", "default", "via", "2001:db8:b::1")

    def address(self, namespace, device, addresses):
        for address in addresses:
            extra = ("nodad",) if ":" in address else ()
            self.run(namespace, "ip", "address", "add", address, "dev", device, *extra)

    def finish_edges(self):
        """When the chain is there, so are the devices that lead to it."""
        self.address("gate", "wan", ("192.0.2.2/24",))
        for addresses in SERVERS.values():
            self.address("servers", "servers", (f"{addresses[0]}/24", f"{addresses[1]}/64"))
        for gateway in ("10.0.0.1", "2001:db8:10::1"):
            self.run("servers", "ip", "route", "add", "default", "via", gateway)

    def start_servers(self):
        for number, addresses in SERVERS.items():
            settings = self.folder / f"nginx-{number}.conf"
            listen = "".join(f"listen {one}:80; " for one in (addresses[0], f"[{addresses[1]}]"))
            settings.write_text(f"""
daemon off; worker_processes 1; pid {self.folder}/nginx-{number}.pid; error_log {self.folder}/nginx-{number}.err;
events {{ worker_connections 512; }}
http {{ access_log off; keepalive_requests 1000000; default_type text/plain;
  server {{ {listen} location = /whoami {{ return 200 "b{number} for $remote_addr\\n"; }} }} }}
""")
            self.start("servers", f"nginx-{number}.log", "nginx", "-e", str(self.folder / f"nginx-{number}.err"), "-c", str(settings))
            for address in addresses:
                self.start("servers", f"iperf3-{address}.log", "iperf3", "--server", "--bind", address)

    def start_chain(self):
        """The chain, ready, and the branch's tunnel into it."""
        (self.folder / "psk").write_text(vpn_strongswan.SECRET + "\n")
        described = chain.Chain(CHAINS / "branch.yaml")
        vpn = described.appliances["vpn"]
        vpn.files = [self.folder / "psk"]
        self.chain = chain.Running(described, lab.BUILD, self.folder / "chain", self.prefix + "-",
                                   {"wan": self.name("gate"), "servers": self.name("servers")})
        self.chain.up()
        self.finish_edges()
        self.start_servers()
        self.chain.wait()
        lab.wait(20, "the gateway's charon", lambda: "charon told all it has" in vpn.log() and "charon answers" in vpn.log())
        gate = vpn_strongswan.Peer(self, "gate")
        gate.start()
        gate.load(GATE)
        for child in ("net4", "net6"):
            gate.initiate(child)
        for address in (VIP4, VIP6):
            lab.wait(20, f"a page of {address}", lambda to=address: self.whoami(to) is not None)

    def whoami(self, address):
        """Who answered, and for whom it took the client; nothing when nobody did."""
        done = self.run("site", "curl", "--silent", "--max-time", "2", f"{WEB[address]}/whoami", check=False)
        return done.stdout.strip().split(" for ") if done.returncode == 0 else None

    def close(self):
        if self.chain is not None:
            self.chain.down()
        super().close()


def need():
    lab.need("nginx", "curl", "iperf3", "swanctl", vpn_strongswan.vpn_charon.CHARON)
    vpn_strongswan.need()
