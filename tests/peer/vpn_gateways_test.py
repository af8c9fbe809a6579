# SPDX-License-Identifier: BSD-3-Clause
"""Two of our gateways, each with its charon: what no other data path at the other end may spoil."""

import json
import re
import signal

import lab
import vpn_lab
import vpn_strongswan
from vpn_lab import GATEWAY_A, GATEWAY_B, HOST_A, HOST_B
from vpn_strongswan import Gateway

OTHER = {"a": "b", "b": "a"}
ADDRESS = {"a": GATEWAY_A, "b": GATEWAY_B}
NETWORK = {"a": "10.1.0.0/16", "b": "10.2.0.0/16"}
OFTEN = "renewal: {keys: 5s}"


def sections(side, more="", start="peer", esp="aes256gcm16-ecp256-esn"):
    other = OTHER[side]
    return f"""
  connections:
    between:
      local: {ADDRESS[side]}
      remote: {ADDRESS[other]}
      authentication: secret
      identity: {side}.test
      peer: {other}.test
      secret: psk
      esp_proposals: [{esp}]
      start: {start}
      dead_peer_check: 2s
      networks: [{{local: {NETWORK[side]}, remote: {NETWORK[other]}}}]
      {more}
"""


def counted(text):
    """Packets that ping has sent, and got back."""
    return tuple(map(int, re.search(r"(\d+) packets transmitted, (\d+) received", text).groups()))


class VpnGateways(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        vpn_strongswan.need()
        cls.sites = sites = vpn_lab.Sites()
        cls.addClassCleanup(sites.close)
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        (sites.folder / "psk").write_text(vpn_strongswan.SECRET + "\n")
        cls.gateways = {side: Gateway(sites, f"vpn-{side}", side, sections(side)) for side in "ab"}
        for gateway in cls.gateways.values():
            gateway.launch()
        for gateway in cls.gateways.values():
            gateway.wait_ready()
            gateway.start_charon()
        for gateway in cls.gateways.values():
            gateway.wait_charon()
        sites.start("b", "iperf3.log", "iperf3", "--server")
        lab.wait(10, "port 5201", lambda: ":5201 " in sites.run(
            "b", "ss", "--tcp", "--listening", "--numeric", "--no-header").stdout)

    @classmethod
    def dump(cls):
        for gateway in cls.gateways.values():
            gateway.dump()

    def apply(self, always="", **options):
        """Both anew: no tunnel is left of what was before. `always`: who begins; the others wait for their peers."""
        for side, gateway in self.gateways.items():
            gateway.apply(gateway.profile(sections(side)))
        for gateway in self.gateways.values():
            gateway.swanctl("--terminate", "--ike", "between", "--force", check=False)
        for side in "ab":
            lab.wait(10, "the old tunnel's end", lambda s=side: not self.pair(s))
        for side, gateway in self.gateways.items():
            gateway.apply(gateway.profile(sections(side, start="always" if side in always else "peer", **options)))

    def tunnel(self, side="a"):
        return self.gateways[side].get("/v1/vpn/tunnels")[0]

    def pair(self, side="a"):
        pairs = [pair for peer in self.tunnel(side)["peers"] for pair in peer["pairs"] if pair["state"] == "INSTALLED"]
        return pairs[0] if pairs else None

    def initiate(self):
        self.gateways["a"].swanctl("--initiate", "--child", "between", "--timeout", "20")
        for side in "ab":
            lab.wait(10, "the tunnel to be told", lambda side=side: self.pair(side))

    def associations(self, side):
        return self.gateways[side].associations()

    def test_extended_numbers_in_plain_esp(self):
        self.apply()
        self.initiate()
        self.sites.ping("a", HOST_B)
        for one in self.associations("a"):
            self.assertEqual((one["suite"], one["extended_sequence_numbers"], "udp" in one), ("aes256gcm16", True, False))

    def test_new_keys_under_load_lose_no_packet(self):
        self.apply(more=OFTEN)
        self.initiate()
        before = self.tunnel().get("renewals", 0)
        load = self.sites.start("a", "load.json", "iperf3", "--client", HOST_B, "--udp", "--bitrate", "12M", "--length",
                                "1200", "--time", "14", "--json")
        done = self.sites.run("a", "ping", "-n", "-q", "-i", "0.004", "-c", "3200", HOST_B, timeout=60)
        self.assertEqual(load.wait(timeout=30), 0)
        sent, received = counted(done.stdout)
        report = json.loads((self.sites.folder / "load.json").read_text())["end"]["sum"]
        self.assertGreater(sent, 1000)
        self.assertEqual(sent - received, 0, done.stdout)
        self.assertEqual(report["lost_packets"], 0, report)
        lab.wait(5, "two renewals", lambda: self.tunnel()["renewals"] - before >= 2)

    def test_pairs_that_share_a_tunnel_are_renewed_and_lose_no_packet(self):
        self.apply(more="parallel: 3\n      " + OFTEN, always="a")
        for side in "ab":
            lab.wait(20, "three pairs", lambda s=side: sum(len(peer["pairs"]) for peer in self.tunnel(s)["peers"]) >= 3)
        before = self.tunnel().get("renewals", 0)
        self.assertEqual(self.lost_flows("a", 7), 0)
        outbound = [one for one in self.associations("a") if one["direction"] == "out"]
        self.assertGreaterEqual(sum(1 for one in outbound if one["packets"] > 100), 2, outbound)
        self.assertEqual(self.lost_flows("a", 7, "--reverse"), 0)
        lab.wait(5, "renewals of all", lambda: self.tunnel()["renewals"] - before >= 3)

    def lost_flows(self, side, seconds, *options):
        """Twelve flows of UDP to the host at the other end: how many packets were lost."""
        done = self.sites.run(side, "iperf3", "--client", HOST_B, "--udp", "--bitrate", "1M", "--length", "500",
                              "--parallel", "12", "--time", str(seconds), "--json", *options, timeout=60)
        return json.loads(done.stdout)["end"]["sum"]["lost_packets"]

    def test_tunnels_outlive_a_charon_that_crashes(self):
        self.apply(always="a")
        lab.wait(20, "the tunnel", lambda: self.pair("a") and self.pair("b"))
        gateway = self.gateways["a"]
        spi = self.pair()["spi_out"]
        gateway.stop_charon(signal.SIGKILL)
        gateway.wait_log("charon, process .* is gone")
        ping = self.sites.start("a", "ping.log", "ping", "-n", "-q", "-i", "0.005", "-w", "6", HOST_B)
        self.sites.ping("b", HOST_A)
        start = len(gateway.log())
        gateway.start_charon()
        gateway.wait_log("connection between: the key exchange with .* stands", start, seconds=30)
        ping.wait(timeout=20)
        sent, received = counted((self.sites.folder / "ping.log").read_text())
        # The responder of a first exchange sends by the new keys a moment before the initiator has them (RFC 7296).
        self.assertGreaterEqual(received, sent - 3)
        self.assertGreater(sent, 1000)
        self.assertNotEqual(lab.wait(10, "new keys", self.pair)["spi_out"], spi)

    def test_what_is_to_be_there_always_comes_back_when_it_was_ended_here(self):
        self.apply(always="a")
        lab.wait(20, "the tunnel", lambda: self.pair("a") and self.pair("b"))
        gateway = self.gateways["a"]
        start = len(gateway.log())
        gateway.swanctl("--terminate", "--ike", "between")
        gateway.wait_log("connection between: it is to be there always and is not", start, seconds=20)
        lab.wait(10, "an answer", lambda: self.sites.ping("a", HOST_B, check=False).returncode == 0)
        self.assertEqual(len(self.tunnel()["peers"]), 1)

    def test_a_gateway_that_is_restarted_has_its_tunnels_again(self):
        self.apply(always="b")
        lab.wait(20, "the tunnel", lambda: self.pair("a") and self.pair("b"))
        gateway = self.gateways["a"]
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait(timeout=20)
        gateway.start()
        gateway.wait_charon()
        lab.wait(30, "an answer", lambda: self.sites.ping("a", HOST_B, check=False).returncode == 0)
        self.sites.ping("b", HOST_A)


if __name__ == "__main__":
    lab.main("vnfs/vpn/vnf-vpn")
