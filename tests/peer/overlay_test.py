# SPDX-License-Identifier: BSD-3-Clause
"""Linux's VXLAN devices as the far ends of the firewall's overlays, over an IPv4 and over an IPv6 underlay.

    client: vx4 (10.4.0.10), vx6 (10.6.0.10) -- 192.0.2.0/24, 2001:db8:1::/64 -- [firewall] -- 198.51.100.0/24 -- server

What the client sends inside VXLAN the firewall takes out, judges and routes; the server is on its own VXLAN as well.
"""

import lab

PROFILE = """
vnf: firewall
name: overlays
ports:
  inside:  {device: "net_af_packet_in,iface=veth-in"}
  outside: {device: "net_af_packet_out,iface=veth-out"}
interfaces:
  trust:   {port: inside, address: [192.0.2.1/24, "2001:db8:1::1/64"]}
  untrust: {port: outside, address: [198.51.100.1/24, "2001:db8:2::1/64"]}
  over4:   {port: inside, vxlan: {vni: 7004, local: 192.0.2.1, remote: 192.0.2.10}, address: [10.4.0.1/24, "fd04::1/64"]}
  over6:   {port: inside, vxlan: {vni: 7006, local: "2001:db8:1::1", remote: "2001:db8:1::10"},
            address: [10.6.0.1/24, "fd06::1/64"]}
  far:     {port: outside, vxlan: {vni: 8000, local: 198.51.100.1, peers: [198.51.100.9, 198.51.100.10]},
            address: [10.8.0.1/24, "fd08::1/64"]}
firewall:
  zones: {inside: [trust, over4, over6], internet: [untrust, far]}
  default: drop
  rules:
    - {name: out, from: inside, to: internet, action: accept}
"""


class Overlays(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.vxlan("client", "vx4", 7004, "192.0.2.10", "192.0.2.1", "10.4.0.10/24", "fd04::10/64")
        cls.vxlan("client", "vx6", 7006, "2001:db8:1::10", "2001:db8:1::1", "10.6.0.10/24", "fd06::10/64")
        cls.vxlan("server", "vx", 8000, "198.51.100.10", "198.51.100.1", "10.8.0.10/24", "fd08::10/64")
        for network, gateway in (("10.4.0.0/24", "10.8.0.1"), ("10.6.0.0/24", "10.8.0.1"), ("fd04::/64", "fd08::1"),
                                 ("fd06::/64", "fd08::1")):
            cls.lab.run("server", "ip", "route", "add", network, "via", gateway)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, PROFILE)
        cls.firewall.start()

    @classmethod
    def vxlan(cls, namespace, device, vni, local, remote, *addresses):
        cls.lab.run(namespace, "ip", "link", "add", device, "type", "vxlan", "id", str(vni), "local", local, "remote",
                    remote, "dstport", "4789", "dev", "eth0")
        cls.lab.run(namespace, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        cls.lab.run(namespace, "ip", "link", "set", device, "up")
        for address in addresses:
            cls.lab.run(namespace, "ip", "address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))

    def through(self, device):
        """The client's routes to the server's overlay go by this device."""
        four, six = {"vx4": ("10.4.0.1", "fd04::1"), "vx6": ("10.6.0.1", "fd06::1")}[device]
        self.lab.run("client", "ip", "route", "replace", "10.8.0.0/24", "via", four)
        self.lab.run("client", "ip", "route", "replace", "fd08::/64", "via", six)

    def test_ping_of_the_firewall_inside(self):
        for address in ("10.4.0.1", "fd04::1", "10.6.0.1", "fd06::1"):
            with self.subTest(address=address):
                answer = self.lab.ping(address, "-c", "3", "-i", "0.05").stdout
                self.assertIn(" 0% packet loss", answer)
                self.assertNotIn("DUP", answer)

    def test_ping_curl_and_iperf_through_it(self):
        for device in ("vx4", "vx6"):
            self.through(device)
            for address in ("10.8.0.10", "fd08::10"):
                with self.subTest(device=device, address=address):
                    self.assertIn(" 0% packet loss", self.lab.ping(address, "-c", "3", "-i", "0.05").stdout)
                    host = f"[{address}]" if ":" in address else address
                    large = self.lab.run("client", "curl", "--silent", f"http://{host}/large", text=False).stdout
                    self.assertEqual(large, bytes(range(256)) * 8192)
                    report = self.lab.iperf(address, seconds=1)
                    self.assertGreater(report["end"]["sum_received"]["bytes"], 1_000_000)


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "iperf3", "ping", "ethtool")
    lab.main()
