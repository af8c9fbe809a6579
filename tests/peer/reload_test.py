# SPDX-License-Identifier: BSD-3-Clause
"""The policy changes under traffic: nothing breaks, nothing is lost, and only what the new rules refuse ends."""

import http.client
import re
import select
import socket
import threading
import time
import unittest

import lab
from lab import SERVER4, SERVER6

SWAP_EVERY = 0.1
BAD_PROFILE = lab.QUICKSTART.replace("name: quickstart", "name: 7 dwarfs").replace("default: drop", "default: maybe").replace(
    "service: tcp/8080", "service: tcp/80800")


def variant(number):
    """The same verdicts, other text: a rule more or less in front, another group, other hit counters."""
    extra = "".join(f"    - {{name: unused-{number % 7}-{i}, from: outside, source: 203.0.113.{i}, action: drop}}\n"
                    for i in range(number % 5))
    group = "" if number % 2 else ", 198.51.100.200"
    return lab.QUICKSTART.replace("    - {name: ping,", extra + "    - {name: ping,").replace(
        'servers: [198.51.100.10,', f'servers: [198.51.100.10{group},')


class Swapper(threading.Thread):
    """Swaps by PUT and by SIGHUP in turns until told to stop. Each reload is seen to be in force."""

    def __init__(self, firewall):
        super().__init__(daemon=True)
        self.firewall = firewall
        self.ended = threading.Event()
        self.swaps = 0
        self.error = None
        self.start()

    def run(self):
        try:
            next_swap = time.monotonic()
            while not self.ended.wait(max(0.0, next_swap - time.monotonic())):
                next_swap += SWAP_EVERY
                if self.swaps % 2:
                    self.firewall.hang_up(variant(self.swaps))
                else:
                    self.firewall.apply(variant(self.swaps))
                self.swaps += 1
        except BaseException as error:  # told by stop()
            self.error = error

    def stop(self):
        self.ended.set()
        self.join(30)
        if self.error:
            raise self.error
        return self.swaps


def fetch_many(address, until, counts):
    """Requests, each on a new connection and then ten on a kept one, until the time; counts them."""
    with_brackets = f"[{address}]" if ":" in address else address
    while time.monotonic() < until:
        connection = http.client.HTTPConnection(with_brackets, timeout=20)
        for _ in range(10):
            connection.request("GET", "/")
            answer = connection.getresponse()
            if answer.status != 200 or answer.read() != b"hello from the server\n":
                raise lab.Failed(f"{address}: {answer.status}")
            counts[address] = counts.get(address, 0) + 1
        connection.close()


class Reload(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, lab.QUICKSTART)
        cls.firewall.start()
        for address in (SERVER4, SERVER6):
            cls.lab.ping(address)

    def assert_nothing_lost(self, before, allowed=()):
        after = self.firewall.at_rest()
        lost = {reason: count - before.drops()[reason] for reason, count in after.drops().items()
                if count != before.drops()[reason] and reason not in allowed}
        self.assertEqual(lost, {})
        self.assertEqual(after.sum("port_missed_packets_total"), before.sum("port_missed_packets_total"))

    def test_streams_and_requests_while_the_policy_is_swapped(self):
        before = self.firewall.at_rest()
        log = len(self.firewall.log())
        swapper = Swapper(self.firewall)
        seconds = 8
        until = time.monotonic() + seconds
        # A bounded rate: two shared CPUs must carry it without the client's or the server's own losses.
        streams = self.lab.start_iperf(SERVER4, "--parallel", "4", "--bitrate", "20M", seconds=seconds)
        counts = {}

        def requests(address):
            def work():
                with lab.inside(self.lab.name("client")):
                    fetch_many(address, until, counts)

            return lab.in_background(work)

        fetchers = [requests(address) for address in (SERVER4, SERVER6) for _ in range(2)]
        parallel = self.lab.run("client", "curl", "--silent", "--show-error", "--fail", "--parallel", "--parallel-max",
                                "8", "--max-time", "60", "--output", "/dev/null", f"http://{SERVER4}/large?[1-100]",
                                check=False, timeout=90)
        for fetcher in fetchers:
            fetcher()
        report = streams()
        swaps = swapper.stop()

        self.assertEqual(parallel.returncode, 0, parallel.stderr)
        self.assertEqual(len(report["end"]["streams"]), 4)
        for stream in report["end"]["streams"]:
            self.assertGreater(stream["receiver"]["bytes"], 100_000)
        self.assertGreater(min(counts.values()), 20, counts)
        self.assertGreater(swaps, seconds / SWAP_EVERY / 2)
        # Every reload took force: one line each, by either way.
        said = lab.wait(10, f"{swaps} reloads in the log",
                        lambda: (n := self.firewall.log()[log:].count("is in force")) >= swaps and n)
        self.assertEqual(said, swaps)
        # A closed connection's late segments meet no session; everything else must have passed.
        self.assert_nothing_lost(before, allowed=("tcp_not_syn", "session_ended", "not_for_us", "multicast"))
        self.firewall.apply(lab.QUICKSTART)

    def test_datagrams_while_the_policy_is_swapped(self):
        before = self.firewall.at_rest()
        swapper = Swapper(self.firewall)
        report = self.lab.iperf(SERVER6, "--udp", "--bitrate", "2M", "--length", "500", seconds=4)
        self.assertGreater(swapper.stop(), 10)
        self.assertGreater(report["end"]["sum"]["packets"], 1000)
        self.assertEqual(report["end"]["sum"]["lost_packets"], 0)
        self.assert_nothing_lost(before, allowed=("tcp_not_syn", "session_ended", "not_for_us", "multicast"))
        self.firewall.apply(lab.QUICKSTART)

    def test_bad_profile_by_socket_changes_nothing(self):
        running = self.firewall.call("GET", "/v1/profile").body
        answer = self.firewall.call("PUT", "/v1/profile?file=new.yaml", BAD_PROFILE)
        self.assertEqual(answer.status, 400, answer)
        errors = answer.json()["errors"]
        lines = BAD_PROFILE.splitlines()
        places = {(error["line"], error["column"]) for error in errors}
        expected = set()
        for text in ("7 dwarfs", "maybe", "tcp/80800"):
            line = next(i for i, each in enumerate(lines) if text in each)
            expected.add((line + 1, lines[line].index(text) + 1))
        self.assertEqual(places, expected, errors)
        self.assertEqual({error["file"] for error in errors}, {"new.yaml"})
        self.assertEqual(self.firewall.call("GET", "/v1/profile").body, running)
        self.lab.curl(f"http://{SERVER4}/")

    def test_bad_profile_by_signal_is_logged_and_changes_nothing(self):
        running = self.firewall.call("GET", "/v1/profile").body
        log = len(self.firewall.log())
        self.firewall.hang_up(BAD_PROFILE)
        self.firewall.wait_log("the running one goes on", log)
        line = next(i for i, each in enumerate(BAD_PROFILE.splitlines()) if "maybe" in each) + 1
        self.assertRegex(self.firewall.log()[log:], rf"{re.escape(str(self.firewall.file))}:{line}:\d+: .*maybe")
        self.assertEqual(self.firewall.call("GET", "/v1/profile").body, running)
        self.lab.curl(f"http://{SERVER4}/")
        # A file that is gone is no reason to end either.
        self.firewall.file.unlink()
        log = len(self.firewall.log())
        self.firewall.process.send_signal(1)
        self.firewall.wait_log("the running profile goes on", log)
        self.firewall.file.write_text(lab.QUICKSTART)

    def test_checking_a_profile_changes_nothing(self):
        running = self.firewall.call("GET", "/v1/profile").body
        answer = self.firewall.call("PUT", "/v1/profile?check=true", variant(1)).json()
        self.assertFalse(answer["applied"])
        self.assertEqual(self.firewall.call("GET", "/v1/profile").body, running)

    def connect(self, port):
        connection = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(connection.close)
        connection.settimeout(10)
        connection.connect((SERVER4, port))
        return connection

    def ask(self, connection):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        got = b""
        while b"hello from the server\n" not in got:
            piece = connection.recv(4096)
            if not piece:
                raise lab.Failed(f"closed after {got!r}")
            got += piece

    def test_a_rule_removed_ends_its_connections_and_no_other(self):
        self.addCleanup(self.firewall.apply, lab.QUICKSTART)
        two_rules = lab.QUICKSTART.replace("{name: web,", "{name: other, from: inside, to: outside, service: tcp/8080, "
                                           "action: accept}\n    - {name: web,").replace(
            "    - {name: no-admin", "    # {name: no-admin")
        self.firewall.apply(two_rules)
        staying, ending = self.connect(80), self.connect(8080)
        self.ask(staying)
        self.ask(ending)
        before = self.firewall.metrics().drops()["policy_changed"]
        # `web` stays, `other` goes: no rule takes tcp/8080 any more.
        self.firewall.apply("\n".join(line for line in two_rules.splitlines() if "{name: other" not in line))
        ending.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        lab.wait(10, "a packet dropped as policy_changed",
                 lambda: self.firewall.metrics().drops()["policy_changed"] > before)
        self.assertEqual(select.select([ending], [], [], 0.3)[0], [], "the ended connection still answers")
        self.ask(staying)
        self.ask(self.connect(80))

    def test_hit_counters_survive_by_name(self):
        self.lab.curl(f"http://{SERVER4}/")
        hits = lambda: self.firewall.metrics().sum("rule_hits_total", rule="web")
        before = hits()
        self.assertGreater(before, 0)
        self.firewall.apply(variant(3))
        self.assertGreaterEqual(hits(), before)
        self.lab.curl(f"http://{SERVER4}/")
        self.assertGreaterEqual(hits(), before + 1)
        self.firewall.apply(lab.QUICKSTART)

    def test_address_and_route_added_and_removed_live(self):
        self.addCleanup(self.firewall.apply, lab.QUICKSTART)
        self.lab.run("server", "ip", "address", "add", "198.18.7.1/32", "dev", "lo")
        self.addCleanup(self.lab.run, "server", "ip", "address", "del", "198.18.7.1/32", "dev", "lo")
        self.assertNotEqual(self.lab.ping("198.18.7.1", "-W", "0.3", check=False).returncode, 0)
        self.firewall.apply(
            lab.QUICKSTART.replace("trust: {port: inside, address: [192.0.2.1/24,",
                                   "trust: {port: inside, address: [192.0.2.1/24, 192.0.2.2/24,")
            + "\nroutes:\n  - {to: 198.18.7.0/24, via: 198.51.100.10}\n")
        self.assertIn("bytes from", self.lab.ping("198.18.7.1").stdout)
        self.assertIn("bytes from", self.lab.ping("192.0.2.2").stdout)
        self.assertIn("bytes from", self.lab.ping("192.0.2.1").stdout)
        self.firewall.apply(lab.QUICKSTART)
        self.assertNotEqual(self.lab.ping("198.18.7.1", "-W", "0.3", check=False).returncode, 0)
        self.assertNotEqual(self.lab.ping("192.0.2.2", "-W", "0.3", check=False).returncode, 0)
        self.assertIn("bytes from", self.lab.ping("192.0.2.1").stdout)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx")
    lab.main()
