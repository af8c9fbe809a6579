# SPDX-License-Identifier: BSD-3-Clause
"""What passes shows in the books of others while it passes: Prometheus's reading of the metrics, an IPFIX collector's
records and the flow log, against the counters of the server's own kernel."""

import collections
import json
import socket
import subprocess
import unittest

import lab
from lab import SERVER4

PORT = 4739


def profile(spaces):
    return lab.QUICKSTART + f"""
telemetry:
  ipfix: {{collector: "127.0.0.1:{PORT}"}}
  flow_log: {{file: {spaces.folder}/flows.json, updates: true}}
  active_timeout: 2s
"""


class Accounts(lab.TestCase):
    """One transfer of several active timeouts, looked at while it lasts and when it is over."""

    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.lab.start_servers()
        self.flows = self.lab.folder / "nfcapd"
        self.flows.mkdir()
        self.collector = self.lab.start("fw", "nfcapd.log", "nfcapd", "-w", str(self.flows), "-b", "127.0.0.1", "-p",
                                        str(PORT), "-t", "3600")
        lab.wait(10, "the collector", lambda: f":{PORT} " in self.lab.run("fw", "ss", "--udp", "--listening",
                                                                          "--numeric", "--no-header").stdout)
        # The server's kernel counts what the firewall lets through, IP header and all.
        self.lab.run("server", "nft", "add table inet books; add counter inet books forward; add counter inet books "
                     "reverse; add chain inet books in { type filter hook input priority 0; }; add chain inet books "
                     "out { type filter hook output priority 0; }; add rule inet books in tcp dport 5201 counter name "
                     "forward; add rule inet books out tcp sport 5201 counter name reverse")
        self.firewall = lab.Firewall(self.lab, profile(self.lab))
        self.firewall.start()

    def server_counted(self):
        listed = json.loads(self.lab.run("server", "nft", "--json", "list", "counters").stdout)["nftables"]
        counters = {each["counter"]["name"]: each["counter"] for each in listed if "counter" in each}
        return [counters[way][what] for what in ("packets", "bytes") for way in ("forward", "reverse")]

    def rule(self):
        return next(each for each in self.firewall.get("/v1/firewall/rules") if each["name"] == "speed-test")

    def log_lines(self):
        path = self.lab.folder / "flows.json"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if line.get("destination_port") == 5201]

    def collected(self):
        """Sums over the collector's records: packets and bytes, forward and reverse; and how many there are."""
        self.assertEqual(self.lab.end(self.collector), 0)
        listed = subprocess.run(["nfdump", "-R", str(self.flows), "-N", "-q", "-o", "fmt:%ipkt;%opkt;%ibyt;%obyt",
                                 "dst port 5201"], capture_output=True, text=True, check=True).stdout
        rows = [[int(field) for field in line.split(";")] for line in listed.splitlines() if line.count(";") == 3]
        return [sum(column) for column in zip(*rows)], len(rows)

    def test_a_transfer_shows_while_it_lasts_and_adds_up_when_it_is_over(self):
        report = self.lab.start_iperf(SERVER4, "--bitrate", "4M", seconds=14)
        seen = []

        def grown_three_times():
            rule = self.rule()
            if rule["open_sessions"] == 2 and (not seen or rule["packets"] > seen[-1]):
                seen.append(rule["packets"])
            return len(seen) >= 4

        lab.wait(8, "the rule's counters to grow under open sessions", grown_three_times)
        self.assertTrue(report.running(), "the transfer is over already")
        self.check_metrics(seen[-1])
        lab.wait(12, "three updates of one session in the flow log",
                 lambda: max(collections.Counter(line["session"] for line in self.log_lines()).values(), default=0) >= 3)
        self.assertTrue(report.running(), "the transfer is over already")
        self.assertEqual({line["event"] for line in self.log_lines()}, {"updated"})
        report()

        self.firewall.at_rest()
        expected = self.server_counted()
        # The connections are closed, their sessions wait for late segments: an end by hand, to see their records.
        self.firewall.call("DELETE", "/v1/sessions?port=5201")
        ended = lab.wait(10, "the sessions' ends in the flow log",
                         lambda: (lines := [each for each in self.log_lines() if each["event"] == "ended"])
                         and len(lines) == 2 and lines)
        self.assertEqual({line["reason"] for line in ended}, {"flushed"})
        self.assertEqual([sum(line[f"{what}_{way}"] for line in ended) for what in ("packets", "bytes")
                          for way in ("forward", "reverse")], expected)
        rule = self.rule()
        self.assertEqual([rule["packets"], rule["bytes"]], [sum(expected[:2]), sum(expected[2:])])
        lab.wait(10, "the exporter to have sent all", self.all_is_sent)
        sums, records = self.collected()
        self.assertEqual(sums, expected)
        self.assertGreaterEqual(records, 2 + 3)

    def all_is_sent(self):
        written = self.firewall.metrics().samples["flow_records_written_total"]
        return len({value for _, value in written}) == 1

    def check_metrics(self, least):
        metrics = self.firewall.metrics()
        self.assertGreaterEqual(metrics.sum("rule_packets_total", rule="speed-test"), least)
        self.assertEqual(metrics.sum("rule_sessions", rule="speed-test"), 2)
        self.assertEqual(metrics.sum("rule_last_hit_timestamp_seconds", rule="no-admin"), 0)
        self.assertGreater(metrics.sum("rule_last_hit_timestamp_seconds", rule="speed-test"), 1.7e9)
        text = self.firewall.call("GET", "/v1/metrics").body
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_what_is_open_when_the_appliance_stops_is_told(self):
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect((SERVER4, 5201))
            lab.wait(10, "the session", lambda: self.rule()["open_sessions"] == 1)
            self.firewall.at_rest()
            expected = self.server_counted()
            self.assertEqual(self.lab.end(self.firewall.process, 20), 0)
        (line,) = [line for line in self.log_lines() if line["event"] == "ended"]
        self.assertEqual((line["reason"], line["tcp_state"]), ("stopped", "established"))
        sums, records = self.collected()
        self.assertEqual(sums, expected)
        self.assertGreaterEqual(records, 1)

    def test_vnfctl_tells_when_a_rule_was_last_hit(self):
        self.lab.curl(f"http://{SERVER4}/")
        table = subprocess.run([str(lab.CTL), "--control", str(self.firewall.socket), "rules"], capture_output=True,
                               text=True, check=True).stdout.splitlines()
        self.assertIn("LAST HIT", table[0])
        rows = {line.split()[1]: line for line in table[1:]}
        self.assertRegex(rows["web"], r"\d+\.\ds ago$")
        self.assertRegex(rows["speed-test"], r" -  never hit$")


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ss", "nginx", "iperf3", "curl", "nft", "nfcapd", "nfdump", "promtool")
    lab.main()
