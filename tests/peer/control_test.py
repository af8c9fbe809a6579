# SPDX-License-Identifier: BSD-3-Clause
"""The control side under mistakes, haste and ill will: what is asked is done or refused, and traffic goes on."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import unittest

import lab
import session_stream
from lab import CLIENT4, SERVER4

# The server is in a group that comes from a file.
WITH_FILE = lab.QUICKSTART.replace('servers: [198.51.100.10, "2001:db8:2::10"]', "servers: {file: servers.txt}")


def many_rules(number):
    """A profile that takes a while to read; the first rule says which one it is."""
    rules = "".join(f"    - {{name: filler-{i}, from: outside, source: 203.{i // 250}.{i % 250}.0/24, action: drop}}\n"
                    for i in range(3000))
    return WITH_FILE.replace("    - {name: ping,", f"    - {{name: version-{number}, from: outside, action: drop}}\n"
                             + rules + "    - {name: ping,")


class Control(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, WITH_FILE)
        cls.servers = cls.lab.folder / "servers.txt"
        cls.servers.write_text("198.51.100.10\n2001:db8:2::10\n")
        cls.firewall.start()
        cls.lab.ping(SERVER4)

    def tearDown(self):
        self.servers.write_text("198.51.100.10\n2001:db8:2::10\n")
        self.firewall.apply(WITH_FILE)
        self.firewall.call("DELETE", "/v1/drain")
        self.lab.curl(f"http://{SERVER4}/")

    def refused(self):
        return self.lab.curl("--connect-timeout", "0.5", f"http://{SERVER4}/", check=False).returncode != 0

    # --- profile ---

    def test_a_drain_keeps_the_profile_that_comes_meanwhile(self):
        for number in range(6):
            profile = many_rules(number)
            answer = lab.in_background(lambda profile=profile: self.firewall.call("PUT", "/v1/profile", profile))
            self.firewall.call("DELETE" if number % 2 else "POST", "/v1/drain")
            self.assertEqual(answer().status, 200)
            # One more change behind the drain's: when it is done, so is the drain.
            self.assertEqual(self.firewall.call("PUT", "/v1/profile?check=true", profile).status, 200)
            self.assertEqual(self.firewall.get("/v1/firewall/rules")[0]["name"], f"version-{number}")
            self.assertEqual(self.firewall.get("/v1/firewall/policy")["draining"], number % 2 == 0)
            self.assertEqual(self.firewall.call("GET", "/v1/profile").body.decode(), profile)

    def test_a_drain_needs_no_file(self):
        self.servers.unlink()
        self.firewall.call("POST", "/v1/drain")
        lab.wait(5, "new connections to be refused", self.refused)
        self.firewall.call("DELETE", "/v1/drain")
        lab.wait(5, "new connections to be taken", lambda: not self.refused())

    def test_files_are_beside_the_profile_of_the_start(self):
        for file in ("profile", "elsewhere/fw.yaml", "/nonexistent/fw.yaml"):
            answer = self.firewall.call("PUT", f"/v1/profile?file={file}", WITH_FILE)
            self.assertEqual(answer.status, 200, answer)
        self.servers.write_text("198.51.100.10\nnot an address\n")
        answer = self.firewall.call("PUT", "/v1/profile", WITH_FILE)
        self.assertEqual(answer.status, 400)
        (error,) = answer.json()["errors"]
        self.assertEqual((error["file"], error["line"], error["column"]), (str(self.servers), 2, 1))

    def test_a_check_changes_nothing(self):
        other = WITH_FILE.replace("name: ping", "name: pong")
        log = len(self.firewall.log())
        before = self.firewall.get("/v1/health")["policy_generation"]
        self.assertFalse(self.firewall.call("PUT", "/v1/profile?check=true", other).json()["applied"])
        self.assertEqual(self.firewall.call("PUT", "/v1/profile?check=true", "vnf: nat\n").status, 400)
        self.assertEqual(self.firewall.call("PUT", "/v1/profile", "vnf: nat\n").status, 400)
        self.assertEqual(self.firewall.get("/v1/health")["policy_generation"], before)
        self.assertEqual(self.firewall.get("/v1/firewall/policy")["generation"], before)
        self.assertEqual(self.firewall.call("GET", "/v1/profile").body.decode(), WITH_FILE)
        # The log tells of the one that was to be applied, and why it was not.
        self.firewall.wait_log(r"profile:1:6: vnf: 'nat'", log)
        self.assertEqual(self.firewall.log()[log:].count("was refused"), 1)
        self.assertEqual(self.firewall.apply(other)["generation"], before + 1)

    def test_what_needs_a_restart_is_said_until_it_comes(self):
        more = WITH_FILE.replace("sessions: 64k", "sessions: 65k")
        for _ in range(2):
            self.assertEqual(self.firewall.apply(more)["needs_restart"], ["dataplane.sessions"])
        self.assertEqual(self.firewall.apply(WITH_FILE)["needs_restart"], [])

    def test_the_log_level_follows_the_profile(self):
        self.firewall.apply(WITH_FILE + "telemetry: {log: error}\n")
        log = len(self.firewall.log())
        self.firewall.call("POST", "/v1/drain")
        self.firewall.call("DELETE", "/v1/drain")
        self.assertEqual(self.firewall.log()[log:], "")
        self.firewall.apply(WITH_FILE)
        self.firewall.call("POST", "/v1/drain")
        self.firewall.wait_log("draining", log)

    def test_the_index_leads_to_everything(self):
        index = self.firewall.get("/v1")
        self.assertIn("rules", index["links"])
        for name, link in index["links"].items():
            answer = self.firewall.call("GET", link)
            self.assertIn(answer.status, (200, 405), (name, link, answer))

    # --- metrics ---

    def test_metrics_keep_the_format(self):
        """No series twice, families in one piece with HELP and TYPE first, buckets that rise."""
        text = self.firewall.call("GET", "/v1/metrics").body.decode()
        series, families, current = set(), {}, None
        bounds, counts = [], []
        for line in text.splitlines():
            if line.startswith("# HELP "):
                current = line.split(" ")[2]
                self.assertNotIn(current, families)
                continue
            if line.startswith("# TYPE "):
                self.assertEqual(line.split(" ")[2], current)
                families[current] = line.split(" ")[3]
                continue
            name, labels, value = re.fullmatch(r"([a-z_]+)\{(.*)\} (\S+)", line).groups()
            self.assertFalse((name, labels) in series, line)
            series.add((name, labels))
            family = re.sub("_(bucket|sum|count)$", "", name) if families[current] == "histogram" else name
            self.assertEqual(family, current)
            self.assertEqual(name.endswith("_total"), families[current] == "counter", name)
            if name.endswith("_bucket"):
                bounds.append(float(re.search(r'le="([^"]+)"', labels)[1]))
                counts.append(float(value))
        self.assertGreater(len(bounds), 10)
        self.assertEqual(bounds, sorted(set(bounds)))
        self.assertEqual(counts, sorted(counts))
        self.assertEqual(bounds[-1], float("inf"))

    # --- requests ---

    def open(self, request):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.connect(str(self.firewall.socket))
        connection.settimeout(20)
        connection.sendall(request.encode())
        return connection

    def test_a_trace_nobody_waits_for_ends(self):
        for path in ("trace", "capture"):
            body = '{"packets": 1, "timeout_ms": 60000, "match": {"source": "203.0.113.1"}}'
            left = self.open(f"POST /v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}")
            probe = lambda: self.firewall.call("POST", "/v1/trace", {"packets": 1, "timeout_ms": 1}).status
            lab.wait(5, "the first one to begin", lambda: probe() == 409)
            left.close()
            lab.wait(5, "another one to be possible", lambda: probe() == 200)

    def test_bodies_are_bounded(self):
        for path, length in (("explain", 2 << 20), ("trace", 2 << 20), ("workers", 2 << 20), ("profile", 65 << 20)):
            method = "PUT" if path in ("workers", "profile") else "POST"
            asked = self.open(f"{method} /v1/{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n")
            self.assertIn(b" 413 ", asked.recv(4096), path)

    def test_many_connections_leave_room_for_one(self):
        idle = [self.open("") for _ in range(400)]
        half = [self.open("GET /v1/health HTTP/1.1\r\nHo") for _ in range(50)]
        self.assertTrue(self.firewall.get("/v1/health")["live"])
        self.assertEqual(len(idle) + len(half), 450)

    # --- sessions ---

    def test_an_export_ends_when_its_workers_do(self):
        sessions = [session_stream.session(CLIENT4, 1024 + i, SERVER4, 80) for i in range(20_000)]
        answer = self.firewall.call("POST", "/v1/sessions/import", session_stream.stream(sessions))
        self.assertEqual((answer.status, answer.json()), (200, {"taken": 20_000, "refused": 0}), answer)
        self.addCleanup(self.firewall.call, "DELETE", "/v1/sessions?all=true")
        self.addCleanup(self.firewall.call, "PUT", "/v1/workers", {"count": 1})
        slow = self.open("GET /v1/sessions/export HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", slow.recv(100))
        self.assertEqual(self.firewall.call("PUT", "/v1/workers", {"count": 2}).status, 200)
        rest = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := slow.recv(1 << 20):
                rest += piece
        self.assertFalse(rest.endswith(b"0\r\n\r\n"), "a part of the sessions passed for all of them")
        self.firewall.wait_log("the number of workers changed meanwhile")
        whole = self.firewall.call("GET", "/v1/sessions/export").body
        self.assertGreater(len(whole), 20_000 * 134)

    def test_a_damaged_import_takes_nothing(self):
        good = session_stream.stream([session_stream.session("192.0.2.99", 5000 + i, SERVER4, 80) for i in range(3)])
        begin = lambda: len(self.firewall.get("/v1/sessions?source=192.0.2.99")["sessions"])
        for cut in range(len(good)):
            answer = self.firewall.call("POST", "/v1/sessions/import", good[:cut])
            self.assertEqual(answer.status, 400, cut)
        for bad in (good + b"x", session_stream.stream([], version=99), good[:200] + b"\xff" + good[201:]):
            self.assertEqual(self.firewall.call("POST", "/v1/sessions/import", bad).status, 400)
        self.assertEqual(begin(), 0)
        self.assertEqual(self.firewall.call("POST", "/v1/sessions/import", good).json(), {"taken": 3, "refused": 0})
        self.assertEqual(begin(), 3)
        self.assertEqual(self.firewall.call("POST", "/v1/sessions/import", good).json(), {"taken": 0, "refused": 3})


class Process(lab.TestCase):
    """What surrounds the process: the service manager, another instance, a log nobody reads."""

    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.firewall = lab.Firewall(self.lab, lab.QUICKSTART)

    def test_the_service_manager_is_told(self):
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.settimeout(10)
        told.bind(str(self.lab.folder / "notify"))
        os.environ["NOTIFY_SOCKET"] = str(self.lab.folder / "notify")
        self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
        self.firewall.start()
        self.assertEqual(told.recv(200), b"READY=1")
        self.firewall.hang_up(lab.QUICKSTART)
        self.assertRegex(told.recv(200), rb"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertEqual(told.recv(200), b"READY=1")
        self.firewall.hang_up("vnf: nat\n")
        told.recv(200)
        self.assertEqual(told.recv(200), b"READY=1")
        self.firewall.file.unlink()
        os.kill(self.firewall.pid(), signal.SIGHUP)
        told.recv(200)
        self.assertEqual(told.recv(200), b"READY=1")
        self.firewall.process.terminate()
        self.assertEqual(told.recv(200), b"STOPPING=1")
        self.assertEqual(self.firewall.process.wait(10), 0)

    def test_a_second_one_does_not_disturb_the_first(self):
        self.firewall.start()
        interface = self.lab.run("fw", "ip", "link", "show", "trust").stdout
        second = self.lab.run("fw", str(lab.BINARY), "--profile", str(self.firewall.file), "--control",
                              str(self.firewall.socket), check=False)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another process answers on it", second.stderr)
        self.assertEqual(self.lab.run("fw", "ip", "link", "show", "trust").stdout, interface)
        self.lab.start_servers()
        self.lab.ping(SERVER4)
        self.lab.curl(f"http://{SERVER4}/")
        self.assertTrue(self.firewall.socket.exists())

    def test_a_log_that_is_not_read_ends_nothing(self):
        reading, writing = os.pipe()
        self.firewall.process = subprocess.Popen(
            ["ip", "netns", "exec", self.lab.name("fw"), str(lab.BINARY), "--profile", str(self.firewall.file),
             "--control", str(self.firewall.socket)], stderr=writing, stdin=subprocess.DEVNULL)
        self.lab.processes.append(self.firewall.process)
        os.close(writing)
        self.firewall.wait_ready()
        os.close(reading)
        for _ in range(3):
            self.firewall.call("POST", "/v1/drain")
            self.firewall.call("DELETE", "/v1/drain")
        self.assertTrue(self.firewall.get("/v1/health")["live"])
        self.firewall.process.terminate()
        self.assertEqual(self.firewall.process.wait(10), 0)

    def test_an_answer_in_progress_is_given_at_the_end(self):
        self.firewall.start()
        body = '{"packets": 1, "timeout_ms": 400, "match": {"source": "203.0.113.1"}}'
        asked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(asked.close)
        asked.settimeout(20)
        asked.connect(str(self.firewall.socket))
        asked.sendall(f"POST /v1/trace HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        lab.wait(5, "the trace to begin", lambda: self.firewall.call(
            "POST", "/v1/trace", {"packets": 1, "timeout_ms": 1}).status == 409)
        self.firewall.process.terminate()
        self.assertIn(b" 200 OK", asked.recv(4096))
        self.assertEqual(self.firewall.process.wait(10), 0)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx")
    lab.main()
