# SPDX-License-Identifier: BSD-3-Clause
"""Linux nftables with conntrack as the oracle of verdicts.

The same packets go through the firewall and through a Linux router whose nftables rules say the same; what arrives at
the far side must be the same. Rule sets and packets are random, from seeds that a failure names.

Decided to be different:
- A connection whose SYN was not seen is never taken up (tcp.midstream_pickup: false); conntrack would, so
  nf_conntrack_tcp_loose=0.
- A SYN inside an established connection is dropped (RFC 5961 section 4); conntrack lets it through and watches the
  answer. Such packets are `stricter`: the firewall may stop what nftables passes, never the reverse.
- So are segments far behind the window, which conntrack takes for late retransmissions and ignores, and ICMP errors
  about a segment that no window took (RFC 5927 section 4.1), which conntrack does not look into.
- Fragments pass as they came, the first with its verdict and the others after it; conntrack puts datagrams together
  first. So all fragments of a datagram are sent.
"""

import os
import pathlib
import random
import select
import socket
import struct
import sys
import time

import lab
import oracle_packets
import oracle_rules

SETS = int(os.environ.get("ORACLE_SETS", "40"))
CONVERSATIONS = 40
SEED = int(os.environ.get("ORACLE_SEED", "1"))
PATIENCE = 10
DRIVER = os.environ.get("ORACLE_DRIVER", "af_packet")
ETHERNET = {4: b"\x08\x00", 6: b"\x86\xdd"}


class Box:
    """A device under test between two packet sockets, left and right."""

    def __init__(self, name, spaces, devices, macs):
        self.name = name
        self.macs = macs  # its own, left and right
        self.markers = 0
        self.sockets = []
        with lab.inside(spaces.name("ends")):
            for device in devices:
                end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
                end.bind((device, 3))
                end.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
                end.setblocking(False)
                self.sockets.append(end)

    def frame(self, side, ip):
        return self.macs[side] + bytes.fromhex(oracle_rules.MACS[side].replace(":", "")) + ETHERNET[ip[0] >> 4] + ip

    def send(self, side, packets):
        """Sends them and a marker; what came out on the other side before the marker, as a list of keys."""
        self.markers += 1
        for ip in (*packets, oracle_packets.marker(side, self.markers)):
            self.sockets[side].send(self.frame(side, ip))
        return self.receive(1 - side, self.markers)

    def send_all(self, side, sent):
        arrived = set(self.send(side, [packet.data for packet in sent]))
        if any(packet.fragment for packet in sent):
            # Later fragments wait for the first one's verdict, and a marker just behind them does not.
            arrived |= set(self.send(side, []))
        return arrived

    def receive(self, side, number):
        arrived = []
        until = time.monotonic() + PATIENCE
        end = self.sockets[side]
        while True:
            try:
                frame, address = end.recvfrom(4096)
            except BlockingIOError:
                if not select.select([end], [], [], max(0.0, until - time.monotonic()))[0]:
                    raise lab.Failed(f"{self.name}: marker {number} did not arrive on the {'left right'.split()[side]}")
                continue
            if address[2] == socket.PACKET_OUTGOING or frame[12:14] not in ETHERNET.values():
                continue
            ip = frame[14:]
            seen = oracle_packets.marker_number(ip)
            if seen == number:
                return arrived
            if seen is None:
                arrived.append(oracle_packets.key_of(ip))


class Oracle(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spaces = spaces = lab.Namespaces("ends", "fw", "nft")
        cls.addClassCleanup(spaces.close)
        spaces.sysctl("ends", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        spaces.sysctl("fw", "net.ipv6.conf.default.disable_ipv6=1")
        macs = {}
        for namespace, devices in (("fw", ("veth-in", "veth-out")), ("nft", oracle_rules.DEVICES)):
            for side, device in enumerate(devices):
                end = f"{namespace}-{side}"
                spaces.link("ends", end, namespace, device)
                spaces.run(namespace, "ip", "link", "set", device, "up")
                spaces.run("ends", "ip", "link", "set", end, "up")
                link = spaces.run(namespace, "cat", f"/sys/class/net/{device}/address").stdout.strip()
                macs[namespace, side] = bytes.fromhex(link.replace(":", ""))
        cls.prepare_kernel()
        # The interfaces' own devices are made by the firewall and want IPv6.
        spaces.sysctl("fw", "net.ipv6.conf.default.disable_ipv6=0")
        cls.devices = [f"net_{DRIVER}_{name},iface={name}" for name in ("veth-in", "veth-out")]
        cls.firewall = lab.Firewall(spaces, oracle_rules.profile([], cls.devices))
        cls.firewall.start()
        # Packets stay in order only when one CPU sends them. The firewall, started before, may use all.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        cls.boxes = [Box(name, spaces, (f"{name}-0", f"{name}-1"), (macs[name, 0], macs[name, 1]))
                     for name in ("fw", "nft")]
        cls.netlink = None
        with lab.inside(spaces.name("nft")):
            cls.netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
        cls.load(cls, "")
        spaces.sysctl("nft", "net.netfilter.nf_conntrack_tcp_loose=0")

    @classmethod
    def prepare_kernel(cls):
        spaces = cls.spaces
        spaces.sysctl("nft", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0",
                      "net.ipv4.conf.default.rp_filter=0")
        for side, device in enumerate(oracle_rules.DEVICES):
            for family in (4, 6):
                own = f"{oracle_rules.OWN[family][side]}/{oracle_rules.PREFIX[family]}"
                spaces.run("nft", "ip", "address", "add", own, "dev", device, *(("nodad",) if family == 6 else ()))
                gateway = oracle_rules.GATEWAYS[family][side]
                spaces.run("nft", "ip", "neigh", "replace", gateway, "lladdr", oracle_rules.MACS[side], "dev", device,
                           "nud", "permanent")
                spaces.run("nft", "ip", "route", "add", oracle_rules.NETWORKS[family][side], "via", gateway)
        if lab.subprocess.run(["ip", "netns", "exec", spaces.name("nft"), "nft", "-f", "-"], input=oracle_rules.ruleset([]),
                              capture_output=True, text=True, check=False).returncode != 0:
            lab.skip("this kernel has no nftables with conntrack")

    def load(self, text):
        """A rule set into the kernel, all its connections forgotten."""
        done = lab.subprocess.run(["ip", "netns", "exec", self.spaces.name("nft"), "nft", "-f", "-"],
                                  input=text or oracle_rules.ruleset([]), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise lab.Failed(f"nft: {done.stderr}\n{text}")
        # IPCTNL_MSG_CT_DELETE for all families, with NLM_F_REQUEST | NLM_F_ACK.
        self.netlink.send(struct.pack("=IHHII", 20, 1 << 8 | 2, 5, 1, 0) + bytes(4))
        error = struct.unpack_from("=i", self.netlink.recv(4096), 16)[0]
        if error:
            raise lab.Failed(f"the kernel's connections could not be flushed: {os.strerror(-error)}")

    def check(self, seed):
        rng = random.Random(seed)
        universe = oracle_rules.Universe(rng)
        rules = oracle_rules.make_rules(rng, universe)
        profile = oracle_rules.profile(rules, self.devices)
        self.firewall.apply(profile)
        flushed = self.firewall.call("DELETE", "/v1/sessions?all=true")
        self.assertEqual(flushed.status, 200, flushed)
        self.load(oracle_rules.ruleset(rules))
        # DPDK's af_packet has the kernel put IPv4 fragments together before it sees them (PACKET_FANOUT_FLAG_DEFRAG).
        maker = oracle_packets.Maker(rng, universe, fragments4=DRIVER != "af_packet")
        talks = [maker.conversation() for _ in range(CONVERSATIONS)]
        passed = 0
        differences = []
        for number in range(max(len(talk.rounds) for talk in talks)):
            for side in (0, 1):
                sent = [(talk, packet) for talk in talks if number < len(talk.rounds)
                        for packet in talk.rounds[number] if packet.side == side]
                arrived = [box.send_all(side, [packet for _, packet in sent]) for box in self.boxes]
                for talk, packet in sent:
                    verdicts = [packet.key in here for here in arrived]
                    passed += verdicts[1]
                    expected = (False, verdicts[1]) if packet.stricter else (verdicts[1],)
                    self.stricter += packet.stricter and verdicts == [False, True]
                    if verdicts[0] not in expected:
                        differences.append((number, talk, packet, verdicts))
        if differences:
            self.report(seed, differences, profile, rules)
        return sum(len(each) for talk in talks for each in talk.rounds), passed

    def report(self, seed, differences, profile, rules):
        number, talk, packet, verdicts = differences[0]
        words = ["passed" if verdict else "stopped" for verdict in verdicts]
        folder = pathlib.Path(os.environ.get("ORACLE_KEEP", "/tmp"))
        (folder / f"oracle-{seed}.yaml").write_text(profile)
        (folder / f"oracle-{seed}.nft").write_text(oracle_rules.ruleset(rules))
        story = "\n".join(f"  round {n}: {'left' if each.side == 0 else 'right'} {each.what} {each.data[:72].hex()}"
                          for n, these in enumerate(talk.rounds[:number + 1]) for each in these)
        others = "\n".join(f"  {t.name}/ipv{t.family} round {n}: {p.what}: fw={v[0]} nft={v[1]}"
                           for n, t, p, v in differences[1:15])
        self.fail(f"seed {seed}, {talk.name} over IPv{talk.family} {talk.host}: the firewall {words[0]}, nftables {words[1]}:"
                  f" {packet.what}\n{story}\nfurther differences: {len(differences) - 1}\n{others}\n"
                  f"the rules: {folder}/oracle-{seed}.yaml, .nft")

    def test_verdicts(self):
        packets = passed = 0
        self.stricter = 0
        for seed in range(SEED, SEED + SETS):
            with self.subTest(seed=seed):
                sent, through = self.check(seed)
                packets += sent
                passed += through
        print(f"{packets} packets through {SETS} rule sets: {passed} passed nftables, {self.stricter} of them stopped "
              "here on purpose", file=sys.stderr)
        if SETS >= 40:
            self.assertGreater(packets, 5000)
        # Both verdicts must be common, or the comparison says little.
        self.assertGreater(passed, packets / 10)
        self.assertLess(passed, packets * 9 / 10)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "nft", "sysctl")
    lab.main()
