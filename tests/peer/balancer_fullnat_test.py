# SPDX-License-Identifier: BSD-3-Clause
"""full_nat with real servers: backends without a route to clients, of the other family, and who they say the client is."""

import hashlib

import balancer_lab
import lab
from balancer_lab import VIP4, VIP6

PROFILE = """\
vnf: load_balancer
name: lb-test
dataplane: {{workers: {workers}, sessions: 64k}}
ports:
  outside: {{device: "net_af_packet_out,iface=veth-out"}}
  inside: {{device: "net_af_packet_in,iface=veth-in"}}
interfaces:
  wan: {{port: outside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}}
  lan: {{port: inside, address: [10.0.0.1/24, "2001:db8:10::1/64"]}}
load_balancer:
  table_size: 4099
  source_pools:
    four: {{addresses: [10.0.0.100, 10.0.0.101]}}
    six: {{addresses: ["2001:db8:10::100"]}}
  services:
    - name: web
      address: 203.0.113.80
      ports: [tcp/80]
      forwarding: full_nat
      source_pool: four
      {service}
      backends: [{{address: 10.0.0.11}}, {{address: 10.0.0.12}}, {{address: 10.0.0.13}}]
    - name: web6
      address: "2001:db8:80::80"
      ports: [tcp/80]
      forwarding: full_nat
      source_pool: six
      {service}
      backends: [{{address: "2001:db8:10::11"}}, {{address: "2001:db8:10::12"}}, {{address: "2001:db8:10::13"}}]
    - name: six-to-four
      address: "2001:db8:80::64"
      ports: [tcp/80]
      forwarding: full_nat
      source_pool: four
      {service}
      backends: [{{address: 10.0.0.11}}, {{address: 10.0.0.12}}, {{address: 10.0.0.13}}]
    - name: four-to-six
      address: 203.0.113.46
      ports: [tcp/80]
      forwarding: full_nat
      source_pool: six
      {service}
      backends: [{{address: "2001:db8:10::11"}}, {{address: "2001:db8:10::12"}}, {{address: "2001:db8:10::13"}}]
"""
SERVICES = {f"http://{VIP4}": "192.0.2.10", f"http://[{VIP6}]": "2001:db8:1::10",
            "http://[2001:db8:80::64]": "2001:db8:1::10", "http://203.0.113.46": "192.0.2.10"}

# Of what comes and of what goes, TCP alone: neighbours are found at once.
LOSS = """
table inet loss {
  chain in { type filter hook input priority 0; meta l4proto tcp numgen random mod 10 0 drop; }
  chain out { type filter hook output priority 0; meta l4proto tcp numgen random mod 10 0 drop; }
}"""


class FullNat:
    """What must hold, whether backends are told of the client or not."""

    workers = 1
    service = ""
    listen = ""
    # A server of its own says where a connection comes from.
    server = ""

    @classmethod
    def setUpClass(cls):
        cls.lab = balancer_lab.BalancerLab()
        cls.addClassCleanup(cls.lab.close)
        for number in (1, 2, 3):
            name = f"b{number}"
            # Nothing but the link itself: answers find their way by the source pool alone.
            cls.lab.run(name, "ip", "route", "del", "default")
            cls.lab.run(name, "ip", "-6", "route", "del", "default")
            cls.start_server(number)
        cls.firewall = balancer_lab.Balancer(cls.lab, PROFILE.format(workers=cls.workers, service=cls.service))
        cls.firewall.start()

    @classmethod
    def start_server(cls, number):
        name = f"b{number}"
        pages = cls.lab.folder / name
        pages.mkdir(exist_ok=True)
        (pages / "whoami").write_text(name + "\n")
        (pages / "large").write_bytes(bytes(range(256)) * 16384)
        configuration = cls.lab.folder / f"{name}.conf"
        configuration.write_text(f"""
daemon off; master_process off; pid {cls.lab.folder}/{name}.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {pages}; proxy_temp_path {pages}; fastcgi_temp_path {pages};
  uwsgi_temp_path {pages}; scgi_temp_path {pages};
  server {{
    listen 80 {cls.listen}; listen [::]:80 {cls.listen}; root {pages};
    {cls.server}
    location /client {{ return 200 "$remote_addr\\n"; }}
    location /upload {{ client_max_body_size 64m; proxy_pass http://127.0.0.1:81; }}
  }}
  server {{ listen 127.0.0.1:81; client_max_body_size 64m; location / {{ return 200 "$content_length\\n"; }} }}
}}""")
        cls.lab.start(name, f"{name}.log", "nginx", "-p", str(pages), "-c", str(configuration))
        lab.wait(10, f"{name}'s port 80", lambda: cls.lab.listens(name, 80))

    def test_thousands_of_connections_are_answered(self):
        for url in SERVICES:
            self.assertEqual(set(self.lab.many(f"{url}/whoami", 1000)), {"b1", "b2", "b3"}, url)

    def test_long_downloads_are_whole(self):
        expected = hashlib.sha256(bytes(range(256)) * 16384).hexdigest()
        for url in SERVICES:
            out = self.lab.folder / "download"
            self.lab.curl("--output", str(out), f"{url}/large")
            self.assertEqual(hashlib.sha256(out.read_bytes()).hexdigest(), expected, url)

    def test_uploads_are_whole(self):
        body = self.lab.folder / "body"
        body.write_bytes(bytes(range(256)) * 8192)
        for url in SERVICES:
            answer = self.lab.curl("--header", "Expect:", "--data-binary", f"@{body}", f"{url}/upload").stdout
            self.assertEqual(answer.strip(), str(256 * 8192), url)

    def test_a_kept_connection_stays_with_its_backend(self):
        for url in SERVICES:
            names = self.lab.curl(*[f"{url}/whoami"] * 50).stdout.split()
            self.assertEqual(len(names), 50, url)
            self.assertEqual(len(set(names)), 1, url)

    def clients(self):
        """Who the backend says the client is, by URL."""
        return {url: self.lab.curl(f"{url}/client").stdout.strip() for url in SERVICES}


class Alone(FullNat, lab.TestCase):
    def test_the_backend_sees_a_source_address(self):
        for url, client in self.clients().items():
            self.assertIn(client, ("10.0.0.100", "10.0.0.101", "2001:db8:10::100"), url)

    def test_packets_to_a_source_address_that_are_no_answers_are_dropped(self):
        before = self.dropped()
        self.lab.run("b1", "curl", "--silent", "--max-time", "1", "http://10.0.0.100:8080/", check=False)
        self.assertGreater(self.dropped(), before)

    def dropped(self):
        reasons = self.firewall.get("/v1/load_balancer/drops")
        return next(one["packets"] for one in reasons if one["reason"] == "not_an_answer")


class ByProxyProtocol(FullNat, lab.TestCase):
    service = "client_address: proxy_protocol"
    listen = "proxy_protocol"
    server = "set_real_ip_from 0.0.0.0/0; set_real_ip_from ::/0; real_ip_header proxy_protocol;"

    def test_the_backend_knows_the_client(self):
        self.assertEqual(self.clients(), SERVICES)

    def test_every_tenth_packet_lost_the_client_is_still_known(self):
        for name in ("b1", "b2", "b3"):
            self.lab.run(name, "nft", LOSS)
        try:
            for url, client in SERVICES.items():
                self.assertEqual(self.lab.many(f"{url}/client", 30, parallel=30, seconds=30), [client] * 30, url)
        finally:
            for name in ("b1", "b2", "b3"):
                self.lab.run(name, "nft", "delete table inet loss")


class ByToa(FullNat, lab.TestCase):
    """Without a module that reads the option Linux passes over it."""

    service = "client_address: toa"

    def test_the_option_is_on_the_wire(self):
        capture = self.lab.folder / "toa.pcap"
        watch = self.lab.start("lan", "tcpdump.log", "tcpdump", "-i", "to-lb", "-w", str(capture), "-U",
                               "tcp dst port 80")
        log = self.lab.folder / "tcpdump.log"
        lab.wait(10, "tcpdump to listen", lambda: log.exists() and "listening on" in log.read_text())
        self.lab.curl(f"http://{VIP4}/whoami")
        lab.wait(10, "the option", lambda: bytes([254, 8]) in capture.read_bytes() and
                 bytes([192, 0, 2, 10]) in capture.read_bytes())
        self.lab.end(watch)


class OnTwoWorkers(FullNat, lab.TestCase):
    workers = 2
    service = "client_address: proxy_protocol"
    listen = "proxy_protocol"
    server = "set_real_ip_from 0.0.0.0/0; set_real_ip_from ::/0; real_ip_header proxy_protocol;"

    def test_the_backend_knows_the_client(self):
        self.assertEqual(self.clients(), SERVICES)


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "nft", "tcpdump")
    lab.main()
