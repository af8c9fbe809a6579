# SPDX-License-Identifier: BSD-3-Clause
"""Who had which outside address and port, by what an IPFIX collector (nfdump) and a syslog receiver were told, against
what a server saw. Collectors that die stop no traffic."""

import collections
import json
import re
import socket
import subprocess
import threading

import lab
from lab import SERVER4

IPFIX, SYSLOG, MIRROR = 4739, 5514, 3478
CLIENTS = 30
# RFC 5424 section 6, with one element of structured data.
MESSAGE = re.compile(r'<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) ([!-~]{1,255}) '
                     r'([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) \[([^ =\]"]{1,32})((?: [^ =\]"]{1,32}="(?:[^"\\\]]|'
                     r'\\["\\\]])*")*)\](?: (.*))?')
PARAMETER = re.compile(r' ([^ =]+)="((?:[^"\\\]]|\\["\\\]])*)"')


def profile(log, pool=""):
    text = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text()
    if pool:
        text = re.sub(r"^( +)block: 512.*$", rf"\1{pool}", text, flags=re.M)
    return text + f"""
  log: {{ipfix: true, syslog: {{collector: "127.0.0.1:{SYSLOG}"}}, {log}}}

telemetry:
  ipfix: {{collector: "127.0.0.1:{IPFIX}"}}
"""


class Receiver:
    """What comes to a UDP port: a syslog collector, or with `answer` a server that tells each sender its address."""

    def __init__(self, spaces, namespace, address, port, answer=False):
        self.socket = spaces.socket_in(namespace, socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.settimeout(0.2)
        self.socket.bind((address, port))
        self.answer, self.lines, self.open = answer, [], True
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while self.open:
            try:
                data, sender = self.socket.recvfrom(65536)
            except TimeoutError:
                continue
            self.lines.append(data.decode())
            if self.answer:
                self.socket.sendto(f"{sender[0]} {sender[1]}".encode(), sender)

    def close(self):
        self.open = False
        self.thread.join()
        self.socket.close()


class Message:
    def __init__(self, line):
        match = MESSAGE.fullmatch(line)
        if not match:
            raise lab.Failed(f"not by the grammar of RFC 5424: {line}")
        self.priority, self.program, self.id, self.element = int(match[1]), match[4], match[6], match[7]
        self.values = {name: re.sub(r'\\(["\\\]])', r"\1", value) for name, value in PARAMETER.findall(match[8])}

    def inside(self):
        return self.values["inside"], int(self.values["inside_port"])

    def outside(self):
        return self.values["outside"], int(self.values["outside_port"])


class NatLog(lab.TestCase):
    def setUp(self):
        self.lab = lab.Lab()
        self.addCleanup(self.lab.close)
        self.lab.run("server", "ip", "route", "delete", "default")
        for host in range(20, 20 + CLIENTS):
            self.lab.run("client", "ip", "address", "add", f"192.0.2.{host}/24", "dev", "eth0")
        self.mirror = Receiver(self.lab, "server", SERVER4, MIRROR, answer=True)
        self.addCleanup(self.mirror.close)
        self.syslog = None
        self.flows = self.lab.folder / "nfcapd"
        self.flows.mkdir()
        self.start_collectors()
        self.addCleanup(lambda: self.syslog.close())

    def start_collectors(self):
        self.syslog = Receiver(self.lab, "fw", "127.0.0.1", SYSLOG)
        self.nfcapd = self.lab.start("fw", "nfcapd.log", "nfcapd", "-w", str(self.flows), "-b", "127.0.0.1", "-p",
                                     str(IPFIX), "-t", "3600")
        lab.wait(10, "the collector", lambda: f":{IPFIX} " in self.lab.run(
            "fw", "ss", "--udp", "--listening", "--numeric", "--no-header").stdout)

    def begin(self, text):
        self.text = text
        self.firewall = lab.Nat(self.lab, text)
        self.firewall.start()

    def ask(self, client, port, patience=5):
        """The address and port that the server sees."""
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as question:
            question.bind((client, port))
            question.settimeout(patience)
            question.sendto(b"who am I?", (SERVER4, MIRROR))
            address, seen = question.recv(2048).decode().split()
            return address, int(seen)

    def messages(self, *ids):
        found = [Message(line) for line in list(self.syslog.lines)]
        return [each for each in found if each.id in ids] if ids else found

    def wait_messages(self, count, *ids):
        return lab.wait(10, f"{count} messages of {ids}",
                        lambda: (found := self.messages(*ids)) and len(found) >= count and found)

    def collected(self):
        """nfdump's records, by the name of their event."""
        self.assertEqual(self.lab.end(self.nfcapd), 0)
        text = subprocess.run(["nfdump", "-R", str(self.flows), "-N", "-q", "-o", "json"], capture_output=True, text=True,
                              check=True).stdout
        records = collections.defaultdict(list)
        for record in json.loads(text if text.lstrip().startswith("[") else f"[{text.strip().rstrip(',')}]"):
            records[record["nat_event"]].append(record)
        return records

    def stop(self):
        self.assertEqual(self.lab.end(self.firewall.process, 20), 0)

    def test_sessions_from_their_beginning_to_their_end(self):
        self.begin(profile("events: sessions, destinations: true"))
        seen = {}
        for host in range(20, 20 + CLIENTS):
            for port in (5000, 5001):
                seen[f"192.0.2.{host}", port] = self.ask(f"192.0.2.{host}", port)
        created = self.wait_messages(len(seen), "session-created")
        self.assertEqual({each.inside(): each.outside() for each in created}, seen)
        for each in created:
            self.assertEqual((each.program, each.element, each.priority), ("vnf-nat", "nat@32473", 134))
            self.assertEqual(each.values["protocol"], "udp")
            self.assertEqual((each.values["remote"], each.values["remote_port"]), (SERVER4, str(MIRROR)))
        # The workers' notes, and the sessions, go with the workers.
        for count in (2, 1):
            answer = self.firewall.call("PUT", "/v1/workers", {"count": count})
            self.assertEqual(answer.status, 200, answer)
        self.firewall.call("DELETE", "/v1/sessions?source=192.0.2.20")
        flushed = self.wait_messages(2, "session-deleted")
        self.assertEqual({(each.inside(), each.values["reason"]) for each in flushed},
                         {(("192.0.2.20", port), "flushed") for port in (5000, 5001)})
        self.stop()
        deleted = self.wait_messages(len(seen), "session-deleted")
        self.assertEqual(sorted(each.inside() for each in deleted), sorted(seen), "each once")
        self.assertEqual({each.id for each in self.messages()}, {"session-created", "session-deleted"})
        records = self.collected()
        for event in ("NAT44 session create", "NAT44 session delete"):
            told = {(each["src4_addr"], each["src_port"]): (each["src4_xlt_ip"], int(each["src_xlt_port"]))
                    for each in records[event]}
            self.assertEqual(told, seen)
            self.assertEqual(len(records[event]), len(seen))
            self.assertEqual({(each["dst4_addr"], each["dst_port"]) for each in records[event]}, {(SERVER4, MIRROR)})
        self.assertEqual(len(records), 2)

    def test_blocks_tell_who_had_an_address_and_port(self):
        self.begin(profile("events: blocks"))
        seen = {}
        for host in range(20, 20 + CLIENTS):
            for port in (5000, 5001, 5002):
                seen[self.ask(f"192.0.2.{host}", port)] = f"192.0.2.{host}"
        given = self.wait_messages(CLIENTS, "block-given")
        self.assertEqual(len(self.messages()), CLIENTS, "nothing but blocks")
        for (address, port), client in seen.items():
            holders = [each.values["inside"] for each in given if each.values["outside"] == address
                       and int(each.values["first_port"]) <= port <= int(each.values["last_port"])]
            self.assertEqual(holders, [client])
        self.stop()
        returned = self.wait_messages(CLIENTS, "block-returned")

        def block(message):
            return tuple(message.values[name] for name in ("inside", "outside", "first_port", "last_port"))

        self.assertEqual(sorted(map(block, returned)), sorted(map(block, given)))
        records = self.collected()
        for event in ("Port block allocation", "Port block de-allocation"):
            self.assertEqual(sorted((each["src4_addr"], each["src4_xlt_ip"]) for each in records[event]),
                             sorted(block(each)[:2] for each in given))
        self.assertEqual(len(records), 2)

    def test_without_blocks_mappings_tell(self):
        self.begin(profile("events: blocks", "quarantine: 1s"))
        seen = {(f"192.0.2.{host}", 5000): self.ask(f"192.0.2.{host}", 5000) for host in range(20, 20 + CLIENTS)}
        created = self.wait_messages(CLIENTS, "mapping-created")
        self.assertEqual({each.inside(): each.outside() for each in created}, seen)
        self.stop()
        self.wait_messages(CLIENTS, "mapping-deleted")
        records = self.collected()
        self.assertEqual({name: len(each) for name, each in records.items()},
                         {"NAT44 BIB create": CLIENTS, "NAT44 BIB delete": CLIENTS})

    def test_a_quota_is_told_once_a_second(self):
        self.begin(profile("events: blocks", "ports_per_subscriber: 3"))
        for port in range(5000, 5003):
            self.ask("192.0.2.20", port)
        with self.assertRaises(OSError):
            self.ask("192.0.2.20", 5003, patience=1)
        (told,) = self.wait_messages(1, "quota-exceeded")
        self.assertEqual((told.inside(), told.values["limit"], told.values["pool"], told.values["reason"]),
                         (("192.0.2.20", 5003), "3", "public", "subscriber_ports"))
        self.assertEqual(told.priority, 132)
        self.stop()
        (record,) = self.collected()["Quota Exceeded"]
        self.assertEqual(record["src4_addr"], "192.0.2.20")

    def test_nothing_is_told_when_nobody_asks(self):
        self.begin((lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text())
        self.ask("192.0.2.20", 5000)
        metrics = self.firewall.metrics()
        self.assertEqual(metrics.sum("nat_events_total"), 0)
        self.firewall.apply(profile("events: sessions"))
        self.ask("192.0.2.20", 5001)
        self.assertEqual([each.inside() for each in self.wait_messages(1)], [("192.0.2.20", 5001)])
        self.assertNotIn("remote", self.messages()[0].values, "RFC 6888 REQ-12")

    def test_collectors_that_die_stop_no_traffic(self):
        self.begin(profile("events: sessions"))
        self.ask("192.0.2.20", 5000)
        self.wait_messages(1, "session-created")
        self.nfcapd.kill()
        self.nfcapd.wait()
        self.syslog.close()

        def lost():
            metrics = self.firewall.metrics()
            return all(metrics.sum("nat_records_lost_total", sink=sink) > 0 for sink in ("ipfix", "syslog"))

        # More sessions than the sinks keep records for.
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_DGRAM) as many:
            many.bind(("192.0.2.21", 6000))
            first = 1024
            while not lost():
                for port in range(first, first + 20_000):
                    many.sendto(b"", (SERVER4, port))
                    if port % 200 == 0:
                        self.ask("192.0.2.22", 5000)
                first = 1024 if first > 40_000 else first + 20_000
                self.firewall.call("DELETE", "/v1/sessions?source=192.0.2.21")
        address, port = self.ask("192.0.2.23", 5000)
        metrics = self.firewall.at_rest()
        self.assertEqual(metrics.sum("nat_events_total", what="lost"), 0)
        for sink in ("ipfix", "syslog"):
            parts = [metrics.sum(f"nat_records_{what}", sink=sink) for what in ("written_total", "lost_total", "waiting")]
            self.assertEqual(sum(parts), metrics.sum("nat_events_total", what="noted"), (sink, parts))

        self.start_collectors()
        self.firewall.hang_up(self.text)  # no need to wait for the next try
        lab.wait(30, "all that waited to be sent",
                 lambda: self.firewall.metrics().sum("nat_records_waiting") == 0)
        self.ask("192.0.2.24", 5000)
        lab.wait(10, "a new session", lambda: any(each.inside() == ("192.0.2.24", 5000) for each in
                                                  self.messages("session-created")))
        self.assertIsInstance(port, int, address)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ss", "nfcapd", "nfdump")
    lab.main()
