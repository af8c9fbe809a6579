# SPDX-License-Identifier: BSD-3-Clause
"""The NAT gateway as an operator asks it: who has this port, what becomes of this packet; and an instance that takes over."""

import contextlib
import json
import pathlib
import socket
import subprocess
import tempfile

import lab
from lab import CLIENT4, SERVER4

PROFILE = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text()


class NatOperation(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.lab.run("server", "ip", "route", "delete", "default")
        cls.nat = lab.Nat(cls.lab, PROFILE)
        cls.nat.start()

    @contextlib.contextmanager
    def connection(self, port):
        """A TCP connection from the client's port: both its ends."""
        with self.lab.socket_in("server", socket.AF_INET, socket.SOCK_STREAM) as listening, \
                self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM) as client:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.settimeout(10)
            listening.bind((SERVER4, port))
            listening.listen()
            client.settimeout(10)
            client.bind((CLIENT4, port))
            client.connect((SERVER4, port))
            server, _ = listening.accept()
            with server:
                server.settimeout(10)
                yield client, server

    def say(self, speaker, listener, word):
        speaker.sendall(word)
        self.assertEqual(listener.recv(100), word)

    def ask(self, *words):
        return subprocess.run([str(lab.CTL), "--control", str(self.nat.socket), *words], capture_output=True, text=True,
                              timeout=30, check=False)

    def vnfctl(self, *words):
        done = self.ask(*words)
        self.assertEqual(done.returncode, 0, (words, done.stdout, done.stderr))
        return done.stdout

    def test_who_has_a_port(self):
        with self.connection(6001) as (_, server):
            address, port = server.getpeername()
            found = json.loads(self.vnfctl("--json", "nat", "lookup", f"{address}:{port}", "--protocol", "tcp"))
            self.assertEqual([(one["inside"], one["inside_port"], one["by"]) for one in found["answers"]],
                             [(CLIENT4, 6001, "mapping"), (CLIENT4, None, "block")])
            self.assertIn(f"{CLIENT4} port 6001 has it", self.vnfctl("nat", "lookup", f"{address}:{port}"))
            before = self.vnfctl("nat", "lookup", f"{address}:{port}", "at", "2001-01-01T00:00:00Z")
            self.assertIn("did not have it then", before)
            self.assertIn(f"is called {address}", self.vnfctl("nat", "lookup", CLIENT4))
            subscribers = {one["address"]: one for one in json.loads(self.vnfctl("--json", "nat", "subscribers"))}
            self.assertGreaterEqual(subscribers[CLIENT4]["tcp_ports"], 1)
            (pool,) = json.loads(self.vnfctl("--json", "nat", "pools"))
            self.assertGreaterEqual(pool["ports_given"], 512)
        self.assertIn("neither an outside address", self.vnfctl("nat", "lookup", "9.9.9.9"))

    def test_a_question_that_is_none(self):
        for words, says in ((("nat", "lookup", "9.9.9"), "address"), (("nat", "lookup", "198.51.100.64:1", "yesterday"), "at")):
            with self.subTest(words=words):
                answer = self.ask(*words)
                self.assertNotEqual(answer.returncode, 0)
                self.assertIn(says, answer.stderr)

    def test_what_becomes_of_a_packet(self):
        out = self.vnfctl("explain", CLIENT4, SERVER4, "tcp/80")
        self.assertIn("with a port of pool public drawn at random, because rule 1 is the first that matches", out)
        back = self.vnfctl("explain", SERVER4, "198.51.100.64", "tcp/81", "--interface", "wan")
        self.assertIn("no_binding", back)

    def test_connections_go_on_in_an_instance_that_takes_over(self):
        with self.connection(6002) as (client, server), tempfile.TemporaryDirectory() as folder:
            self.say(client, server, b"before")
            state = pathlib.Path(folder) / "state"
            self.vnfctl("sessions", "export", str(state))
            self.assertGreater(state.stat().st_size, 100)
            # The next instance knows nothing, and what it says of a stranger's connection would end it.
            self.lab.end(self.nat.process)
            successor = lab.Nat(self.lab, PROFILE)
            successor.start()
            type(self).nat = successor
            taken = json.loads(self.vnfctl("--json", "sessions", "import", str(state)))
            self.assertGreaterEqual(taken["taken"], 2)
            self.say(server, client, b"from outside first")
            self.say(client, server, b"and back")
            seen = self.nat.get(f"/v1/sessions?source={CLIENT4}&port=6002")["sessions"]
            self.assertEqual(seen[0]["outside"], "{}:{}".format(*server.getpeername()))
            damaged = state.read_bytes()[:-3]
            state.write_bytes(damaged)
            refused = self.ask("sessions", "import", str(state))
            self.assertEqual(refused.returncode, 1)
            self.assertIn("it is cut off", refused.stderr)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx")
    lab.main()
