# SPDX-License-Identifier: BSD-3-Clause
"""Threat lists between real programs: what they name does not get through, before and after a file changes, and is told."""

import json
import os
import re
import signal

import lab
from lab import SERVER4, SERVER6

PROFILE = lab.QUICKSTART.replace(
    "service: [tcp/80, tcp/443], action: accept}", "service: [tcp/80, tcp/443], inspect: web, action: accept}") + """
  inspection:
    web: {rules: [FOLDER/web.rules]}
  threat_lists:
    hosts: {type: addresses, file: FOLDER/hosts.txt}
    names: {type: domains, file: FOLDER/names.txt, action: reject, severity: 2}
    pages: {type: urls, file: FOLDER/pages.txt, action: alert}
  events: {file: FOLDER/eve.json}
"""
NOBODY = "203.0.113.1\n2001:db8:ffff::/48\n"


class ThreatLists(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.need("curl", "nginx", "iperf3", "ss")
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.folder = cls.lab.folder
        cls.write("web.rules", "# No signatures.\n")
        cls.write("hosts.txt", NOBODY)
        cls.write("names.txt", "bad.example\n")
        cls.write("pages.txt", "http://watched.example/*\n")
        cls.profile = PROFILE.replace("FOLDER", str(cls.folder))
        cls.firewall = lab.Firewall(cls.lab, cls.profile)
        cls.firewall.start()

    @classmethod
    def write(cls, name, text):
        """Whole: nobody reads half a list."""
        fresh = cls.folder / f"{name}.new"
        fresh.write_text(text)
        fresh.rename(cls.folder / name)

    def setUp(self):
        self.seen = len(self.lines())

    def lines(self):
        events = self.folder / "eve.json"
        return events.read_text().splitlines() if events.exists() else []

    def wait_event(self, signature):
        def found():
            for line in self.lines()[self.seen:]:
                event = json.loads(line)
                if event.get("alert", {}).get("signature") == signature:
                    return event
            return None
        return lab.wait(10, f"an event '{signature}'", found)

    def fetch(self, host="server", path="/", address=SERVER4):
        return self.lab.curl("--max-time", "1", "--header", f"Host: {host}", f"http://{address}{path}", check=False)

    def reload(self):
        generation = self.firewall.get("/v1/firewall/policy")["generation"]
        os.kill(self.firewall.pid(), signal.SIGHUP)
        lab.wait(10, "the reload", lambda: self.firewall.get("/v1/firewall/policy")["generation"] != generation)

    def row(self, name):
        return next(one for one in self.firewall.get("/v1/firewall/threat_lists") if one["name"] == name)

    def test_what_no_list_names_passes(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            self.assertEqual(self.fetch(address=address).stdout, "hello from the server\n")
        self.assertEqual(self.lines()[self.seen:], [])

    def test_a_name_is_rejected_and_told(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            with self.subTest(address=address):
                self.seen = len(self.lines())
                self.assertEqual(self.fetch("www.bad.example", address=address).returncode, 56)  # a reset came
                event = self.wait_event("threat list names: www.bad.example")
                self.assertEqual((event["event_type"], event["app_proto"]), ("alert", "http"))
                self.assertEqual((event["alert"]["action"], event["alert"]["severity"]), ("blocked", 2))
                self.assertEqual(event["alert"]["metadata"], {"threat_list": ["names"]})
                self.assertEqual(event["http"]["hostname"], "www.bad.example")
                self.assertEqual((event["millrace"]["threat_list"], event["millrace"]["rule"]), ("names", "web"))

    def test_an_alert_lets_pass(self):
        self.assertEqual(self.fetch("watched.example", "/?q=1").stdout, "hello from the server\n")
        event = self.wait_event("threat list pages: watched.example/?q=1")
        self.assertEqual(event["alert"]["action"], "allowed")

    def test_a_file_that_changes_holds_from_the_reload_on(self):
        for server, address in ((SERVER4, SERVER4), (SERVER6, f"[{SERVER6}]")):
            with self.subTest(server=server):
                self.seen = len(self.lines())
                hits = self.row("hosts")["hits"]
                self.write("hosts.txt", f"{NOBODY}{server}\nno address\n")
                self.assertEqual(self.fetch(address=address).returncode, 0)
                log = len(self.firewall.log())
                self.reload()
                self.firewall.wait_log(r"hosts\.txt:4: 'no address' ", log)
                self.assertEqual(self.fetch(address=address).returncode, 28)  # no answer came
                event = self.wait_event(f"threat list hosts: {server}")
                self.assertEqual((event["dest_ip"], event["proto"]), (server, "TCP"))
                row = self.row("hosts")
                self.assertEqual((row["entries"], row["bad_lines"]), (3, 1))
                self.assertGreater(row["hits"], hits)
                self.assertGreater(self.firewall.metrics().drops()["threat_list"], 0)
                self.assertEqual(self.firewall.metrics().sum("threat_list_hits_total", list="hosts"), row["hits"])
                explained = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "explain",
                                         lab.CLIENT6 if ":" in server else lab.CLIENT4, server, "tcp/80").stdout
                self.assertIn("threat list hosts", explained)
                self.write("hosts.txt", NOBODY)
                self.reload()
                self.assertEqual(self.fetch(address=address).returncode, 0)

    def test_a_file_that_is_gone_keeps_what_was_in_force(self):
        names = self.folder / "names.txt"
        generation = self.firewall.get("/v1/firewall/policy")["generation"]
        log = len(self.firewall.log())
        names.rename(self.folder / "names.away")
        os.kill(self.firewall.pid(), signal.SIGHUP)
        self.firewall.wait_log(r"names\.txt': No such file or directory", log)
        self.assertEqual(self.firewall.get("/v1/firewall/policy")["generation"], generation)
        self.assertEqual(self.fetch("bad.example").returncode, 56)
        (self.folder / "names.away").rename(names)
        self.reload()
        self.assertEqual(self.fetch("bad.example").returncode, 56)

    def test_lists_change_under_load_without_loss(self):
        load = self.lab.start_iperf(SERVER4, "--udp", "--bitrate", "4M", "--length", "500", seconds=4)
        swapped = 0
        while load.running():
            self.write("hosts.txt", NOBODY + "".join(f"198.18.{swapped % 250}.{i}\n" for i in range(250)))
            self.write("names.txt", f"bad.example\nword{swapped}.example\n")
            self.reload()
            self.assertEqual(self.fetch(f"word{swapped}.example").returncode, 56)
            self.assertEqual(self.fetch(f"word{swapped - 1}.example").stdout, "hello from the server\n")
            swapped += 1
        self.assertEqual(load()["end"]["sum"]["lost_packets"], 0)
        self.assertGreater(swapped, 3)
        self.write("hosts.txt", NOBODY)
        self.reload()

    def test_the_command_line_shows_the_lists(self):
        self.write("pages.txt", "http://watched.example/*\nhttp://\n")
        self.reload()
        table = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "threat-lists").stdout
        self.assertRegex(table, r"names +domains +reject +\d")
        self.assertRegex(table, r"pages +urls +alert +1 +1 ")
        bad = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "threat-lists", "--bad-lines").stdout
        self.assertTrue(re.search(r"pages +\S+/pages\.txt:2: ", bad), bad)


if __name__ == "__main__":
    lab.main("vnfs/firewall/vnf-firewall")
