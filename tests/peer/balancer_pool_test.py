# SPDX-License-Identifier: BSD-3-Clause
"""Where backends come from and how they go: a watched file, checks by HTTPS, handshakes that fail, a whole pool down."""

import os

import balancer_lab
import lab
from balancer_lab import VIP4

HEAD = """\
vnf: load_balancer
name: lb-pool
dataplane: {workers: 1, sessions: 16k}
ports:
  outside: {device: "net_af_packet_out,iface=veth-out"}
  inside: {device: "net_af_packet_in,iface=veth-in"}
interfaces:
  wan: {port: outside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  lan: {port: inside, address: [10.0.0.1/24, "2001:db8:10::1/64"]}
load_balancer:
  table_size: 4099
  services:
"""
WEB = f"http://{VIP4}/whoami"


def service(text):
    return HEAD + "    - {name: web, address: 203.0.113.80, ports: [tcp/80], drain: 1s, " + text + "}\n"


class Pool(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = place = balancer_lab.BalancerLab()
        cls.addClassCleanup(place.close)
        cls.make_certificates()
        for number, name in ((1, "right"), (2, "wrong")):
            place.start_nginx(number, f"""server {{
  listen 443 ssl; root {place.folder}/b{number};
  ssl_certificate {place.folder}/{name}.pem; ssl_certificate_key {place.folder}/{name}.key;
}}""")
        place.start_nginx(3)
        cls.list = place.folder / "backends.txt"
        cls.list.write_text("10.0.0.11\n")
        cls.firewall = balancer_lab.Balancer(place, service("backends: [{address: 10.0.0.11}]"))
        cls.firewall.start()

    @classmethod
    def make_certificates(cls):
        """Of an authority: one for web.example, which the check asks for, and one for other.example."""
        folder = cls.lab.folder
        cls.lab.run("client", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=authority", "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.pem")
        for name, host in (("right", "web.example"), ("wrong", "other.example")):
            extension = folder / f"{name}.ext"
            extension.write_text(f"subjectAltName=DNS:{host}\n")
            cls.lab.run("client", "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", f"/CN={host}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
            cls.lab.run("client", "openssl", "x509", "-req", "-in", f"{folder}/{name}.csr", "-CA", f"{folder}/ca.pem",
                        "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "2", "-extfile", str(extension),
                        "-out", f"{folder}/{name}.pem")

    def use(self, text):
        self.firewall.apply(service(text))

    def test_a_watched_file_adds_and_takes_away(self):
        self.list.write_text("10.0.0.11\n")
        self.use(f"discover: {{file: {self.list}}}")
        self.firewall.wait_states({"10.0.0.11": "active"})
        self.assertEqual(set(self.lab.many(WEB, 20)), {"b1"})
        # As orchestrators do it: another file in its place.
        fresh = self.list.with_suffix(".new")
        fresh.write_text("# scaled out\n10.0.0.11\n10.0.0.12 weight=3\n10.0.0.13\n")
        fresh.rename(self.list)
        self.firewall.wait_states({"10.0.0.12": "active", "10.0.0.13": "active"})
        self.assertEqual(set(self.lab.many(WEB, 60)), {"b1", "b2", "b3"})
        self.assertAlmostEqual(self.firewall.backends()["10.0.0.12"]["share"], 0.6)
        # A file that is wrong changes nothing, and the log names the line.
        mark = len(self.firewall.log())
        fresh.write_text("10.0.0.11\n10.0.0.999\n")
        fresh.rename(self.list)
        self.firewall.wait_log(r"backends\.txt:2", mark)
        self.assertEqual(set(self.lab.many(WEB, 60)), {"b1", "b2", "b3"})
        fresh.write_text("10.0.0.13\n")
        fresh.rename(self.list)
        lab.wait(10, "those that were taken away to be gone", lambda: list(self.firewall.backends()) == ["10.0.0.13"])
        self.assertEqual(set(self.lab.many(WEB, 20)), {"b3"})

    def test_an_orchestrator_scales_the_pool_by_the_api(self):
        self.use("backends: [{address: 10.0.0.11}]")
        load = balancer_lab.Load(self.lab, VIP4)
        path = "/v1/services/web/backends/"
        self.assertEqual(self.firewall.call("PUT", path + "10.0.0.12", {"weight": 3}).status, 202)
        self.firewall.wait_states({"10.0.0.12": "active"})
        self.assertAlmostEqual(self.firewall.backends()["10.0.0.12"]["share"], 0.75)
        self.assertEqual(set(self.lab.many(WEB, 60)), {"b1", "b2"})
        self.assertEqual(self.firewall.call("PUT", path + "10.0.0.12", {"draining": True}).status, 202)
        self.firewall.wait_states({"10.0.0.12": "draining"})
        self.assertEqual(set(self.lab.many(WEB, 30)), {"b1"})
        self.assertEqual(self.firewall.call("PUT", path + "10.0.0.13").status, 202)
        self.assertEqual(self.firewall.call("DELETE", path + "10.0.0.12").status, 202)
        lab.wait(10, "10.0.0.12 to be gone", lambda: set(self.firewall.backends()) == {"10.0.0.11", "10.0.0.13"})
        self.assertEqual(set(self.lab.many(WEB, 60)), {"b1", "b3"})
        self.assertEqual(load.end()["failed"], [])
        # What is wrong changes nothing.
        self.assertEqual(self.firewall.call("DELETE", path + "10.0.0.99").status, 404)
        self.assertEqual(self.firewall.call("PUT", path + "10.0.0.13", {"weight": -1}).status, 400)
        self.assertEqual(self.firewall.call("PUT", "/v1/services/mail/backends/10.0.0.13").status, 404)
        self.assertEqual(set(self.firewall.backends()), {"10.0.0.11", "10.0.0.13"})
        # What was added stays through another profile, until it is taken back.
        self.use("backends: [{address: 10.0.0.11}]")
        self.assertEqual(set(self.firewall.backends()), {"10.0.0.11", "10.0.0.13"})
        self.assertEqual(self.firewall.call("DELETE", path + "10.0.0.13").status, 202)
        lab.wait(10, "10.0.0.13 to be gone", lambda: set(self.firewall.backends()) == {"10.0.0.11"})

    def test_https_checks_look_at_the_certificate(self):
        self.use("health: {type: https, port: 443, path: /healthz, server_name: web.example, "
                 f"ca: {self.lab.folder}/ca.pem, interval: 300ms, timeout: 250ms}}, "
                 "backends: [{address: 10.0.0.11}, {address: 10.0.0.12}]")
        self.firewall.wait_states({"10.0.0.11": "active", "10.0.0.12": "down"})
        self.assertIn("other.example", self.firewall.backends()["10.0.0.12"]["health"]["last"])
        self.assertEqual(set(self.lab.many(WEB, 30)), {"b1"})

    def test_handshakes_that_fail_eject_a_backend(self):
        # Nobody checks 10.0.0.14, which keeps silent.
        if "b4" not in [name.split("-")[-1] for name in self.lab.names]:
            self.lab.add_backend(4)
            self.lab.run("b4", "nft", "add table ip silent; add chain ip silent in { type filter hook input priority 0; }; "
                         "add rule ip silent in tcp dport 80 drop")
        self.use("scheduler: weighted_round_robin, passive: {failures: 3, eject: 20s}, timeouts: {tcp_opening: 1s}, "
                 "backends: [{address: 10.0.0.11}, {address: 10.0.0.14}]")
        self.lab.run("client", "curl", "--silent", "--parallel", "--parallel-max", "12", "--connect-timeout", "1",
                     *[WEB] * 12, check=False)
        self.firewall.wait_states({"10.0.0.14": "down"})
        self.assertRegex(self.firewall.log(), r"backend web/10\.0\.0\.14 failed 3 handshakes in a row")
        self.assertEqual(set(self.lab.many(WEB, 30)), {"b1"})

    def test_a_pool_that_is_down_does_what_the_profile_says(self):
        health = "health: {type: tcp, port: 9999, interval: 200ms, timeout: 100ms, fall: 1}"
        backend = "backends: [{address: 10.0.0.11}]"
        self.use(f"{health}, all_down: reject, {backend}")
        self.firewall.wait_states({"10.0.0.11": "down"})
        refused = self.lab.curl(WEB, check=False)
        self.assertEqual(refused.returncode, 7, refused.stderr)  # connection refused, at once
        self.use(f"{health}, all_down: drop, {backend}")
        self.firewall.wait_states({"10.0.0.11": "down"})
        silent = self.lab.curl("--connect-timeout", "1", WEB, check=False)
        self.assertEqual(silent.returncode, 28, silent.stderr)  # time over
        self.use(f"{health}, all_down: last_resort, last_resort: {{address: 10.0.0.13}}, {backend}")
        self.firewall.wait_states({"10.0.0.11": "down", "10.0.0.13": "active"})
        self.assertEqual(set(self.lab.many(WEB, 10)), {"b3"})


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "openssl", "nft")
    os.umask(0o022)
    lab.main()
