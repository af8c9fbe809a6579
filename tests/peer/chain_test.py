# SPDX-License-Identifier: BSD-3-Clause
"""images/chains/branch.yaml: a branch with strongSwan reaches two web servers through VPN gateway, firewall, NAT gateway and
load balancer, which memif joins; and what it costs when one of them is reloaded, drained or restarted.

    site (10.2.0.7, 2001:db8:b::7) -- gate (strongSwan) == ESP == vpn -- firewall -- nat -- balancer -- servers
"""

import collections
import json
import pathlib
import signal
import sys
import time

import balancer_lab
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
LINKS = ((("vpn", "inside"), ("firewall", "outside")), (("firewall", "inside"), ("nat", "inside")),
         (("nat", "outside"), ("balancer", "outside")))
SERVERS = {1: ("10.0.0.11", "2001:db8:10::11"), 2: ("10.0.0.12", "2001:db8:10::12")}


class Branch(lab.Namespaces):
    """What is around the chain: the branch with its gateway, and the servers."""

    def __init__(self):
        super().__init__("site", "gate", "servers")
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


class ChainOfFour(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.need("nginx", "curl", "iperf3", "swanctl", vpn_strongswan.vpn_charon.CHARON)
        vpn_strongswan.need()
        cls.around = around = Branch()
        cls.addClassCleanup(around.close)
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        (around.folder / "psk").write_text(vpn_strongswan.SECRET + "\n")
        described = chain.Chain(CHAINS / "branch.yaml")
        described.appliances["vpn"].files = [around.folder / "psk"]
        cls.chain = chain.Running(described, lab.BUILD, around.folder / "chain", around.prefix + "-",
                                  {"wan": around.name("gate"), "servers": around.name("servers")})
        cls.addClassCleanup(cls.chain.down)
        cls.chain.up()
        around.finish_edges()
        around.start_servers()
        cls.chain.wait()
        vpn = described.appliances["vpn"]
        lab.wait(20, "the gateway's charon", lambda: "charon told all it has" in vpn.log() and "charon answers" in vpn.log())
        cls.gate = vpn_strongswan.Peer(around, "gate")
        cls.gate.start()
        cls.gate.load(GATE)
        for child in ("net4", "net6"):
            cls.gate.initiate(child)
        for address in (VIP4, VIP6):
            lab.wait(20, f"a page of {address}", lambda to=address: cls.whoami(to) is not None)

    @classmethod
    def dump(cls):
        for appliance in cls.chain.chain.appliances.values():
            print(f"--- {appliance.name}\n{appliance.log()[-3000:]}", file=sys.stderr)
            metrics = appliance.get("/v1/metrics")
            if metrics:
                drops = {reason: count for reason, count in lab.Metrics(metrics).drops().items() if count}
                print(f"dropped: {drops}", file=sys.stderr)

    @classmethod
    def whoami(cls, address):
        """Who answered, and for whom it took the client; nothing when nobody did."""
        done = cls.around.run("site", "curl", "--silent", "--max-time", "2", f"{WEB[address]}/whoami", check=False)
        return done.stdout.split(" for ") if done.returncode == 0 else None

    def test_both_servers_answer_and_see_the_nats_addresses(self):
        for address in (VIP4, VIP6):
            with self.subTest(address=address):
                answers = [self.whoami(address) for _ in range(10)]
                self.assertNotIn(None, answers)
                self.assertEqual(collections.Counter(server for server, _ in answers), {"b1": 5, "b2": 5})
                seen = {client.strip() for _, client in answers}
                for client in seen:
                    self.assertTrue(client.startswith("2001:db8:c:" if ":" in address else "198.51.100."), seen)

    def iperf(self, address, *arguments, seconds=2):
        done = self.around.run("site", "iperf3", "--client", address, "--json", "--time", str(seconds), *arguments,
                               check=False, timeout=seconds + 30)
        report = json.loads(done.stdout)
        self.assertNotIn("error", report)
        return report["end"]

    def test_throughput(self):
        for address in (VIP4, VIP6):
            for direction in ((), ("--reverse",)):
                with self.subTest(address=address, direction=direction):
                    end = self.iperf(address, *direction, seconds=1)
                    self.assertGreater(end["sum_received"]["bytes"], 1_000_000)

    def metrics(self, name):
        return lab.Metrics(self.chain.chain.appliances[name].get("/v1/metrics"))

    def at_rest(self):
        """Metrics of all; nothing goes through a link between two looks."""
        before = [None]

        def still():
            now = {name: self.metrics(name) for name in self.chain.chain.appliances}
            links = [now[name].sum(f"port_{what}_packets_total", port=port) for link in LINKS for name, port in link
                     for what in ("received", "transmitted")]
            same, before[0] = links == before[0], links
            return now if same else None

        return lab.wait(10, "the links to be at rest", still)

    def test_counters_add_up(self):
        """What leaves one by a link comes into the next."""
        before = self.at_rest()
        self.iperf(VIP4, seconds=1)
        self.iperf(VIP6, "--reverse", seconds=1)
        after = self.at_rest()

        def rose(name, family, port):
            return after[name].sum(family, port=port) - before[name].sum(family, port=port)

        for (first, out), (second, into) in LINKS:
            for (one, by), (other, at) in (((first, out), (second, into)), ((second, into), (first, out))):
                with self.subTest(link=f"{one} to {other}"):
                    sent = rose(one, "port_transmitted_packets_total", by)
                    self.assertGreater(sent, 100)
                    lost = rose(other, "port_missed_packets_total", at)
                    self.assertEqual(sent, rose(other, "port_received_packets_total", at) + lost)
        for name in self.chain.chain.appliances:
            drops = {reason: count - before[name].drops()[reason] for reason, count in after[name].drops().items()
                     if count != before[name].drops()[reason]}
            # TCP finds out what the tunnel carries, and how much a link holds.
            self.assertLessEqual(set(drops), {"packet_too_big", "transmit_failed"}, f"{name}: {drops}")

    def load(self, work, seconds=3):
        """How many of the requests that were made all the while failed, of how many: what `work` costs."""
        for address in (VIP4, VIP6):
            self.assertIsNotNone(self.whoami(address))
        loads = [balancer_lab.Load(self.around, address, namespace="site") for address in (VIP4, VIP6)]
        until = time.monotonic() + seconds
        try:
            work()
        finally:
            lab.wait(seconds + 20, "the time of the load", lambda: time.monotonic() > until)
            results = [load.end() for load in loads]
        return [(len(one["failed"]), sum(one["good"].values())) for one in results]

    def test_a_reload_of_any_costs_nothing(self):
        for name, appliance in self.chain.chain.appliances.items():
            with self.subTest(appliance=name):
                for failed, good in self.load(lambda one=appliance: one.process.send_signal(signal.SIGHUP), seconds=2):
                    self.assertEqual(failed, 0)
                    self.assertGreater(good, 20)

    def test_a_restart_is_an_outage_of_seconds(self):
        for name, appliance in self.chain.chain.appliances.items():
            with self.subTest(appliance=name):
                began = time.monotonic()
                self.chain.stop(appliance.process)
                self.chain.start(appliance)
                self.chain.wait()
                ready = time.monotonic() - began
                for address in (VIP4, VIP6):
                    lab.wait(30, f"a page of {address}", lambda to=address: self.whoami(to) is not None)
                print(f"{name}: ready after {ready:.1f} s, the chain answers after {time.monotonic() - began:.1f} s")
                self.assertLess(time.monotonic() - began, 20)

    def test_a_drain_lets_what_runs_run_on(self):
        for name in ("firewall", "nat", "balancer"):
            with self.subTest(appliance=name):
                running = lab.in_background(lambda: self.iperf(VIP4, "--bitrate", "5M", seconds=4))
                lab.wait(5, "the transfer", lambda: self.around.run(
                    "site", "ss", "--tcp", "--no-header", "state", "established", "dport", "=", "5201").stdout.count("\n") >= 2)
                appliance = self.chain.chain.appliances[name]
                self.drain(appliance, True)
                self.assertIsNone(self.whoami(VIP4))  # nothing new
                self.drain(appliance, False)
                self.assertIsNotNone(self.whoami(VIP4))
                self.assertGreater(running()["sum_received"]["bits_per_second"], 4_500_000)

    def drain(self, appliance, on):
        connection = lab.UnixConnection(appliance.socket, 10)
        connection.request("POST" if on else "DELETE", "/v1/drain")
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200, answer.read())


if __name__ == "__main__":
    lab.main("vnfs/vpn/vnf-vpn")
