# SPDX-License-Identifier: BSD-3-Clause
"""The shipped profile of a bump in the wire between a client and a server of one subnet, with and without VLANs."""

import json
import select
import socket
import struct
import subprocess

import lab
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether

SHIPPED = (lab.ROOT / "vnfs/firewall/profiles/transparent.yaml").read_text()
CLIENT4, SERVER4, CLIENT6, SERVER6 = "192.0.2.10", "192.0.2.20", "2001:db8:1::10", "2001:db8:1::20"
# The same addresses and ports in each VLAN, as two tenants may have them. Tags from the outside in.
TENANT_CLIENT, TENANT_SERVER = "198.18.0.1", "198.18.0.2"
TENANTS = {(): {}, (10,): {"vlan": 10}, (20,): {"vlan": 20}, (20, 10): {"outer_vlan": 20, "vlan": 10}}
LLDP = 0x88CC
EVERYTHING = 3  # ETH_P_ALL
PACKET_AUXDATA = 8
SOL_PACKET = 263
VLAN_VALID = 1 << 4


def shipped(other="{pass: [lldp, lacp]}", rules=""):
    text = SHIPPED
    for before, after in (('"0000:00:05.0"', '"net_af_packet_in,iface=veth-in"'),
                          ('"0000:00:06.0"', '"net_af_packet_out,iface=veth-out"'),
                          ("sessions: 250k ", "sessions: 64k "),
                          ("other: {pass: [lldp, lacp]}", f"other: {other}"),
                          ("    - {name: out,", f"{rules}    - {{name: out,")):
        if before not in text:
            raise lab.Failed(f"the shipped profile has no {before}")
        text = text.replace(before, after)
    return text


NO_TELNET = "    - {name: no-telnet, from: inside, to: outside, service: tcp/23, action: reject}\n"


def whole_frame(receiver):
    """The next frame that came in, with the tag that the kernel keeps beside it."""
    while True:
        frame, beside, _, sender = receiver.recvmsg(2000, 100)
        if sender[2] == socket.PACKET_OUTGOING:
            continue
        for level, kind, data in beside:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
                if status & VLAN_VALID:
                    frame = frame[:12] + struct.pack(">HH", tpid, tci) + frame[12:]
        return frame


class Transparent(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab(one_subnet=True)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.start_servers()
        cls.firewall = lab.Firewall(cls.lab, shipped())
        cls.firewall.start()

    def setUp(self):
        self.firewall.apply(shipped(rules=NO_TELNET))
        self.before = self.firewall.metrics()

    def dropped(self):
        now = self.firewall.metrics().drops()
        return {reason: count - self.before.drops()[reason] for reason, count in now.items()
                if count != self.before.drops()[reason]}

    def wait_dropped(self, reasons):
        """A packet is counted just after its answer, or the next one, has left."""
        lab.wait(10, f"drops {reasons}", lambda: self.dropped() == reasons)

    def counted(self, name):
        return self.firewall.metrics().sum(name) - self.before.sum(name)

    def frames(self, namespace, kind=LLDP):
        one = self.opened(namespace, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind), bind=("eth0", kind))
        one.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        return one

    def opened(self, namespace, *arguments, bind=None, device=None):
        one = self.lab.socket_in(namespace, *arguments)
        self.addCleanup(one.close)
        one.settimeout(10)
        if device is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        if bind is not None:
            one.bind(bind)
        return one

    def tenant(self, tags, flags, seq, ack, back=False):
        """A frame of a tenant's connection; the kernels have no part in it."""
        ends = (TENANT_SERVER, TENANT_CLIENT, 80, 40000) if back else (TENANT_CLIENT, TENANT_SERVER, 40000, 80)
        frame = Ether(src="02:00:00:00:00:0" + "21"[back], dst="02:00:00:00:00:0" + "12"[back])
        for tag in tags:
            frame /= Dot1Q(vlan=tag, prio=3)
        tcp = TCP(sport=ends[2], dport=ends[3], flags=flags, seq=seq, ack=ack)
        return bytes(frame / IP(src=ends[0], dst=ends[1]) / tcp / (b"tenant data" if "P" in flags else b""))

    def passes(self, sender, receiver, frame):
        """Whether the frame comes out as it was; a frame that surely passes follows it."""
        marker = frame[:12] + struct.pack(">H", LLDP) + bytes(46)
        sender.send(frame)
        sender.send(marker)
        found = False
        while (got := whole_frame(receiver)) != marker:
            found = found or got == frame
        return found

    def connect(self):
        """A connection through the firewall between the two kernels."""
        listener = self.opened("server", socket.AF_INET, socket.SOCK_STREAM, bind=(SERVER4, 0))
        listener.listen()
        client = self.opened("client", socket.AF_INET, socket.SOCK_STREAM)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        self.addCleanup(server.close)
        server.settimeout(10)
        return client, server

    def say(self, client, server, text):
        client.sendall(text.encode())
        self.assertEqual(server.recv(100), text.encode())
        server.sendall(text.upper().encode())
        self.assertEqual(client.recv(100), text.upper().encode())

    def test_ping_and_arp_with_the_ends_own_macs(self):
        mac = self.lab.run("server", "cat", "/sys/class/net/eth0/address").stdout.strip()
        for address in (SERVER4, SERVER6):
            with self.subTest(address=address):
                self.lab.run("client", "ip", "neigh", "flush", "dev", "eth0")
                self.assertIn(" 0% packet loss", self.lab.ping(address, "-c", "3", "-i", "0.05").stdout)
                self.assertIn(mac, self.lab.run("client", "ip", "neigh", "show", address).stdout)
                self.assertIn("bytes from", self.lab.ping(address, "-t", "1").stdout)  # a wire takes no hop

    def test_rules_hold(self):
        self.assertEqual(self.lab.curl(f"http://{SERVER4}/").stdout, "hello from the server\n")
        self.assertEqual(self.lab.curl(f"http://[{SERVER6}]/").stdout, "hello from the server\n")
        for address in (SERVER4, f"[{SERVER6}]"):
            refused = self.lab.curl(f"telnet://{address}:23/", check=False)
            self.assertEqual(refused.returncode, 7, refused.stderr)  # a reset came
        self.wait_dropped({"rejected_by_rule": 2})
        silent = self.lab.curl("--connect-timeout", "0.5", f"http://{CLIENT4}/", namespace="server", check=False)
        self.assertEqual(silent.returncode, 28, silent.stderr)
        lab.wait(10, "the packet to be dropped", lambda: self.dropped().get("denied_by_default"))

    def test_one_connection_in_each_vlan(self):
        inside, outside = self.frames("client", EVERYTHING), self.frames("server", EVERYTHING)
        # Numbers far apart: what belongs to one connection is out of the window of any other.
        begins = {tags: 1_000_000_000 * number for number, tags in enumerate(TENANTS)}
        for tags, at in begins.items():
            self.assertTrue(self.passes(inside, outside, self.tenant(tags, "S", at, 0)), tags)
        for tags, at in begins.items():
            self.assertTrue(self.passes(outside, inside, self.tenant(tags, "SA", at + 500, at + 1, True)), tags)
        for tags, at in begins.items():
            self.assertTrue(self.passes(inside, outside, self.tenant(tags, "A", at + 1, at + 501)), tags)
        listed = self.firewall.get("/v1/sessions?source=198.18.0.0/15")["sessions"]
        self.assertEqual({session["source"] for session in listed}, {f"{TENANT_CLIENT}:40000"})
        self.assertEqual({session["state"] for session in listed}, {"established"})
        tags = [{key: session[key] for key in ("outer_vlan", "vlan") if key in session} for session in listed]
        self.assertCountEqual(tags, TENANTS.values())
        only = subprocess.run([str(lab.CTL), "--control", str(self.firewall.socket), "--json", "sessions", "--vlan",
                               "10", "--outer-vlan", "20"], capture_output=True, text=True, check=True, timeout=20)
        self.assertEqual([session["outer_vlan"] for session in json.loads(only.stdout)], [20])
        # One is reset; the others of the same numbers go on.
        self.assertTrue(self.passes(outside, inside, self.tenant((10,), "R", begins[10,] + 501, 0, True)))
        for tags, at in begins.items():
            self.assertTrue(self.passes(inside, outside, self.tenant(tags, "PA", at + 1, at + 501)), tags)
            wrong = self.tenant(tags, "PA", at + 2_000_000_000 & 0xFFFFFFFF, at + 501)
            self.assertFalse(self.passes(inside, outside, wrong), tags)
        states = {(session.get("outer_vlan", 0), session.get("vlan", 0)): session["state"]
                  for session in self.firewall.get("/v1/sessions?source=198.18.0.0/15")["sessions"]}
        self.assertEqual(states.pop((0, 10)), "closed")  # which it stays for late segments
        self.assertEqual(set(states.values()), {"established"})
        # A VLAN that has no connection has none.
        self.assertFalse(self.passes(outside, inside, self.tenant((30,), "SA", 1, 1, True)))
        self.assertFalse(self.passes(outside, inside, self.tenant((10, 20), "SA", 1, 1, True)))

    def test_sessions_outlive_a_reload(self):
        client, server = self.connect()
        self.say(client, server, "before")
        self.firewall.apply(shipped(other="drop"))
        self.say(client, server, "after")
        refuses = f"    - {{name: no-more, from: inside, service: tcp/{server.getsockname()[1]}, action: drop}}\n"
        self.firewall.apply(shipped(rules=refuses))
        client.sendall(b"too late")
        lab.wait(10, "the session to end", lambda: self.dropped().get("policy_changed"))
        self.assertEqual(select.select([server], [], [], 0)[0], [])

    def test_lldp_passes_as_the_profile_says(self):
        frame = (bytes.fromhex("0180c200000e") + b"\x02\0\0\0\0\x01" + struct.pack(">H", LLDP)
                 + bytes.fromhex("02070402000000000104030765300602007800004c4c4450")).ljust(60, b"\0")
        other = frame[:12] + struct.pack(">H", 0x88E5) + frame[14:]
        receiver, sender = self.frames("server"), self.frames("client")
        sender.send(other)  # beside the list
        sender.send(frame)
        self.assertEqual(receiver.recv(2000), frame)
        back, _ = self.frames("client"), receiver.send(frame)
        self.assertEqual(back.recv(2000), frame)
        lab.wait(10, "the frames to be counted", lambda: self.counted("passed_unread_packets_total") == 2)
        self.wait_dropped({"unknown_type": 1})

        self.firewall.apply(shipped(other="drop"))
        sender.send(frame)
        lab.wait(10, "the frame to be dropped", lambda: self.dropped().get("unknown_type") == 2)
        self.firewall.apply(shipped(other="pass"))
        marked = frame[:-4] + b"last"
        sender.send(marked)
        self.assertEqual(receiver.recv(2000), marked)  # and not the one before it

    def test_lldp_shows_in_a_trace(self):
        wanted = {"match": {"vlan": 77}, "packets": 1, "timeout_ms": 9000}  # which nobody else uses
        tracing = lab.in_background(lambda: self.firewall.call("POST", "/v1/trace", wanted))
        receiver, sender = self.frames("server", EVERYTHING), self.frames("client")
        frame = (bytes.fromhex("0180c200000e") + b"\x02\0\0\0\0\x01" + struct.pack(">HHH", 0x8100, 77, LLDP)).ljust(
            60, b"\0")

        def traced():
            sender.send(frame)
            while whole_frame(receiver) != frame:
                pass
            return not tracing.running()

        lab.wait(10, "the trace", traced)
        events = tracing().json()["packets"][0]["events"]
        self.assertEqual((events[-1]["stage"], events[-1]["verdict"]), ("egress", "sent"))
        self.assertEqual(events[0]["summary"], "vlan 77 in by lan, unread to wan")

    def test_does_not_become_a_router(self):
        answer = self.firewall.call("PUT", "/v1/profile", lab.QUICKSTART)
        self.assertEqual(answer.status, 409, answer)
        self.assertIn("does not change between routed and transparent forwarding", answer.body.decode())
        self.lab.ping(SERVER4)

    def test_routing_protocols_go_by_the_rules(self):
        every = self.frames("client", EVERYTHING)
        ospf = self.opened("server", socket.AF_INET, socket.SOCK_RAW, 89, device="eth0")
        ospf.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        pim = self.opened("server", socket.AF_INET, socket.SOCK_RAW, 103, device="eth0")
        pim.sendto(b"pim" + bytes(21), ("224.0.0.13", 0))  # no rule has it
        ospf.sendto(b"ospf" + bytes(20), ("224.0.0.5", 0))
        while True:
            packet = every.recv(2000)[14:]
            self.assertNotIn(b"pim", packet)
            if b"ospf" in packet:
                break
        self.assertEqual((packet[8], packet[9], socket.inet_ntoa(packet[16:20])), (1, 89, "224.0.0.5"))
        lab.wait(10, "the other one to be dropped", lambda: self.dropped().get("denied_by_default"))

    def test_zz_every_packet_is_accounted_for(self):
        self.lab.curl(f"http://{SERVER4}/large", "--output", "/dev/null")
        metrics = self.firewall.at_rest()
        came = metrics.sum("received_packets_total") + metrics.sum("originated_packets_total")
        left = sum(metrics.sum(name) for name in ("transmitted_packets_total", "originated_transmitted_packets_total",
                                                  "to_host_packets_total", "dropped_packets_total"))
        self.assertEqual(came, left, metrics.packets())
        self.assertGreater(came, 500)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ping", "curl", "iperf3", "nginx")
    lab.main()
