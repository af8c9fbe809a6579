# SPDX-License-Identifier: BSD-3-Clause
"""What runs full, fails or moves around a running appliance: counted, said once, and over without a restart."""

import os
import re
import signal
import socket
import threading

import lab
from lab import SERVER4, SERVER6

KEEPS_ALL = lab.QUICKSTART.replace("sessions: 64k", "sessions: 1024").replace(
    "service: [tcp/5201, udp/5201]", "service: [tcp/5201, udp/5201, udp/7]")


class Answerer:
    """UDP port 7 of a server: says the same to everybody."""

    def __init__(self, spaces, namespace, address, says):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = spaces.socket_in(namespace, family, socket.SOCK_DGRAM)
        self.socket.bind((address, 7))
        threading.Thread(target=self.serve, args=(says,), daemon=True).start()

    def serve(self, says):
        while True:
            try:
                _, sender = self.socket.recvfrom(2048)
                self.socket.sendto(says, sender)
            except OSError:
                return

    def close(self):
        self.socket.close()


class Recovery(lab.TestCase):
    def start(self, profile, quick_neighbours=False):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.firewall = lab.Firewall(self.lab, profile)
        self.firewall.start()
        if quick_neighbours:
            self.quicken_neighbours()
        self.lab.ping(SERVER4)
        self.lab.ping(SERVER6)

    def answers(self, address=SERVER4, namespace="client"):
        return self.lab.ping(address, "-W", "0.3", check=False, namespace=namespace).returncode == 0

    def echo(self, flow):
        flow.sendto(b"x", (SERVER4, 7))
        try:
            return flow.recv(16) == b"x"
        except TimeoutError:
            return False

    def flow(self, patience):
        flow = self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(flow.close)
        flow.settimeout(patience)
        return flow

    def test_full_session_table(self):
        self.start(KEEPS_ALL)
        self.addCleanup(Answerer(self.lab, "server", SERVER4, b"x").close)
        self.firewall.call("DELETE", "/v1/sessions?protocol=icmp")
        self.firewall.call("DELETE", "/v1/sessions?protocol=icmpv6")
        log = len(self.firewall.log())
        # Flows that were answered are not given up for others.
        flows = [self.flow(2) for _ in range(1024)]
        for flow in flows:
            self.assertTrue(self.echo(flow))
        refused = [self.flow(0.2) for _ in range(5)]
        for flow in refused:
            self.assertFalse(self.echo(flow))
        self.assertGreaterEqual(self.firewall.metrics().drops()["session_table_full"], 5)
        self.assertTrue(self.echo(flows[0]), "an open session suffers")
        self.firewall.wait_log("session_table_full: .*raise dataplane.sessions", log)

        self.firewall.call("DELETE", f"/v1/sessions?protocol=udp&port={flows[0].getsockname()[1]}")
        refused[0].settimeout(2)
        self.assertTrue(self.echo(refused[0]), "there is room again")
        self.firewall.wait_log(r"session_table_full is over: \d+ in", log, seconds=20)
        self.assertEqual(len(re.findall("session_table_full", self.firewall.log()[log:])), 2)

    def quicken_neighbours(self):
        """A second instead of a minute until the kernel doubts what it learns from here on."""
        for family in ("ipv4", "ipv6"):
            for device in ("trust", "untrust"):
                self.lab.sysctl("fw", f"net.{family}.neigh.{device}.base_reachable_time_ms=500",
                                f"net.{family}.neigh.{device}.delay_first_probe_time=1",
                                f"net.{family}.neigh.{device}.retrans_time_ms=100",
                                f"net.{family}.neigh.{device}.locktime=0")

    def test_a_host_gets_another_mac_address_and_says_nothing(self):
        self.start(lab.QUICKSTART, quick_neighbours=True)
        gateways = []
        for gateway in ("198.51.100.1", "2001:db8:2::1"):
            shown = self.lab.run("server", "ip", "neigh", "show", gateway).stdout
            gateways.append((gateway, re.search(r"lladdr (\S+)", shown)[1]))
        self.lab.run("server", "ip", "link", "set", "eth0", "address", "02:00:00:00:77:01")
        # It knows its gateway, so it asks for nothing that would give its new address away.
        for gateway, mac in gateways:
            self.lab.run("server", "ip", "neigh", "replace", gateway, "dev", "eth0", "lladdr", mac, "nud", "permanent")
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                lab.wait(20, "the host to be found at its new address", lambda address=address: self.answers(address))

    def test_a_host_goes_and_comes_back(self):
        self.start(lab.QUICKSTART, quick_neighbours=True)
        log = len(self.firewall.log())
        self.lab.run("server", "ip", "address", "del", "198.51.100.10/24", "dev", "eth0")
        before = self.firewall.metrics().drops()["neighbor_unresolved"]

        def noticed():
            self.answers()
            return self.firewall.metrics().drops()["neighbor_unresolved"] > before

        lab.wait(20, "packets dropped as neighbor_unresolved", noticed)
        self.assertIn("bytes from", self.lab.ping(SERVER6).stdout)
        self.lab.run("server", "ip", "address", "add", "198.51.100.10/24", "dev", "eth0")
        self.lab.run("server", "ip", "route", "replace", "default", "via", "198.51.100.1")
        lab.wait(20, "the host to be found again", self.answers)
        self.assertEqual(self.firewall.log()[log:], "", "that hosts come and go is no news")

    def test_more_route_changes_than_can_be_read(self):
        self.start(lab.QUICKSTART)
        self.lab.run("server", "ip", "address", "add", "198.18.255.1/32", "dev", "lo")
        log = len(self.firewall.log())
        batch = self.lab.folder / "routes"
        # While the appliance stands still its socket must overflow. The last routes are those that were lost.
        os.kill(self.firewall.pid(), signal.SIGSTOP)
        try:
            batch.write_text("".join(f"route add 10.{i // 250}.{i % 250}.0/24 via 198.51.100.10\n" for i in range(40000))
                             + "route add 198.18.255.0/24 via 198.51.100.10\n")
            self.lab.run("fw", "ip", "-batch", str(batch))
        finally:
            os.kill(self.firewall.pid(), signal.SIGCONT)
        lab.wait(20, "the last route to be known", lambda: self.answers("198.18.255.1"))
        self.assertGreaterEqual(self.firewall.metrics().sum("netlink_overruns_total"), 1)
        self.firewall.wait_log("netlink_overruns: ", log)
        # And changes are seen again as they come.
        self.lab.run("fw", "ip", "route", "del", "198.18.255.0/24")
        lab.wait(20, "the removed route to be gone", lambda: not self.answers("198.18.255.1"))
        self.assertIn("bytes from", self.lab.ping(SERVER4).stdout)

    def test_a_deleted_tap_whose_name_is_taken(self):
        self.start(lab.QUICKSTART)
        log = len(self.firewall.log())
        batch = self.lab.folder / "take"
        batch.write_text("link delete dev trust\ntuntap add dev trust mode tap\n")
        # While the appliance stands still, or it might have made the device anew before the name is taken.
        os.kill(self.firewall.pid(), signal.SIGSTOP)
        try:
            self.lab.run("fw", "ip", "-batch", str(batch))
        finally:
            os.kill(self.firewall.pid(), signal.SIGCONT)
        self.firewall.wait_log("create the TAP device trust: a device of that name exists", log)
        lab.wait(10, "the appliance not to be ready",
                 lambda: self.firewall.call("GET", "/v1/health?ready=true").status == 503)
        self.lab.run("fw", "ip", "tuntap", "del", "dev", "trust", "mode", "tap")
        self.firewall.wait_ready()
        lab.wait(10, "the firewall to answer for itself", lambda: self.answers("192.0.2.1"))
        self.assertIn("bytes from", self.lab.ping(SERVER4).stdout)
        self.assertEqual(self.firewall.log()[log:].count("a device of that name exists"), 1)

    def test_interfaces_change_ports(self):
        self.start(lab.QUICKSTART)
        self.firewall.apply(lab.QUICKSTART.replace("trust: {port: inside,", "trust: {port: outside,", 1).replace(
            "untrust: {port: outside,", "untrust: {port: inside,"))
        # What the kernel answers with must be the MAC address of the port that is the interface's now.
        for namespace, own, gateway in (("client", "198.51.100.20/24", "198.51.100.1"),
                                        ("server", "192.0.2.20/24", "192.0.2.1")):
            with self.subTest(namespace=namespace):
                self.lab.run(namespace, "ip", "address", "add", own, "dev", "eth0")
                self.assertIn("bytes from", self.lab.ping(gateway, namespace=namespace).stdout)

    def test_a_port_without_link_from_the_start(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.lab.run("server", "ip", "link", "set", "eth0", "down")
        self.firewall = lab.Firewall(self.lab, lab.QUICKSTART)
        self.firewall.process = self.lab.start("fw", self.firewall.log_name, str(lab.BINARY), "--profile",
                                               str(self.firewall.file), "--control", str(self.firewall.socket))
        self.firewall.wait_log("is ready")
        carrier = lambda device: "NO-CARRIER" not in self.lab.run("fw", "ip", "link", "show", device).stdout
        lab.wait(5, "the twin's device to have no carrier", lambda: not carrier("untrust"))
        self.assertTrue(carrier("trust"))
        self.lab.run("server", "ip", "link", "set", "eth0", "up")
        self.lab.run("server", "ip", "address", "replace", "2001:db8:2::10/64", "dev", "eth0", "nodad")
        self.lab.run("server", "ip", "route", "replace", "default", "via", "198.51.100.1")
        self.firewall.wait_ready()
        # Ready means that the data path uses the link, not only that it is there.
        self.assertIn("port outside is up", self.firewall.log())
        lab.wait(10, "the server", self.answers)
        lab.wait(5, "the carrier", lambda: carrier("untrust"))


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping")
    lab.main()
