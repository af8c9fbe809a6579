# SPDX-License-Identifier: BSD-3-Clause
"""QUIC by connection id: clients of ngtcp2 migrate to another port in mid-connection and keep their server."""

import pathlib

import balancer_lab
import lab
from balancer_lab import VIP4

PORT = 4433
PROFILE = """\
vnf: load_balancer
name: lb-quic
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
    - name: web
      address: 203.0.113.80
      ports: [udp/4433]
      quic: {config: 1, server_id_bytes: 3}
      backends:
        - {address: 10.0.0.11, server_id: 0000b1}
        - {address: 10.0.0.12, server_id: 0000b2}
        - {address: 10.0.0.13, server_id: 0000b3}
"""
CLIENTS = 8


class Quic(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = place = balancer_lab.BalancerLab()
        cls.addClassCleanup(place.close)
        folder = place.folder
        place.run("client", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                  "-days", "2", "-subj", "/CN=web.example", "-keyout", f"{folder}/key.pem", "-out",
                  f"{folder}/certificate.pem")
        library = lab.BUILD / "tests/peer/libquic_server_ids.so"
        for number in (1, 2, 3):
            pages = folder / f"b{number}"
            pages.mkdir()
            # The client says nothing of whom it asked: the content tells who served it.
            (pages / "page").write_bytes(f"b{number}\n".encode() * 100_000)
            place.start(f"b{number}", f"quic-{number}.log", "env", f"LD_PRELOAD={library}", "QUIC_CONFIG=1",
                        f"QUIC_SERVER_ID=0000b{number}", "gtlsserver", "--quiet", "-d", str(pages),
                        f"10.0.0.{10 + number}", str(PORT), f"{folder}/key.pem", f"{folder}/certificate.pem")
            lab.wait(10, f"server {number}", lambda number=number: f":{PORT} " in place.run(
                f"b{number}", "ss", "--udp", "--listening", "--numeric", "--no-header").stdout)
        cls.firewall = balancer_lab.Balancer(place, PROFILE)
        cls.firewall.start()

    def connections(self):
        """The backend of each client port."""
        found = self.firewall.get("/v1/sessions?limit=1000&protocol=udp")["sessions"]
        return {one["client"].rsplit(":", 1)[1]: one["backend"] for one in found}

    def test_migrating_clients_keep_their_server(self):
        served = set()
        for number in range(CLIENTS):
            before = self.connections()
            out = self.lab.folder / f"download-{number}"
            out.mkdir()
            # The port changes between the handshake and the requests.
            self.lab.run("client", "gtlsclient", "--quiet", "--exit-on-all-streams-close", "--change-local-addr=50ms",
                         "--nstreams=4", "--delay-stream=200ms", f"--download={out}", VIP4, str(PORT),
                         f"https://{VIP4}:{PORT}/page", timeout=30)
            page = (out / "page").read_bytes()
            name = page[:2].decode()
            self.assertEqual(page, f"{name}\n".encode() * 100_000)
            fresh = {port: backend for port, backend in self.connections().items() if port not in before}
            self.assertGreaterEqual(len(fresh), 2, "the client did not migrate")
            self.assertEqual(set(fresh.values()), {f"10.0.0.1{name[1]}:{PORT}"})
            served.add(name)
        self.assertGreaterEqual(len(served), 2)


if __name__ == "__main__":
    lab.need("ip", "openssl", "gtlsclient", "gtlsserver")
    lab.main()
