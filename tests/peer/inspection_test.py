# SPDX-License-Identifier: BSD-3-Clause
"""What the firewall finds inside sessions of real programs: signatures trip on what they name, however it is cut, and on
nothing else; events tell of it."""

import json
import socket
import ssl
import threading

import lab
from lab import SERVER4, SERVER6

SIGNATURES = """
# Written for this test.
drop http any any -> any any (msg:"forbidden path"; flow:established,to_server; content:"/forbidden"; http_uri; sid:1;)
drop http any any -> any any (msg:"bad agent"; flow:established,to_server; content:"evil-agent/"; http_user_agent; sid:2;)
reject http any any -> any any (msg:"secret in a form"; flow:established,to_server; content:"card="; http_client_body; \
pcre:"/card=\\d{4}-\\d{4}/P"; sid:3;)
alert http any any -> any any (msg:"only told"; flow:established,to_server; content:"/told"; http_uri; rev:7; priority:2; sid:4;)
drop tls any any -> any any (msg:"forbidden name"; flow:established,to_server; tls_sni; content:"bad.example"; sid:5;)
drop http any any -> any any (msg:"secret in an answer"; flow:established,to_client; file_data; content:"top secret"; sid:6;)
"""

PROFILE = lab.QUICKSTART.replace(
    "service: [tcp/80, tcp/443], action: accept}", "service: [tcp/80, tcp/443], inspect: web, action: accept}") + """
  inspection:
    web: {rules: [SIGNATURES], capture_packets: 4}
  events: {file: EVENTS, capture: EVENTS.pcapng}
"""


class Inspection(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        lab.need("curl", "nginx", "openssl", "iperf3", "ss")
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        (cls.lab.folder / "www/secret").write_text("this is top secret\n")
        (cls.lab.folder / "www/told").write_text("told\n")
        (cls.lab.folder / "www/forbidden").write_text("nobody sees this\n")
        cls.start_tls()
        cls.signatures = cls.lab.folder / "web.rules"
        cls.signatures.write_text(SIGNATURES)
        cls.events = cls.lab.folder / "eve.json"
        cls.profile = PROFILE.replace("SIGNATURES", str(cls.signatures)).replace("EVENTS", str(cls.events))
        cls.firewall = lab.Firewall(cls.lab, cls.profile)
        cls.firewall.start()

    @classmethod
    def start_tls(cls):
        folder = cls.lab.folder
        cls.lab.run("server", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=server", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"))
        cls.lab.start("server", "tls.log", "openssl", "s_server", "-accept", "443", "-www", "-key", str(folder / "key.pem"),
                      "-cert", str(folder / "cert.pem"))
        lab.wait(10, "port 443", lambda: cls.lab.listens("server", 443))

    def setUp(self):
        self.seen = len(self.lines())

    def lines(self):
        return self.events.read_text().splitlines() if self.events.exists() else []

    def wait_event(self, sid):
        """The first event of the signature since the test began, from the file."""
        def found():
            for line in self.lines()[self.seen:]:
                event = json.loads(line)
                if event.get("alert", {}).get("signature_id") == sid:
                    return event
            return None
        return lab.wait(10, f"an event of {sid}", found)

    def fetch(self, path, *arguments, address=SERVER4):
        return self.lab.curl("--max-time", "1", *arguments, f"http://{address}{path}", check=False)

    def test_clean_traffic_passes(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            self.assertEqual(self.fetch("/", address=address).stdout, "hello from the server\n")
            large = self.lab.run("client", "curl", "--silent", f"http://{address}/large", text=False).stdout
            self.assertEqual(large, bytes(range(256)) * 8192)
        self.assertEqual(self.fetch("/", "--data", "card=none").returncode, 0)
        self.assertEqual(self.lines()[self.seen:], [])

    def test_uri_is_dropped_and_told(self):
        for address in (SERVER4, f"[{SERVER6}]"):
            with self.subTest(address=address):
                self.seen = len(self.lines())
                done = self.fetch("/forbidden", address=address)
                self.assertEqual((done.returncode, done.stdout), (28, ""))  # no answer came
                event = self.wait_event(1)
                self.assertEqual(event["event_type"], "alert")
                self.assertEqual(event["alert"]["action"], "blocked")
                self.assertEqual(event["alert"]["signature"], "forbidden path")
                self.assertEqual((event["dest_port"], event["proto"], event["app_proto"]), (80, "TCP", "http"))
                self.assertEqual(event["http"]["url"], "/forbidden")
                self.assertIn("GET /forbidden", event["payload_printable"])
                self.assertEqual(event["millrace"]["rule"], "web")

    def test_encoded_uri_is_the_same(self):
        self.assertEqual(self.fetch("/%66orbidden").returncode, 28)
        self.assertEqual(self.wait_event(1)["http"]["url"], "/%66orbidden")

    def test_alert_lets_pass(self):
        self.assertEqual(self.fetch("/told").stdout, "told\n")
        alert = self.wait_event(4)["alert"]
        self.assertEqual((alert["action"], alert["rev"], alert["severity"]), ("allowed", 7, 2))

    def test_packets_of_a_match_are_kept(self):
        lab.need("tshark")
        self.assertEqual(self.fetch("/told").stdout, "told\n")
        session = self.wait_event(4)["flow_id"]

        def kept():
            shown = self.lab.run("client", "tshark", "-n", "-r", f"{self.events}.pcapng", "-Y",
                                 f'frame.comment contains "session {session},"', "-T", "fields", "-e", "http.request.uri",
                                 check=False)
            return shown.stdout.splitlines() if shown.returncode == 0 else []
        self.assertEqual(lab.wait(10, "packets of the session", lambda: len(kept()) >= 2 and kept())[0], "/told")

    def send_in_pieces(self, text, size):
        """Segments of so many bytes each; what came back before the other end fell silent."""
        connection = self.lab.socket_in("client")
        with connection:
            connection.settimeout(1)
            connection.connect((SERVER4, 80))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(text), size):
                connection.sendall(text[at:at + size])
            try:
                return connection.recv(1000)
            except (TimeoutError, ConnectionError):
                return b""

    def test_header_in_pieces(self):
        request = b"GET / HTTP/1.1\r\nHost: server\r\nUser-Agent: %s\r\n\r\n"
        for size in (1, 3, 7):
            with self.subTest(size=size):
                self.seen = len(self.lines())
                self.assertIn(b"hello", self.send_in_pieces(request % b"good-agent/1.0", size))
                self.assertEqual(self.send_in_pieces(request % b"evil-agent/1.0", size), b"")
                self.wait_event(2)

    def test_body_is_rejected(self):
        done = self.fetch("/", "--data", "name=x&card=1234-5678")
        self.assertEqual(done.returncode, 56, done.stderr)  # a reset came
        self.assertEqual(self.wait_event(3)["alert"]["action"], "blocked")

    def test_answer_is_dropped(self):
        done = self.fetch("/secret")
        self.assertNotIn("top secret", done.stdout)
        self.assertEqual(self.wait_event(6)["direction"], "to_client")

    def handshake(self, name):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = self.lab.socket_in("client")
        with connection:
            connection.settimeout(1)
            connection.connect((SERVER4, 443))
            try:
                with context.wrap_socket(connection, server_hostname=name) as secured:
                    return secured.version() is not None
            except (TimeoutError, OSError):
                return False

    def test_name_of_tls(self):
        self.assertTrue(self.handshake("good.example"))
        self.assertFalse(self.handshake("www.bad.example"))
        self.assertEqual(self.wait_event(5)["tls"]["sni"], "www.bad.example")

    def test_events_by_the_api_and_the_command_line(self):
        self.fetch("/told")
        self.wait_event(4)
        alerts = self.firewall.get("/v1/firewall/alerts")
        self.assertIn(4, [one.get("alert", {}).get("signature_id") for one in alerts])
        table = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "alerts").stdout
        self.assertRegex(table, r"allowed +4 +only told")
        inspections = self.firewall.get("/v1/firewall/inspections")
        self.assertEqual([(one["name"], one["signatures"], one["skipped"]) for one in inspections], [("web", 6, 0)])

    def test_signatures_change_under_load_without_loss(self):
        load = self.lab.start_iperf(SERVER4, "--udp", "--bitrate", "4M", "--length", "500", seconds=4)
        swapped = 0
        while load.running():
            extra = "".join(f'drop http any any -> any any (msg:"x"; content:"/word{swapped}-{i}"; http_uri; sid:{100 + i};)\n'
                            for i in range(200))
            self.signatures.write_text(SIGNATURES + extra)
            self.firewall.apply(self.profile)
            self.assertEqual(self.fetch("/").stdout, "hello from the server\n")
            swapped += 1
        self.assertEqual(load()["end"]["sum"]["lost_packets"], 0)
        self.assertGreater(swapped, 3)
        self.assertEqual(self.fetch("/word0-0").returncode, 0)  # of a set that is gone
        self.assertEqual(self.fetch(f"/word{swapped - 1}-199").returncode, 28)
        self.signatures.write_text(SIGNATURES)
        self.firewall.apply(self.profile)

    def test_bad_signatures_are_told_by_line_and_the_others_hold(self):
        self.signatures.write_text(SIGNATURES + 'drop http any any -> any any (msg:"x"; lua:x.lua; sid:9;)\n')
        self.firewall.apply(self.profile)
        web = self.firewall.get("/v1/firewall/inspections")[0]
        self.assertEqual((web["signatures"], web["skipped"]), (6, 1))
        self.assertRegex(web["skipped_signatures"][0]["where"], r"web.rules:\d+")
        self.assertIn("lua", web["skipped_signatures"][0]["reason"])
        self.assertEqual(self.fetch("/forbidden").returncode, 28)
        self.signatures.write_text(SIGNATURES)
        self.firewall.apply(self.profile)


if __name__ == "__main__":
    lab.main("vnfs/firewall/vnf-firewall")
