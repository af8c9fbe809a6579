# SPDX-License-Identifier: BSD-3-Clause
"""Tunnels with keys of the profile between two gateways: real hosts behind them, and scapy and tshark reading what is on
the wire between them with the same keys."""

import json
import re
import subprocess

import lab
import vpn_lab
from vpn_lab import GATEWAY_A, GATEWAY_A6, GATEWAY_B, GATEWAY_B6, HOST_A, HOST_A6, HOST_B, HOST_B6

SPI_TO_A, SPI_TO_B = 0x1000A, 0x2000B
# Bytes: the cipher's key with its salt, the hash's key.
SUITES = {
    "aes128gcm16": (20, 0), "aes256gcm16": (36, 0), "chacha20poly1305": (36, 0), "aes128-sha256": (16, 32),
    "aes256-sha512": (32, 64), "aes256ctr-sha384": (36, 48), "aes192-sha1": (24, 20),
}


def key(count, first):
    return bytes((first + 7 * i) % 256 for i in range(count))


class VpnTunnel(lab.TestCase):
    captures = 0

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.sites = sites = vpn_lab.Sites()
        cls.addClassCleanup(sites.close)
        cls.keys(sites, "aes128gcm16")
        cls.gateways = {side: vpn_lab.Vpn(sites, cls.profile(side, "aes128gcm16"), f"gw{side}", f"vpn-{side}")
                        for side in "ab"}
        cls.firewall = cls.gateways["a"]
        for gateway in cls.gateways.values():
            gateway.launch()
        for gateway in cls.gateways.values():
            gateway.wait_ready()
        (sites.folder / "page").write_bytes(bytes(range(256)) * 4096)
        sites.start("b", "http.log", "python3", "-m", "http.server", "--directory", str(sites.folder), "--bind", HOST_B, "80")
        sites.start("b", "iperf3.log", "iperf3", "--server")
        for port in (80, 5201):
            lab.wait(10, f"port {port}", lambda port=port: f":{port} " in sites.run(
                "b", "ss", "--tcp", "--listening", "--numeric", "--no-header").stdout)

    @staticmethod
    def keys(sites, suite):
        cipher, integrity = SUITES[suite]
        for name, first in (("to-a", 1), ("to-b", 101)):
            (sites.folder / f"{name}.key").write_text(key(cipher, first).hex() + "\n")
            (sites.folder / f"{name}.hash").write_text(key(integrity, first + 50).hex() + "\n")

    @staticmethod
    def profile(side, suite, extra="", outer6=False):
        here, there = ("a", "b") if side == "a" else ("b", "a")
        outside = {"a": (GATEWAY_A, GATEWAY_A6), "b": (GATEWAY_B, GATEWAY_B6)}
        network, local6 = {"a": ("10.1", "2001:db8:a"), "b": ("10.2", "2001:db8:b")}[here]
        far, remote6 = {"a": ("10.1", "2001:db8:a"), "b": ("10.2", "2001:db8:b")}[there]
        hashed = SUITES[suite][1] != 0

        def keys(to):
            spi = SPI_TO_A if to == "a" else SPI_TO_B
            return (f"{{spi: {spi}, suite: {suite}, key: to-{to}.key"
                    + (f", integrity_key: to-{to}.hash}}" if hashed else "}"))

        return vpn_lab.profile(
            f"vpn-{here}", (f"{network}.0.1/16", f"{local6}::1/48"),
            (f"{outside[here][0]}/24", f"{outside[here][1]}/64"), f"""
vpn:
  tunnels:
    between:
      local: "{outside[here][outer6]}"
      remote: "{outside[there][outer6]}"
      networks:
        - {{local: {network}.0.0/16, remote: {far}.0.0/16}}
        - {{local: "{local6}::/48", remote: "{remote6}::/48"}}
{extra}
      in: {keys(here)}
      out: {keys(there)}
""")

    def use(self, suite="aes128gcm16", extra="", outer6=False):
        self.keys(self.sites, suite)
        for side, gateway in self.gateways.items():
            gateway.hang_up(self.profile(side, suite, extra, outer6))
        for gateway in self.gateways.values():
            lab.wait(10, "the profile in force", lambda gateway=gateway: all(
                one["suite"] == suite and one["remote"].startswith("2001") == outer6
                and ("udp" in one) == ("nat_traversal" in extra) and
                one["extended_sequence_numbers"] == ("extended_sequence_numbers: false" not in extra)
                for one in gateway.get("/v1/vpn/associations")))

    def captured(self, work):
        """The file of the first two frames of ESP between the gateways while `work` is done."""
        type(self).captures += 1
        file = self.sites.folder / f"between-{self.captures}.pcap"
        log = self.sites.folder / f"tcpdump-{self.captures}.log"
        capture = self.sites.start("between", log.name, "tcpdump", "-i", "gwa", "-c", "2", "-w", str(file),
                                   "esp or udp port 4500")
        lab.wait(10, "tcpdump to listen", lambda: "listening on" in log.read_text())
        work()
        capture.wait(10)
        return file

    def both_ways(self):
        for size in ("0", "56", "1300"):
            self.sites.ping("a", HOST_B, "-s", size)
            self.sites.ping("b", HOST_A, "-s", size)
            self.sites.ping("a", HOST_B6, "-s", size)

    def test_pings_pages_and_a_stream_go_both_ways(self):
        self.use()
        self.both_ways()
        page = subprocess.run(["ip", "netns", "exec", self.sites.name("a"), "curl", "--silent", "--show-error", "--max-time",
                               "20", f"http://{HOST_B}/page"], capture_output=True, check=True, timeout=30).stdout
        self.assertEqual(page, bytes(range(256)) * 4096)
        for arguments in ((), ("--reverse",)):
            done = self.sites.run("a", "iperf3", "--client", HOST_B, "--json", "--bytes", "4M", *arguments)
            self.assertEqual(json.loads(done.stdout)["end"]["sum_sent"]["bytes"] >= 4_000_000, True)

    def test_scapy_reads_what_is_between(self):
        """Plain ESP and ESP in UDP, with and without extended numbers, of every kind of suite."""
        from scapy.all import IP, rdpcap
        from scapy.layers.ipsec import SecurityAssociation, ESP
        names = {"aes128gcm16": ("AES-GCM", None), "aes256gcm16": ("AES-GCM", None),
                 "aes128-sha256": ("AES-CBC", "SHA2-256-128"), "aes192-sha1": ("AES-CBC", "HMAC-SHA1-96"),
                 "aes256-sha512": ("AES-CBC", "SHA2-512-256"), "aes256ctr-sha384": ("AES-CTR", "SHA2-384-192")}
        for suite, (cipher, integrity) in names.items():
            # With a hash of its own scapy leaves the upper half of extended numbers out, against RFC 4303 section 2.2.1.
            for esn in (False, True) if integrity is None else (False,):
                with self.subTest(suite=suite, esn=esn):
                    self.use(suite, "" if esn else "      extended_sequence_numbers: false")
                    file = self.captured(lambda: self.sites.ping("a", HOST_B, "-s", "333"))
                    seen = [packet for packet in rdpcap(str(file)) if packet.haslayer(ESP)]
                    self.assertEqual(len(seen), 2)
                    opened = []
                    for packet in seen:
                        to = "a" if packet[IP].dst == GATEWAY_A else "b"
                        first = 1 if to == "a" else 101
                        association = SecurityAssociation(
                            ESP, spi=SPI_TO_A if to == "a" else SPI_TO_B, crypt_algo=cipher,
                            crypt_key=key(SUITES[suite][0], first), auth_algo=integrity,
                            auth_key=key(SUITES[suite][1], first + 50) if integrity else None,
                            esn_en=esn, esn=0, tunnel_header=IP(src=packet[IP].src, dst=packet[IP].dst))
                        inner = association.decrypt(packet[IP])
                        opened.append((inner[IP].src, inner[IP].dst, len(inner)))
                    self.assertEqual(opened, [(HOST_A, HOST_B, 361), (HOST_B, HOST_A, 361)])

    def test_tshark_reads_what_is_in_udp(self):
        self.use("aes128gcm16", "      nat_traversal: {}\n      extended_sequence_numbers: false")
        file = self.captured(lambda: self.sites.ping("a", HOST_B, "-s", "222"))
        arguments = []
        for to, source, destination, spi, first in (("b", GATEWAY_A, GATEWAY_B, SPI_TO_B, 101), ("a", GATEWAY_B, GATEWAY_A, SPI_TO_A, 1)):
            arguments += ["-o", f'uat:esp_sa:"IPv4","{source}","{destination}","0x{spi:08x}",'
                          f'"AES-GCM with 16 octet ICV [RFC4106]","0x{key(20, first).hex()}","NULL",""']
        text = subprocess.run(
            ["tshark", "-r", str(file), "-o", "esp.enable_encryption_decode:TRUE", *arguments, "-Y", "icmp", "-T", "fields", "-e",
             "ip.src", "-e", "ip.dst", "-e", "icmp.type", "-e", "udp.dstport"], capture_output=True, text=True, check=True, timeout=60).stdout
        self.assertEqual([line.split() for line in text.splitlines()], [
            [f"{GATEWAY_A},{HOST_A}", f"{GATEWAY_B},{HOST_B}", "8", "4500"],
            [f"{GATEWAY_B},{HOST_B}", f"{GATEWAY_A},{HOST_A}", "0", "4500"]], text)

    def test_scapy_is_understood(self):
        """What somebody else sealed is opened; what he changed is not."""
        from scapy.all import ICMP, IP, Ether, Raw
        from scapy.layers.ipsec import SecurityAssociation, ESP
        import socket
        self.use("aes128-sha256", "      extended_sequence_numbers: false")
        association = SecurityAssociation(
            ESP, spi=SPI_TO_B, crypt_algo="AES-CBC", crypt_key=key(16, 101), auth_algo="SHA2-256-128",
            auth_key=key(32, 151), tunnel_header=IP(src=GATEWAY_A, dst=GATEWAY_B, id=7))
        gateway = self.gateways["b"]
        mac = self.sites.run("gwb", "cat", "/sys/class/net/veth-out/address").stdout.strip()
        inner = IP(src=HOST_A, dst=HOST_B, ttl=9) / ICMP(id=77, seq=3) / Raw(b"from scapy" * 9)
        sealed = bytes(association.encrypt(inner, seq_num=5000))
        before = gateway.metrics().drops()
        with self.sites.socket_in("between", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire, \
                self.sites.socket_in("b", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as host:
            wire.bind(("gwb", 0))
            host.settimeout(5)
            frame = bytes(Ether(dst=mac, src="02:00:00:00:00:09")) [:12] + b"\x08\x00" + sealed
            for sent in (frame[:-1] + bytes([frame[-1] ^ 1]), frame, frame):
                wire.send(sent)
            got = host.recv(2048)
        self.assertEqual(IP(got)[ICMP].seq, 3)
        self.assertEqual(IP(got).ttl, 8)
        after = lab.wait(5, "three verdicts", lambda: (
            drops := gateway.metrics().drops()) and drops["replayed"] > before["replayed"] and drops)
        self.assertEqual(after["forged"] - before["forged"], 1)
        self.assertEqual(after["replayed"] - before["replayed"], 1)

    def test_an_outer_family_of_its_own(self):
        self.use("chacha20poly1305", outer6=True)
        self.both_ways()

    def test_hosts_hear_what_the_tunnel_carries(self):
        self.use()
        ping = self.sites.ping("a", HOST_B, "-M", "do", "-s", "1472", check=False).stdout
        told = re.search(r"Frag needed and DF set \(mtu = (\d+)\)", ping)
        self.assertTrue(told, ping)
        # 1500 less the outer header, ESP's own, the IV, the tag; of what is left the text has whole words.
        self.assertEqual(int(told[1]), (1500 - 20 - 8 - 8 - 16) // 4 * 4 - 2)
        self.sites.ping("a", HOST_B, "-M", "do", "-s", str(int(told[1]) - 28))
        # Without DF it is cut behind the gateway, and put together again before the other.
        self.assertIn(" 0% packet loss", self.sites.ping("a", HOST_B, "-M", "dont", "-s", "1472", check=False).stdout)

    def test_clear_text_does_not_come_in(self):
        self.use()
        gateway = self.gateways["b"]
        before = gateway.metrics().drops()["clear_text"]
        self.sites.run("between", "ip", "address", "add", "192.0.2.9/24", "dev", "wire")
        self.sites.run("between", "ip", "address", "add", "10.1.0.9/32", "dev", "wire")
        self.sites.run("between", "ip", "route", "add", "10.2.0.0/16", "via", GATEWAY_B, "src", "10.1.0.9")
        try:
            self.sites.ping("between", HOST_B, "-W", "1", check=False)
            lab.wait(5, "the drop", lambda: gateway.metrics().drops()["clear_text"] > before)
        finally:
            self.sites.run("between", "ip", "address", "flush", "dev", "wire")

    def test_the_gateway_says_what_it_would_do(self):
        self.use()
        answer = self.gateways["a"].call("POST", "/v1/explain", {"source": HOST_A, "destination": HOST_B, "protocol": "tcp",
                                                                "destination_port": 80}).json()
        self.assertEqual(answer["verdict"]["action"], "protect", answer)
        self.assertEqual(answer["association"]["spi"], f"0x{SPI_TO_B:08x}")


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "ss", "tcpdump", "tshark", "python3")
    lab.main()
