# SPDX-License-Identifier: BSD-3-Clause
"""A real client scans a server through the shipped firewall: it is told of, shut out, and let in again."""

import json

import lab
from lab import CLIENT4, SERVER4, SERVER6

ANOMALIES = """
  anomalies: {port_scan: {action: block, block_for: 10m}}
  events: {file: EVENTS}
"""


class Anomalies(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.need("curl", "nginx", "iperf3", "ss")
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.events = cls.lab.folder / "eve.json"
        cls.profile = lab.QUICKSTART + ANOMALIES.replace("EVENTS", str(cls.events))
        cls.firewall = lab.Firewall(cls.lab, lab.QUICKSTART)
        cls.firewall.start()

    def vnfctl(self, *arguments, check=True):
        return self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), *arguments, check=check)

    def report(self):
        return self.firewall.get("/v1/firewall/anomalies")

    def scan(self, ports):
        """First packets to each port, as no rule lets pass."""
        for port in ports:
            with self.lab.socket_in("client") as scanner:
                scanner.setblocking(False)
                scanner.connect_ex((SERVER4, port))

    def fetch(self, address=SERVER4):
        return self.lab.curl("--max-time", "2", f"http://{address}/", check=False).returncode

    def test_a_scanner_is_told_of_shut_out_and_let_in_again(self):
        self.assertIn("nobody is watched", self.vnfctl("anomalies").stdout)
        kept = self.lab.socket_in("client")
        self.addCleanup(kept.close)
        kept.settimeout(5)
        kept.connect((SERVER4, 80))
        # From here on sources are watched: workers are made anew, and sessions go over to them.
        self.firewall.apply(self.profile)
        self.assertIn("nothing is out of the usual", self.vnfctl("anomalies").stdout)

        self.scan(range(1000, 1120))
        lab.wait(10, "a port scan", lambda: self.report()["anomalies"])
        anomaly, = self.report()["anomalies"]
        self.assertEqual((anomaly["kind"], anomaly["subject"]), ("port_scan", CLIENT4))
        self.assertGreater(anomaly["evidence"]["refused"], 50)
        block, = self.report()["blocks"]
        self.assertEqual((block["source"], block["kind"]), (CLIENT4, "port_scan"))
        table = self.vnfctl("anomalies").stdout
        self.assertRegex(table, rf"port_scan +m[a-z]+ +{CLIENT4} ")
        self.assertRegex(table, rf"{CLIENT4} +default +port_scan +\d+m")
        self.firewall.wait_log(f"anomaly port_scan, [a-z]+: {CLIENT4} tried")

        before = self.firewall.metrics().drops()["blocked_source"]
        self.assertEqual(self.fetch(), 28)  # no answer came
        self.assertGreater(self.firewall.metrics().drops()["blocked_source"], before)
        self.assertEqual(self.fetch(f"[{SERVER6}]"), 0)  # of another source, for all that is known
        kept.sendall(b"GET / HTTP/1.1\r\nHost: server\r\n\r\n")
        self.assertIn(b"hello", kept.recv(1000))
        asked = {"source": CLIENT4, "destination": SERVER4, "protocol": "tcp", "destination_port": 80}
        verdict = self.firewall.call("POST", "/v1/explain", asked).json()["verdict"]
        self.assertEqual(verdict["reason"], "blocked_source")

        self.firewall.apply(self.profile)  # a reload frees nobody
        self.assertEqual(self.fetch(), 28)
        self.assertIn("may open sessions again", self.vnfctl("unblock", CLIENT4).stdout)
        self.assertEqual(self.fetch(), 0)
        again = self.vnfctl("unblock", CLIENT4, check=False)
        self.assertEqual(again.returncode, 1)
        self.assertIn("is not blocked", again.stderr)

        events = [json.loads(line) for line in self.events.read_text().splitlines()]
        self.assertEqual([(one["event_type"], one["src_ip"], one["anomaly"]["event"], one["millrace"]["change"])
                          for one in events][:1], [("anomaly", CLIENT4, "port_scan", "raised")])


if __name__ == "__main__":
    lab.main()
