# SPDX-License-Identifier: BSD-3-Clause
"""Rules by application between real programs: what is spoken decides, whatever the port."""

import lab
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6

WEB = """    - {name: web, from: inside, to: outside, destination: "@servers", service: [tcp/80, tcp/443], action: accept}\n"""
RULES = """\
    - {name: no-tls, from: inside, service: [tcp/80, tcp/8443], application: tls, action: reject}
    - {name: web, from: inside, to: outside, destination: "@servers", service: [tcp/80, tcp/443, tcp/8443], application: [http, tls], action: accept}
"""
PROFILE = lab.QUICKSTART.replace(WEB, RULES)
HELLO = "hello from the server\n"
ENDS = ((CLIENT4, SERVER4, SERVER4), (CLIENT6, SERVER6, f"[{SERVER6}]"))  # and the server as URLs have it


class Applications(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        assert PROFILE != lab.QUICKSTART
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.start_tls_server()
        cls.firewall = lab.Firewall(cls.lab, PROFILE)
        cls.firewall.start()

    @classmethod
    def start_tls_server(cls):
        folder = cls.lab.folder
        cls.lab.run("server", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=server", "-days", "2", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem")
        configuration = folder / "tls.conf"
        configuration.write_text(f"""
daemon off; master_process off; pid {folder}/tls.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  ssl_certificate {folder}/certificate.pem; ssl_certificate_key {folder}/key.pem;
  server {{ listen 443 ssl; listen [::]:443 ssl; listen 8443 ssl; listen [::]:8443 ssl; root {folder}/www; }}
}}""")
        cls.lab.start("server", "tls.log", "nginx", "-p", str(folder), "-c", str(configuration))
        lab.wait(10, "the server's port 8443", lambda: cls.lab.listens("server", 8443))

    def fetch(self, url):
        return self.lab.curl("--insecure", "--max-time", "5", url, check=False)

    def named(self, application):
        return self.firewall.metrics().sum("sessions_by_application_total", application=application)

    def refused(self, destination):
        """Those of the sessions that are still there."""
        return [one for one in self.firewall.get("/v1/sessions")["sessions"]
                if one.get("refused") == "application" and one["destination"] == destination]

    def test_http_passes_by_any_port_of_the_rule(self):
        for _, _, server in ENDS:
            before = self.named("http")
            self.assertEqual(self.fetch(f"http://{server}/").stdout, HELLO)
            # The server has TLS there, and says what it thinks of this.
            self.assertIn("400", self.fetch(f"http://{server}:8443/").stdout)
            lab.wait(10, "both to be counted", lambda before=before: self.named("http") >= before + 2)

    def test_tls_passes_where_it_may(self):
        for _, _, server in ENDS:
            before = self.named("tls")
            self.assertEqual(self.fetch(f"https://{server}/").stdout, HELLO)
            lab.wait(10, "it to be counted", lambda before=before: self.named("tls") > before)

    def test_tls_by_another_port_is_reset(self):
        for _, _, server in ENDS:
            self.assertEqual(self.fetch(f"https://{server}:8443/").returncode, 35)  # the handshake failed
            session = self.refused(f"{server}:8443")[0]
            self.assertEqual((session["application"], session["rule"]), ("tls", "no-tls"))

    def test_explain_tells_each_outcome(self):
        for client, server, _ in ENDS:
            told = self.lab.run("fw", str(lab.CTL), "--control", str(self.firewall.socket), "explain", client, server,
                                "tcp/8443").stdout
            for word in ("no-tls", "web", "tls", "http"):
                self.assertIn(word, told)

    def test_a_profile_without_the_rule_lets_it_pass(self):
        self.firewall.apply(PROFILE.replace(RULES.splitlines(keepends=True)[0], ""))
        try:
            for _, _, server in ENDS:
                self.assertEqual(self.fetch(f"https://{server}:8443/").stdout, HELLO)
        finally:
            self.firewall.apply(PROFILE)
        self.assertEqual(self.fetch(f"https://{SERVER4}:8443/").returncode, 35)


if __name__ == "__main__":
    lab.need("ip", "nginx", "iperf3", "curl", "openssl", "ss")
    lab.main()
