# SPDX-License-Identifier: BSD-3-Clause
"""images/chains/branch.yaml: a branch with strongSwan reaches two web servers through VPN gateway, firewall, NAT gateway and
load balancer, which shared memory joins; and what it costs when one of them is reloaded, drained or restarted.

The picture is in branch_lab.py.
"""

import collections
import json
import signal
import sys
import time

import balancer_lab
import branch_lab
import lab
from branch_lab import VIP4, VIP6

LINKS = ((("vpn", "inside"), ("firewall", "outside")), (("firewall", "inside"), ("nat", "inside")),
         (("nat", "outside"), ("balancer", "outside")))


class ChainOfFour(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        branch_lab.need()
        cls.around = branch_lab.Branch()
        cls.addClassCleanup(cls.around.close)
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        cls.around.start_chain()
        cls.chain = cls.around.chain

    @classmethod
    def dump(cls):
        for appliance in cls.chain.chain.appliances.values():
            print(f"--- {appliance.name}\n{appliance.log()[-3000:]}", file=sys.stderr)
            metrics = appliance.get("/v1/metrics")
            if metrics:
                drops = {reason: count for reason, count in lab.Metrics(metrics).drops().items() if count}
                print(f"dropped: {drops}", file=sys.stderr)

    def whoami(self, address):
        return self.around.whoami(address)

    def test_both_servers_answer_and_see_the_nats_addresses(self):
        for address in (VIP4, VIP6):
            with self.subTest(address=address):
                answers = [self.whoami(address) for _ in range(10)]
                self.assertNotIn(None, answers)
                self.assertEqual(collections.Counter(server for server, _ in answers), {"b1": 5, "b2": 5})
                seen = {client for _, client in answers}
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
