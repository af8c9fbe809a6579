# SPDX-License-Identifier: BSD-3-Clause
"""What an operator does with a running appliance, and what the world does to it."""

import http.client
import os
import pathlib
import re
import socket
import subprocess
import unittest

import lab
from lab import CLIENT4, SERVER4, SERVER6

TRANSPARENT = """
vnf: firewall
name: wire
dataplane: {workers: 1, sessions: 64k}
ports:
  inside: {device: "net_af_packet_in,iface=veth-in"}
  outside: {device: "net_af_packet_out,iface=veth-out"}
interfaces:
  left: {port: inside}
  right: {port: outside}
forwarding: {transparent: {pairs: [[inside, outside]]}}
firewall:
  zones: {inside: [left], outside: [right]}
  default: drop
  rules:
    - {name: ping, from: inside, service: [icmp/echo-request, icmpv6/echo-request], action: accept}
    - {name: no-admin, from: inside, service: tcp/8080, action: reject}
    - {name: web, from: inside, service: tcp/80, action: accept}
"""


class Program(unittest.TestCase):
    """What can be asked of the binary without starting it."""

    def call(self, *arguments):
        return subprocess.run([str(lab.BINARY), *arguments], capture_output=True, text=True, timeout=20, check=False)

    def test_version(self):
        done = self.call("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^vnf-firewall \d+\.\d+\.\d+\n$")

    def test_check_of_every_profile_shipped(self):
        for profile in sorted((lab.ROOT / "vnfs/firewall/profiles").glob("*.yaml")):
            with self.subTest(profile=profile.name):
                done = self.call("--check", "--profile", str(profile))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("the profile is valid", done.stdout)

    def test_check_of_a_bad_profile_names_every_place(self):
        space = lab.Namespaces()
        self.addCleanup(space.close)
        file = space.folder / "bad.yaml"
        text = lab.QUICKSTART.replace("default: drop", "default: perhaps").replace("workers: 1", "wokers: 1").replace(
            "tcp/8080", "tcp/x")
        file.write_text(text)
        done = self.call("--check", "--profile", str(file))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        lines = text.splitlines()
        for mistake in ("perhaps", "wokers", "tcp/x"):
            line = next(i for i, each in enumerate(lines) if mistake in each)
            self.assertRegex(done.stderr, rf"(?m)^{re.escape(str(file))}:{line + 1}:{lines[line].index(mistake) + 1}: ")
        self.assertEqual(self.call("--profile", str(file)).returncode, 2)  # started, it refuses as well
        self.assertEqual(self.call("--check", "--profile", str(space.folder / "absent")).returncode, 2)
        self.assertEqual(self.call("--check").returncode, 2)


class Life(lab.TestCase):
    """Each of these has a firewall of its own: it ends, or its devices do."""

    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.lab.start_servers()
        self.firewall = lab.Firewall(self.lab, lab.QUICKSTART)
        self.firewall.start()
        self.lab.ping(SERVER4)

    def devices(self):
        return self.lab.run("fw", "ip", "-brief", "link").stdout

    def test_end_under_traffic(self):
        stream = self.lab.start("client", "stream.log", "iperf3", "--client", SERVER4, "--time", "60")
        lab.wait(10, "the stream's packets", lambda: self.firewall.metrics().sum("received_packets_total") > 2000)
        self.firewall.process.terminate()
        self.assertEqual(self.firewall.process.wait(10), 0)
        self.assertNotRegex(self.devices(), r"(?m)^(trust|untrust)\b")
        self.assertFalse(self.firewall.socket.exists())
        self.assertIn("ended", self.firewall.log())
        self.assertIsNone(stream.poll(), "the stream had ended before")

    def test_start_again_where_one_ended(self):
        self.assertEqual(self.lab.end(self.firewall.process), 0)
        self.firewall.start()
        self.lab.ping(SERVER4)
        self.lab.curl(f"http://[{SERVER6}]/")

    def test_deleted_tap_comes_back(self):
        for time in (1, 2):
            with self.subTest(time=time):
                log = len(self.firewall.log())
                before = re.search(r"(\d+): trust", self.lab.run("fw", "ip", "link", "show", "trust").stdout)[1]
                self.lab.run("fw", "ip", "link", "delete", "trust")

                def back(before=before):
                    shown = self.lab.run("fw", "ip", "link", "show", "trust", check=False).stdout
                    found = re.search(r"(\d+): trust", shown)
                    return found and found[1] != before

                lab.wait(10, "the TAP device to be there again", back)
                lab.wait(10, "the firewall to answer for itself",
                         lambda: self.lab.ping("192.0.2.1", "-W", "1", check=False).returncode == 0)
                self.lab.ping(SERVER4)
                self.lab.ping(SERVER6)
                self.assertEqual(self.firewall.log()[log:].count("deleted"), 1)

    def test_link_down_and_up(self):
        log = len(self.firewall.log())
        self.lab.run("server", "ip", "link", "set", "eth0", "down")
        self.firewall.wait_log(r"port \S+ is down", log)
        self.assertEqual(self.firewall.call("GET", "/v1/health?ready=true").status, 503)
        self.assertTrue(self.firewall.get("/v1/health")["live"])
        self.lab.ping(SERVER4, "-W", "0.3", check=False)
        lab.wait(5, "the drop", lambda: self.firewall.metrics().drops()["port_down"] > 0)
        self.lab.run("server", "ip", "link", "set", "eth0", "up")
        self.lab.run("server", "ip", "route", "replace", "default", "via", "198.51.100.1")
        self.firewall.wait_log(r"port \S+ is up", log)
        self.firewall.wait_ready()
        self.lab.ping(SERVER4)
        said = self.firewall.log()[log:]
        self.assertEqual((said.count(" is down"), said.count(" is up")), (1, 1))


class Placement(lab.TestCase):
    def test_a_worker_has_its_cpu_alone(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest("needs two CPUs")
        spaces = lab.Lab()
        self.addCleanup(spaces.close)
        self.firewall = lab.Firewall(spaces, lab.QUICKSTART.replace("workers: 1 ", f"workers: [{cpus[1]}] "))
        self.firewall.start()
        tasks = pathlib.Path(f"/proc/{self.firewall.pid()}/task")
        seen = {}
        for task in tasks.iterdir():
            seen.setdefault((task / "comm").read_text().strip(), []).append(os.sched_getaffinity(int(task.name)))
        self.assertEqual(seen.pop("worker-0"), [{cpus[1]}])
        self.assertIn("host", seen)
        for name, masks in seen.items():
            for mask in masks:
                self.assertNotIn(cpus[1], mask, name)


class Operate(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, lab.QUICKSTART)
        cls.firewall.start()
        for address in (SERVER4, SERVER6):
            cls.lab.ping(address)

    def connect(self, port=80, namespace="client"):
        connection = self.lab.socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.settimeout(10)
        connection.connect((SERVER4, port))
        return connection

    def ask(self, connection):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while b"hello from the server\n" not in got:
            piece = connection.recv(4096)
            self.assertTrue(piece, got)
            got += piece

    def sessions(self, query):
        return self.firewall.get(f"/v1/sessions?{query}")["sessions"]

    def test_sessions_are_listed_filtered_and_flushed(self):
        first, second = self.connect(), self.connect()
        self.ask(first)
        self.ask(second)
        port = first.getsockname()[1]
        (session,) = self.sessions(f"protocol=tcp&port={port}")
        self.assertEqual((session["source"], session["destination"], session["rule"], session["state"]),
                         (f"{CLIENT4}:{port}", f"{SERVER4}:80", "web", "established"))
        self.assertEqual((session["ingress"], session["egress"]), ("trust", "untrust"))
        self.assertEqual(self.sessions(f"port={port}&rule=ping"), [])
        self.assertEqual(self.sessions(f"port={port}&source=203.0.113.0/24"), [])
        self.assertEqual(self.firewall.call("DELETE", "/v1/sessions").status, 400)
        flushed = self.firewall.call("DELETE", f"/v1/sessions?protocol=tcp&port={port}")
        self.assertEqual((flushed.status, flushed.json()), (200, {"flushed": 1}))
        self.assertEqual(self.sessions(f"port={port}"), [])
        before = self.firewall.metrics().drops()["tcp_not_syn"]
        first.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        lab.wait(10, "the flushed connection's packet to be dropped",
                 lambda: self.firewall.metrics().drops()["tcp_not_syn"] > before)
        self.ask(second)

    def test_sessions_come_in_pages(self):
        kept = [self.connect() for _ in range(7)]
        for connection in kept:
            self.ask(connection)
        ports = {str(connection.getsockname()[1]) for connection in kept}
        seen, cursor = [], ""
        while True:
            page = self.firewall.get("/v1/sessions?protocol=tcp&rule=web&limit=2" + (f"&cursor={cursor}" if cursor else ""))
            self.assertLessEqual(len(page["sessions"]), 2)
            seen += [session["source"].rsplit(":", 1)[1] for session in page["sessions"]]
            cursor = page["next"]
            if not cursor:
                break
        self.assertEqual(len(seen), len(set(seen)), "a session was listed twice")
        self.assertLessEqual(ports, set(seen))

    def test_explain_agrees_with_what_happens(self):
        def explain(port, destination=SERVER4, **more):
            described = {"source": CLIENT4, "destination": destination, "protocol": "tcp", "destination_port": port, **more}
            return self.firewall.call("POST", "/v1/explain", described).json()["verdict"]

        for port, action, rule, status in ((80, "accept", "web", 0), (8080, "reject", "no-admin", 7), (22, "drop", None, 28)):
            with self.subTest(port=port):
                verdict = explain(port)
                self.assertEqual((verdict["action"], verdict.get("rule")), (action, rule))
                real = self.lab.curl("--connect-timeout", "0.5", f"http://{SERVER4}:{port}/", check=False)
                self.assertEqual(real.returncode, status, real.stderr)
        self.assertEqual(explain(80, "192.0.2.1")["action"], "to_host")
        stray = explain(80, tcp_flags="ack")
        self.assertEqual((stray["action"], stray["reason"]), ("drop", "tcp_not_syn"))
        bad = self.firewall.call("POST", "/v1/explain", {"source": "nowhere"})
        self.assertEqual(bad.status, 400)

    def while_watched(self, path, request, work):
        """The answer of a trace or capture that saw the work, which starts when a second watch is refused with 409."""
        def watch():
            while (answer := self.firewall.call("POST", path, request)).status == 409:  # the probe below was first
                pass
            return answer

        watched = lab.in_background(watch)
        lab.wait(10, "the watch to begin", lambda: self.firewall.call(
            "POST", "/v1/trace", {"packets": 1, "timeout_ms": 1}).status == 409)
        work()
        return watched()

    def test_trace_shows_the_stages(self):
        # By a port of its own: another connection may still be ending.
        answer = self.while_watched(
            "/v1/trace", {"match": {"protocol": "tcp", "port": 30080}, "packets": 4, "timeout_ms": 8000},
            lambda: self.lab.curl("--local-port", "30080", f"http://{SERVER4}/"))
        packets = answer.json()["packets"]
        self.assertEqual(len(packets), 4)
        first = packets[0]["events"]
        stages = [event["stage"] for event in first]
        self.assertEqual((stages[0], stages[-1]), ("ingress", "egress"))
        self.assertIn("match_rules", stages)
        self.assertEqual(first[-1]["verdict"], "sent")
        self.assertIn(f"{CLIENT4} > {SERVER4}", first[0]["summary"])
        self.assertIn("trust to untrust", first[-2]["summary"])
        times = [event["nanoseconds"] for event in first]
        self.assertEqual(times, sorted(times))
        # A dropped one says why.
        answer = self.while_watched("/v1/trace", {"match": {"port": 8080}, "packets": 1, "timeout_ms": 8000},
                                    lambda: self.lab.curl(f"http://{SERVER4}:8080/", check=False))
        last = answer.json()["packets"][0]["events"][-1]
        self.assertEqual((last["verdict"], last["reason"]), ("dropped", "rejected_by_rule"))

    def test_capture_is_read_by_tshark(self):
        answer = self.while_watched(
            "/v1/capture", {"match": {"protocol": "tcp", "port": 80}, "packets": 20, "timeout_ms": 3000},
            lambda: self.lab.curl(f"http://{SERVER4}/"))
        self.assertEqual(answer.status, 200, answer)
        file = self.lab.folder / "capture.pcapng"
        file.write_bytes(answer.body)
        shown = subprocess.run(["tshark", "-n", "-r", str(file), "-Y", "http.request or http.response", "-T", "fields",
                                "-e", "ip.src", "-e", "http.request.uri", "-e", "http.response.code"],
                               capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        rows = [line.split("\t") for line in shown.stdout.splitlines()]
        self.assertIn([CLIENT4, "/", ""], rows)
        self.assertTrue(any(row[0] == SERVER4 and row[-1] == "200" for row in rows), rows)

    def test_every_metric_is_in_the_book(self):
        # docs/operations.md names each family with its labels; one that has no samples here shows in its TYPE line.
        page = (lab.ROOT / "docs/operations.md").read_text()
        documented = {name: set(re.findall(r"`(\w+)`", labels))
                      for name, labels in re.findall(r"^\| `millrace_(\w+)` \| ([^|]+) \|", page, re.MULTILINE)}
        text = self.firewall.call("GET", "/v1/metrics").body.decode()
        families = set(re.findall(r"^# TYPE millrace_(\w+) ", text, re.MULTILINE))
        self.assertEqual(families - documented.keys(), set())
        for name, samples in lab.Metrics(text).samples.items():
            family = name if name in families else name.rsplit("_", 1)[0]
            for labels, _ in samples:
                self.assertLessEqual(labels.keys(), documented[family], name)

    def test_drain_keeps_the_old_and_takes_no_new(self):
        old = self.connect()
        self.ask(old)
        self.addCleanup(self.firewall.call, "DELETE", "/v1/drain")
        self.assertTrue(self.firewall.call("POST", "/v1/drain").json()["draining"])
        refused = lambda: self.lab.curl("--connect-timeout", "0.5", f"http://{SERVER4}/", check=False).returncode != 0
        lab.wait(5, "new connections to be refused", refused)
        self.assertEqual(self.firewall.call("GET", "/v1/health?ready=true").status, 503)
        self.ask(old)
        self.assertGreaterEqual(self.firewall.get("/v1/drain")["sessions_left"], 1)
        self.assertGreater(self.firewall.metrics().drops()["draining"], 0)
        self.assertFalse(self.firewall.call("DELETE", "/v1/drain").json()["draining"])
        lab.wait(5, "new connections to be taken", lambda: not refused())
        self.ask(old)

    def test_workers_change_under_traffic(self):
        kept = http.client.HTTPConnection(SERVER4, timeout=15)
        with lab.inside(self.lab.name("client")):
            kept.connect()
        self.addCleanup(kept.close)
        stream = self.lab.start_iperf(SERVER4, "--bitrate", "20M", seconds=6)
        for count in (2, 1, 2, 1):
            answer = self.firewall.call("PUT", "/v1/workers", {"count": count})
            self.assertEqual((answer.status, answer.json().get("count")), (200, count), answer)
            self.assertEqual(len(self.firewall.get("/v1/health")["workers"]), count)
            for _ in range(20):
                kept.request("GET", "/")
                self.assertEqual(kept.getresponse().read(), b"hello from the server\n")
            self.lab.curl(f"http://[{SERVER6}]/")
        report = stream()
        self.assertGreater(report["end"]["sum_received"]["bytes"], 5_000_000)
        self.assertEqual(self.firewall.call("PUT", "/v1/workers", {"count": 0}).status, 400)

    def test_vnfctl(self):
        if lab.CTL is None:
            self.skipTest("vnfctl is not built")

        def ctl(*arguments):
            done = subprocess.run([str(lab.CTL), "--control", str(self.firewall.socket), *arguments], capture_output=True,
                                  text=True, timeout=30, check=False)
            self.assertEqual(done.returncode, 0, (arguments, done.stdout, done.stderr))
            return done.stdout

        self.ask(self.connect())
        self.assertIn("ready", ctl("health"))
        self.assertIn("web", ctl("sessions"))
        self.assertIn("no-admin", ctl("rules"))
        self.assertIn("no-admin", ctl("explain", CLIENT4, SERVER4, "tcp/8080"))
        self.assertIn("worker", ctl("watch", "-n", "1"))


class Transparent(lab.TestCase):
    """A bump in the wire: client and server are in one subnet and see each other's MAC addresses."""

    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab(one_subnet=True)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, TRANSPARENT)
        cls.firewall.start()

    def test_pages_and_pings_pass_with_the_ends_own_macs(self):
        mac = self.lab.run("server", "cat", "/sys/class/net/eth0/address").stdout.strip()
        for address in ("192.0.2.20", "2001:db8:1::20"):
            with self.subTest(address=address):
                self.assertIn(" 0% packet loss", self.lab.ping(address, "-c", "3", "-i", "0.05").stdout)
                with_brackets = f"[{address}]" if ":" in address else address
                self.assertEqual(self.lab.curl(f"http://{with_brackets}/").stdout, "hello from the server\n")
                self.assertIn(mac, self.lab.run("client", "ip", "neigh", "show", address).stdout)
                hops = self.lab.ping(address, "-t", "1").stdout  # a wire takes no hop
                self.assertIn("bytes from", hops)

    def test_rules_hold(self):
        refused = self.lab.curl("http://192.0.2.20:8080/", check=False)
        self.assertEqual(refused.returncode, 7, refused.stderr)
        self.assertNotEqual(
            self.lab.run("server", "ping", "-c", "1", "-W", "0.3", "192.0.2.10", check=False).returncode, 0)

    def test_every_packet_is_accounted_for(self):
        self.lab.curl("http://192.0.2.20/large", "--output", "/dev/null")
        metrics = self.firewall.at_rest()
        came = metrics.sum("received_packets_total") + metrics.sum("originated_packets_total")
        left = sum(metrics.sum(name) for name in ("transmitted_packets_total", "originated_transmitted_packets_total",
                                                  "dropped_packets_total"))
        self.assertEqual(came, left, metrics.packets())


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx", "tshark")
    lab.main()
