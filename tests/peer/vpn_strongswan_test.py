# SPDX-License-Identifier: BSD-3-Clause
"""Our gateway, whose charon is told the profile's connections, and Debian's strongSwan as the peer."""

import json
import re
import signal
import subprocess
import sys

import lab
import vpn_lab
import vpn_strongswan
from vpn_lab import GATEWAY_A, GATEWAY_B, HOST_A, HOST_A6, HOST_B, HOST_B6
from vpn_strongswan import Gateway, Peer, peer_connection

NETWORKS = "networks: [{local: 10.1.0.0/16, remote: 10.2.0.0/16}]"
SHARED = f"""
  connections:
    to-b:
      local: {GATEWAY_A}
      remote: {GATEWAY_B}
      authentication: secret
      identity: a.test
      peer: b.test
      secret: psk
      dead_peer_check: 1s
      {NETWORKS}
"""
WITH_CERTIFICATE = f"""
  authorities: {{ours: {{certificate: ca.pem}}}}
  connections:
    to-b:
      remote: {GATEWAY_B}
      authentication: certificate
      identity: a.test
      peer: b.test
      certificate: a.pem
      key: a.key
      authorities: [ours]
      {NETWORKS}
"""
ROADWARRIOR = """
  authorities: {ours: {certificate: ca.pem}}
  users: {alice: {secret: password}}
  pools: {staff: {addresses: 10.9.0.0/24, dns: [10.1.0.5], split: [10.1.0.0/16]}}
  connections:
    staff:
      authentication: METHOD
      identity: a.test
      certificate: a.pem
      key: a.key
      pools: [staff]
      networks: [{local: 10.1.0.0/16}]
"""
PASSWORD = "correct horse"


def certificates(folder):
    """An authority, one below it that signs, and certificates: a.pem with its chain, b, and one that is too old."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

    def signed(name, issuer, extension, *options):
        (folder / "extension").write_text(extension)
        vpn_strongswan.openssl(folder, "req", *curve, "-subj", f"/CN={name}.test", "-keyout", f"{name}.key", "-out",
                               f"{name}.csr")
        vpn_strongswan.openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey",
                               f"{issuer}.key", "-CAcreateserial", "-extfile", "extension", "-out", f"{name}.pem", *options)

    vpn_strongswan.openssl(folder, "req", "-x509", *curve, "-days", "2", "-subj", "/CN=Root", "-keyout", "ca.key",
                           "-out", "ca.pem")
    vpn_strongswan.openssl(folder, "req", "-x509", *curve, "-days", "2", "-subj", "/CN=Stranger", "-keyout",
                           "stranger.key", "-out", "stranger.pem")
    signed("middle", "ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n", "-days", "2")
    signed("a", "middle", "subjectAltName=DNS:a.test\n", "-days", "2")
    signed("b", "ca", "subjectAltName=DNS:b.test\n", "-days", "2")
    (folder / "a.pem").write_text((folder / "a.pem").read_text() + (folder / "middle.pem").read_text())
    signed("lost", "stranger", "subjectAltName=DNS:b.test\n", "-days", "2")
    signed("old", "ca", "subjectAltName=DNS:b.test\n", "-days", "-1")


class VpnStrongswan(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        vpn_strongswan.need()
        lab.need("conntrack", "nft")
        cls.sites = sites = vpn_lab.Sites()
        cls.addClassCleanup(sites.close)
        (sites.folder / "psk").write_text(vpn_strongswan.SECRET + "\n")
        (sites.folder / "password").write_text(PASSWORD + "\n")
        (sites.folder / "page").write_bytes(bytes(range(256)) * 4096)
        certificates(sites.folder)
        vpn_strongswan.as_a_kernel(sites)
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        cls.gateway = Gateway(sites, "vpn-a", "a", SHARED)
        cls.gateway.start()
        cls.gateway.start_charon()
        cls.gateway.wait_charon()
        cls.peer = Peer(sites)
        cls.peer.start()
        for side, address in (("a", HOST_A), ("b", HOST_B)):
            sites.start(side, f"http-{side}.log", "python3", "-m", "http.server", "--directory", str(sites.folder),
                        "--bind", address, "80")
            sites.start(side, f"iperf3-{side}.log", "iperf3", "--server")
            for port in (80, 5201):
                lab.wait(10, f"port {port}", lambda side=side, port=port: f":{port} " in sites.run(
                    side, "ss", "--tcp", "--listening", "--numeric", "--no-header").stdout)
        for name in ("x509", "x509ca", "private"):
            (cls.peer.folder / name).mkdir()
        (cls.peer.folder / "x509ca/ca.pem").write_bytes((sites.folder / "ca.pem").read_bytes())

    @classmethod
    def dump(cls):
        cls.gateway.dump()
        print(f"--- charon\n{(cls.sites.folder / cls.gateway.charon_log).read_text()[-5000:]}\n"
              f"--- peer\n{cls.peer.log()[-5000:]}", file=sys.stderr)

    def setUp(self):
        self.addCleanup(self.all_down)

    def all_down(self):
        self.peer.swanctl("--terminate", "--ike", "gate", "--force", check=False)
        lab.wait(20, "all tunnels to be down", lambda: not self.gateway.associations())

    def pairs(self):
        return [pair for tunnel in self.gateway.get("/v1/vpn/tunnels") for peer in tunnel["peers"] for pair in peer["pairs"]]

    def tunnel(self, name):
        return next(one for one in self.gateway.get("/v1/vpn/tunnels") if one["name"] == name)

    def apply(self, sections):
        self.gateway.apply(self.gateway.profile(sections))

    def up(self):
        self.peer.initiate()
        lab.wait(10, "the tunnel to be told", self.pairs)

    def all_is_sealed(self, count):
        """What the gateway counted, by direction, is at least that."""
        pair = self.pairs()[0]
        self.assertGreaterEqual(pair["in"]["packets"], count)
        self.assertGreaterEqual(pair["out"]["packets"], count)

    def certificate_of_peer(self, name):
        (self.peer.folder / "x509/b.pem").write_bytes((self.sites.folder / f"{name}.pem").read_bytes())
        (self.peer.folder / "private/b.key").write_bytes((self.sites.folder / f"{name}.key").read_bytes())

    def test_hosts_talk_both_ways(self):
        self.apply(SHARED)
        self.peer.load(peer_connection())
        self.up()
        self.sites.ping("a", HOST_B)
        self.sites.ping("b", HOST_A)
        for source, address in (("a", HOST_B), ("b", HOST_A)):
            done = self.sites.run(source, "curl", "--silent", "--fail", "--max-time", "20", f"http://{address}/page",
                                  text=False)
            self.assertEqual(done.stdout, bytes(range(256)) * 4096)
            report = json.loads(self.sites.run(source, "iperf3", "--client", address, "--time", "1", "--json").stdout)
            self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)
        self.all_is_sealed(1000)
        tunnel = self.tunnel("to-b")
        self.assertEqual((tunnel["state"], tunnel["peers"][0]["identity"], tunnel["peers"][0]["pairs"][0]["suite"]),
                         ("up", "b.test", "aes128gcm16"))
        text = subprocess.run([str(lab.CTL), "--control", str(self.gateway.socket), "vpn"], capture_output=True, text=True,
                              timeout=20, check=True).stdout
        self.assertRegex(text, r"to-b +up +b\.test +192\.0\.2\.2 +aes128gcm16")

    def test_ipv6_hosts_behind_gateways_of_ipv4(self):
        self.apply(SHARED.replace("{local: 10.1.0.0/16, remote: 10.2.0.0/16}",
                                  '{local: "2001:db8:a::/48", remote: "2001:db8:b::/48"}'))
        self.sites.sysctl("gwb", "net.ipv6.conf.veth-in.disable_ipv6=0", "net.ipv6.conf.all.forwarding=1")
        self.sites.run("gwb", "ip", "address", "replace", f"{HOST_B6[:-1]}1/48", "dev", "veth-in", "nodad")
        self.peer.load(peer_connection(local_ts="2001:db8:b::/48", remote_ts="2001:db8:a::/48"))
        self.up()
        self.sites.ping("a", HOST_B6)
        self.sites.ping("b", HOST_A6)
        self.all_is_sealed(2)

    def test_certificates_with_a_chain(self):
        self.apply(WITH_CERTIFICATE)
        self.certificate_of_peer("b")
        self.peer.load(peer_connection("auth = pubkey\nid = b.test\ncerts = b.pem", "auth = pubkey\nid = a.test", secrets=""))
        self.up()
        self.sites.ping("b", HOST_A)
        self.all_is_sealed(1)

    def test_a_certificate_that_does_not_do_is_told_in_words(self):
        self.apply(WITH_CERTIFICATE)
        connection = peer_connection("auth = pubkey\nid = b.test\ncerts = b.pem", "auth = pubkey\nid = a.test", secrets="")
        for name, words in (("old", "is not valid now"), ("lost", "no known authority signed")):
            with self.subTest(certificate=name):
                self.certificate_of_peer(name)
                self.peer.load(connection)
                start = len(self.gateway.log())
                self.assertNotEqual(self.peer.initiate(check=False).returncode, 0)
                self.gateway.wait_log("connection to-b: .*" + words, start)
                lab.wait(5, words, lambda words=words: words in self.tunnel("to-b").get("trouble", ""))
        self.assertEqual(self.pairs(), [])

    def test_a_wrong_secret_is_told_in_words(self):
        self.apply(SHARED)
        self.peer.load(peer_connection().replace(vpn_strongswan.SECRET, "something else"))
        start = len(self.gateway.log())
        self.assertNotEqual(self.peer.initiate(check=False).returncode, 0)
        self.gateway.wait_log("connection to-b: 192.0.2.2 did not prove who it is", start)
        self.assertEqual(self.tunnel("to-b")["state"], "down")
        alarm = lab.wait(5, "an alarm", lambda: [one for one in self.gateway.get("/v1/vpn/alarms") if one["tunnel"] == "to-b"])
        self.assertEqual(alarm[0]["alarm"], "authentication_failed")

    def roadwarrior(self, method, local):
        self.apply(ROADWARRIOR.replace("METHOD", method))
        self.peer.load(peer_connection(local, "auth = pubkey\nid = a.test", extra="vips = 0.0.0.0", local_ts="dynamic",
                                       secrets=f"eap-alice {{ id = alice\nsecret = \"{PASSWORD}\" }}"))
        self.peer.initiate()
        address = lab.wait(10, "a virtual address", lambda: re.search(
            r"inet (10\.9\.0\.\d+)", self.sites.run("gwb", "ip", "-4", "address").stdout)).group(1)
        self.sites.run("gwb", "ping", "-n", "-c", "1", "-W", "5", "-I", address, HOST_A)
        self.sites.run("a", "ping", "-n", "-c", "1", "-W", "5", address)
        self.assertEqual(self.tunnel("staff")["peers"][0]["addresses"], [address])

    def test_a_roadwarrior_with_a_password_gets_an_address(self):
        self.roadwarrior("eap-mschapv2", "auth = eap-mschapv2\nid = b.test\neap_id = alice")
        self.assertEqual(self.tunnel("staff")["peers"][0]["identity"], "alice")

    def test_a_roadwarrior_with_eap_tls_gets_an_address(self):
        self.certificate_of_peer("b")
        self.roadwarrior("eap-tls", "auth = eap-tls\nid = b.test\ncerts = b.pem")

    def test_a_wrong_password_is_told_in_words(self):
        self.apply(ROADWARRIOR.replace("METHOD", "eap-mschapv2"))
        self.peer.load(peer_connection("auth = eap-mschapv2\nid = b.test\neap_id = alice", "auth = pubkey\nid = a.test",
                                       extra="vips = 0.0.0.0", local_ts="dynamic",
                                       secrets="eap-alice { id = alice\nsecret = wrong }"))
        start = len(self.gateway.log())
        self.assertNotEqual(self.peer.initiate(check=False).returncode, 0)
        self.gateway.wait_log(f"connection staff: {GATEWAY_B} broke off", start)

    def test_the_first_packet_makes_the_tunnel(self):
        self.peer.load(peer_connection())
        self.apply(SHARED + "      start: traffic\n")
        try:
            lab.wait(10, "an answer", lambda: self.sites.ping("a", HOST_B, check=False).returncode == 0)
        finally:
            self.apply(SHARED)
            self.gateway.swanctl("--terminate", "--ike", "to-b", check=False)

    def test_a_dead_peer_is_found(self):
        self.apply(SHARED)
        self.peer.load(peer_connection())
        self.up()
        self.peer.stop(signal.SIGKILL)
        start = len(self.gateway.log())
        try:
            self.gateway.wait_log(f"connection to-b: {GATEWAY_B} does not answer", start, seconds=90)
            lab.wait(10, "the tunnel to end", lambda: not self.pairs())
        finally:
            self.sites.run("gwb", "ip", "link", "del", "ipsec0", check=False)
            self.peer.start()

    def test_the_peers_address_changes(self):
        """MOBIKE: the peer goes on from another address."""
        self.apply(SHARED.replace(f"      remote: {GATEWAY_B}\n", ""))
        self.peer.load(peer_connection())
        self.up()
        self.sites.ping("b", HOST_A)
        self.sites.sysctl("gwb", "net.ipv4.conf.veth-out.promote_secondaries=1")
        self.sites.run("gwb", "ip", "address", "add", "192.0.2.12/24", "dev", "veth-out")
        self.sites.run("gwb", "ip", "address", "del", f"{GATEWAY_B}/24", "dev", "veth-out")
        try:
            lab.wait(20, "the peer's new address", lambda: self.tunnel("to-b")["peers"] and [
                one for one in self.gateway.associations() if one["remote"] == "192.0.2.12"])
            lab.wait(10, "an answer", lambda: self.sites.ping("b", HOST_A, check=False).returncode == 0)
        finally:
            self.sites.run("gwb", "ip", "address", "add", f"{GATEWAY_B}/24", "dev", "veth-out")
            self.sites.run("gwb", "ip", "address", "del", "192.0.2.12/24", "dev", "veth-out")

    def test_the_profile_adds_and_removes_connections(self):
        self.peer.load(peer_connection())
        self.apply(SHARED)
        self.up()
        self.apply(SHARED.replace("to-b:", "other:"))
        lab.wait(10, "the tunnel to end", lambda: not self.pairs())
        lab.wait(10, "one connection", lambda: re.findall(
            r"^(\S+): IKEv2", self.gateway.swanctl("--list-conns").stdout, re.MULTILINE) == ["other"])
        self.up()
        self.assertEqual(self.tunnel("other")["state"], "up")

    def behind_a_nat(self):
        """The peer gets an address of a network of its own, and what is between translates it."""
        sites = self.sites
        for address, device in ((f"{GATEWAY_B}/24", "veth-out"),):
            sites.run("gwb", "ip", "address", "del", address, "dev", device)
        sites.run("gwb", "ip", "address", "add", "10.77.0.2/24", "dev", "veth-out")
        sites.run("gwb", "ip", "route", "add", "default", "via", "10.77.0.1")
        sites.run("between", "ip", "link", "set", "gwb", "nomaster")
        sites.run("between", "ip", "address", "add", "10.77.0.1/24", "dev", "gwb")
        sites.run("between", "ip", "address", "add", "192.0.2.9/24", "dev", "wire")
        sites.sysctl("between", "net.ipv4.ip_forward=1")

    def without_a_nat(self):
        sites = self.sites
        sites.run("between", "nft", "flush", "ruleset")
        sites.run("between", "ip", "address", "flush", "dev", "wire")
        sites.run("between", "ip", "address", "flush", "dev", "gwb")
        sites.run("between", "ip", "link", "set", "gwb", "master", "wire")
        sites.run("gwb", "ip", "route", "del", "default")
        sites.run("gwb", "ip", "address", "del", "10.77.0.2/24", "dev", "veth-out")
        sites.run("gwb", "ip", "address", "add", f"{GATEWAY_B}/24", "dev", "veth-out")

    def translate_to(self, ports):
        (self.sites.folder / "nat.nft").write_text(f"""
flush ruleset
table ip nat {{
  chain post {{
    type nat hook postrouting priority srcnat
    ip saddr 10.77.0.0/24 udp dport {{ 500, 4500 }} snat to 192.0.2.9:{ports}
  }}
}}
""")
        self.sites.run("between", "nft", "--file", str(self.sites.folder / "nat.nft"))
        self.sites.run("between", "conntrack", "--flush")

    def test_a_peer_behind_a_nat_that_changes_its_mind(self):
        self.apply(SHARED.replace(f"      remote: {GATEWAY_B}\n", ""))
        self.behind_a_nat()
        try:
            self.translate_to("20000-20099")
            self.peer.load(peer_connection())
            self.up()
            self.sites.ping("b", HOST_A)
            self.sites.ping("a", HOST_B)
            self.assertEqual(self.tunnel("to-b")["peers"][0]["remote"], "192.0.2.9")
            before = {one["udp"]["remote_port"] for one in self.gateway.associations()}
            self.translate_to("30000-30099")
            lab.wait(20, "an answer by the new port", lambda: self.sites.ping("b", HOST_A, check=False).returncode == 0)
            after = {one["udp"]["remote_port"] for one in self.gateway.associations()}
            self.assertTrue(all(20000 <= port <= 20099 for port in before), before)
            self.assertTrue(all(30000 <= port <= 30099 for port in after), after)
        finally:
            self.peer.swanctl("--terminate", "--ike", "gate", "--force", check=False)
            self.without_a_nat()


if __name__ == "__main__":
    lab.main("vnfs/vpn/vnf-vpn")
