# SPDX-License-Identifier: BSD-3-Clause
"""A client, a firewall and a server in network namespaces of their own, joined by veth pairs, and the firewall's API.

    client (192.0.2.10, 2001:db8:1::10) -- veth-in [firewall] veth-out -- (198.51.100.10, 2001:db8:2::10) server

Names start with mrPID-, so that several labs can stand side by side; close() ends what was started and removes them.
Everything that waits, waits for an event and fails when it does not come.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUICKSTART = (ROOT / "vnfs/firewall/profiles/quickstart.yaml").read_text()
SKIPPED = 77
CLIENT4, CLIENT6, SERVER4, SERVER6 = "192.0.2.10", "2001:db8:1::10", "198.51.100.10", "2001:db8:2::10"
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)
_labs = 0


class Failed(AssertionError):
    pass


def skip(reason):
    """The whole program, which ctest then shows as skipped."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def need(*programs):
    if os.geteuid() != 0:
        skip("network namespaces and TAP devices need root")
    missing = [each for each in programs if shutil.which(each) is None]
    if missing:
        skip(f"not installed: {', '.join(missing)}")
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode != 0:
        skip("network namespaces cannot be made here")


def wait(seconds, what, probe):
    """probe's first true answer; fails after so many seconds without one."""
    until = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() >= until:
            raise Failed(f"waited {seconds} s in vain for {what}")
        select.select([], [], [], 0.02)


@contextlib.contextmanager
def inside(namespace):
    """This thread in a namespace; sockets opened here stay there."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _setns(there)
        try:
            yield
        finally:
            _setns(home)


def _setns(file):
    if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("vnf", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Waits for a place in a full backlog; a socket with Python's own timeout would get EAGAIN at once.
        seconds = struct.pack("@ll", self.timeout, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, seconds)
        self.sock.connect(str(self.path))
        self.sock.settimeout(self.timeout)


class Answer:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


class Namespaces:
    """Namespaces, the processes in them and a folder, all gone after close()."""

    def __init__(self, *names):
        global _labs
        _labs += 1
        self.prefix = f"mr{os.getpid()}" + (f"x{_labs}" if _labs > 1 else "")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-peer."))
        self.folder.chmod(0o755)
        self.processes = []
        self.names = []
        for name in names:
            self.add(name)

    def add(self, name):
        full = self.name(name)
        subprocess.run(["ip", "netns", "add", full], check=True)
        self.names.append(full)
        # No duplicate address detection: addresses are there at once.
        self.sysctl(name, "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        self.run(name, "ip", "link", "set", "lo", "up")

    def name(self, short):
        return f"{self.prefix}-{short}"

    def run(self, namespace, *command, check=True, timeout=60, text=True):
        done = subprocess.run(["ip", "netns", "exec", self.name(namespace), *command], capture_output=True, text=text,
                              timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, namespace, log, *command):
        """Runs in the background; close() ends it."""
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(["ip", "netns", "exec", self.name(namespace), *command], stdout=out,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def sysctl(self, namespace, *settings):
        self.run(namespace, "sysctl", "-qw", *settings)

    def link(self, namespace, device, peer_namespace, peer):
        """A veth pair. Checksums and segments are whole before they leave: the data path takes frames as they are."""
        subprocess.run(["ip", "link", "add", device, "netns", self.name(namespace), "type", "veth", "peer", "name",
                        peer, "netns", self.name(peer_namespace)], check=True)
        for where, what in ((namespace, device), (peer_namespace, peer)):
            self.run(where, "ethtool", "-K", what, "tx", "off", "tso", "off", "gso", "off", "gro", "off")

    def socket_in(self, namespace, *arguments):
        with inside(self.name(namespace)):
            return socket.socket(*arguments)

    def end(self, process, patience=10):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def close(self):
        for process in reversed(self.processes):
            self.end(process)
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class Appliance:
    """A shipped binary with a profile, in a namespace, and its control socket."""

    kind = "firewall"

    def __init__(self, spaces, profile, namespace="fw", name=None):
        name = name or self.kind
        self.spaces = spaces
        self.namespace = namespace
        self.log_name = f"{name}.log"
        self.file = spaces.folder / f"{name}.yaml"
        self.socket = spaces.folder / f"{name}.sock"
        self.file.write_text(profile)
        self.process = None

    @classmethod
    def binary(cls):
        return BUILD / f"vnfs/{cls.kind}/vnf-{cls.kind}"

    def launch(self):
        """Without waiting: ports such as memif's have no link before their peer comes."""
        self.process = self.spaces.start(self.namespace, self.log_name, str(self.binary()), "--profile", str(self.file),
                                         "--control", str(self.socket))

    def start(self, patience=30):
        self.launch()
        self.wait_ready(patience)

    def wait_ready(self, patience=30):
        def ready():
            if self.process.poll() is not None:
                raise Failed(f"the {self.kind} ended with status {self.process.returncode}:\n{self.log()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self.call("GET", "/v1/health?ready=true").status == 200
            return False

        wait(patience, f"the {self.kind} to be ready", ready)

    def pid(self):
        """Of the appliance itself: `ip netns exec` becomes the program it runs."""
        return self.process.pid

    def log(self):
        path = self.spaces.folder / self.log_name
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, pattern, start=0, seconds=10):
        return wait(seconds, f"'{pattern}' in the {self.kind}'s log", lambda: re.search(pattern, self.log()[start:]))

    def call(self, method, path, body=None, timeout=30):
        connection = UnixConnection(self.socket, timeout)
        try:
            headers = {}
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body.encode() if isinstance(body, str) else body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def get(self, path):
        answer = self.call("GET", path)
        if answer.status != 200:
            raise Failed(f"GET {path}: {answer}")
        return answer.json()

    def apply(self, profile):
        answer = self.call("PUT", "/v1/profile", profile)
        if answer.status != 200:
            raise Failed(f"PUT /v1/profile: {answer}\n{profile}")
        return answer.json()

    def hang_up(self, profile):
        """Reload by signal: the file changes, SIGHUP follows."""
        self.file.write_text(profile)
        os.kill(self.pid(), signal.SIGHUP)

    def metrics(self):
        return Metrics(self.call("GET", "/v1/metrics").body.decode())

    def at_rest(self, seconds=10):
        """Metrics of which no packet counter moves between two looks, and nothing waits."""
        before = [None]

        def still():
            now = self.metrics()
            same = before[0] is not None and now.packets() == before[0]
            before[0] = now.packets()
            return now if same and now.sum("neighbor_waiting_packets") == 0 else None

        return wait(seconds, "the packet counters to rest", still)

    def dump(self, out=sys.stderr):
        """What is known when a test failed: the log, the drops, the sessions and a trace of what is going on."""
        print(f"--- the {self.kind}'s log\n{self.log()[-6000:]}", file=out)
        if self.process is None or self.process.poll() is not None:
            print(f"--- the {self.kind} is not running: {self.process and self.process.returncode}", file=out)
            return
        with contextlib.suppress(OSError, http.client.HTTPException, Failed):
            drops = {reason: count for reason, count in self.metrics().drops().items() if count}
            print(f"--- dropped\n{json.dumps(drops, indent=1)}", file=out)
            print(f"--- sessions\n{self.call('GET', '/v1/sessions?limit=20').body.decode()[:3000]}", file=out)
            trace = self.call("POST", "/v1/trace", {"packets": 5, "timeout_ms": 1500})
            print(f"--- trace of the next packets\n{trace.body.decode(errors='replace')[:3000]}", file=out)


class Firewall(Appliance):
    pass


class Nat(Appliance):
    kind = "nat"


class Metrics:
    """Samples of the Prometheus text, by name without the prefix and by label set."""

    SAMPLE = re.compile(r"^millrace_(\w+)\{(.*)\} (\S+)$")
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.samples = {}
        for line in text.splitlines():
            if found := self.SAMPLE.match(line):
                labels = {name: value for name, value in self.LABEL.findall(found[2]) if name not in ("vnf", "name")}
                self.samples.setdefault(found[1], []).append((labels, float(found[3])))

    def sum(self, name, **labels):
        if name not in self.samples:
            raise Failed(f"no metric millrace_{name}")
        return sum(value for have, value in self.samples[name] if labels.items() <= have.items())

    def drops(self):
        return {labels["reason"]: int(value) for labels, value in self.samples["dropped_packets_total"]}

    def packets(self):
        return {name: self.sum(name) for name in sorted(self.samples)
                if name.endswith("_packets_total") and not name.startswith("stage_")}


class Lab(Namespaces):
    """The client, firewall and server of the picture above."""

    def __init__(self, one_subnet=False):
        super().__init__("client", "fw", "server")
        for namespace, device in (("client", "veth-in"), ("server", "veth-out")):
            self.link(namespace, "eth0", "fw", device)
            # The kernel sees the port's frames too: it is neither to answer ARP there nor to take its packets.
            self.sysctl("fw", f"net.ipv6.conf.{device}.disable_ipv6=1", f"net.ipv4.conf.{device}.arp_ignore=8",
                        f"net.ipv4.conf.{device}.rp_filter=1")
            self.run("fw", "ip", "link", "set", device, "up")
            self.run(namespace, "ip", "link", "set", "eth0", "up")
        if one_subnet:
            self.address("client", "192.0.2.10/24", "2001:db8:1::10/64")
            self.address("server", "192.0.2.20/24", "2001:db8:1::20/64")
            return
        self.address("client", "192.0.2.10/24", "2001:db8:1::10/64", ("192.0.2.1", "2001:db8:1::1"))
        self.address("server", "198.51.100.10/24", "2001:db8:2::10/64", ("198.51.100.1", "2001:db8:2::1"))

    def address(self, namespace, ipv4, ipv6, gateways=()):
        self.run(namespace, "ip", "address", "add", ipv4, "dev", "eth0")
        self.run(namespace, "ip", "address", "add", ipv6, "dev", "eth0", "nodad")
        for gateway in gateways:
            self.run(namespace, "ip", "route", "add", "default", "via", gateway)

    def start_servers(self):
        """nginx on ports 80 and 8080 of both families, iperf3 on 5201."""
        pages = self.folder / "www"
        pages.mkdir()
        (pages / "index.html").write_text("hello from the server\n")
        (pages / "large").write_bytes(bytes(range(256)) * 8192)
        (self.folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {self.folder}/nginx.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {self.folder}; proxy_temp_path {self.folder}; fastcgi_temp_path {self.folder};
  uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
  server {{ listen 80; listen [::]:80; listen 8080; listen [::]:8080; root {pages}; }}
}}""")
        self.start("server", "nginx.log", "nginx", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"))
        self.start("server", "iperf3.log", "iperf3", "--server")
        for port in (80, 5201):
            wait(10, f"the server's port {port}", lambda port=port: self.listens("server", port))

    def listens(self, namespace, port):
        return f":{port} " in self.run(namespace, "ss", "--tcp", "--listening", "--numeric", "--no-header").stdout

    def curl(self, *arguments, namespace="client", check=True, timeout=30):
        return self.run(namespace, "curl", "--silent", "--show-error", "--max-time", "10", *arguments, check=check,
                        timeout=timeout)

    def ping(self, address, *arguments, namespace="client", check=True):
        return self.run(namespace, "ping", "-n", "-c", "1", "-W", "5", *arguments, address, check=check)

    def iperf(self, address, *arguments, seconds=2):
        """The report of a finished run."""
        done = self.run("client", "iperf3", "--client", address, "--json", "--time", str(seconds), *arguments,
                        check=False, timeout=seconds + 40)
        report = json.loads(done.stdout)
        if done.returncode != 0 or "error" in report:
            raise Failed(f"iperf3 {address} {arguments}: {report.get('error')}\n{done.stderr}")
        return report

    def start_iperf(self, address, *arguments, seconds):
        """A thread's future of such a report: call what is returned."""
        return in_background(lambda: self.iperf(address, *arguments, seconds=seconds))


def in_background(work):
    """Starts it in a thread; the function returned waits for its answer or raises what it raised."""
    result = {}

    def run():
        try:
            result["value"] = work()
        except BaseException as error:  # handed to the one who waits
            result["error"] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join(timeout=120):
        thread.join(timeout)
        if thread.is_alive():
            raise Failed("the background work did not end")
        if "error" in result:
            raise result["error"]
        return result["value"]

    join.running = thread.is_alive
    return join


class TestCase(unittest.TestCase):
    """Shows the firewall's log, drops, sessions and a trace when a test failed."""

    firewall = None

    def run(self, result=None):
        self._result = result
        self._wrong_before = self._wrong()
        return super().run(result)

    def _wrong(self):
        return len(self._result.failures) + len(self._result.errors)

    def _callTestMethod(self, method):
        self.addCleanup(self._dump_if_failed)  # the last one added is the first to run: everything still stands
        super()._callTestMethod(method)

    def _dump_if_failed(self):
        if self.firewall is not None and (self._wrong() != self._wrong_before or not self._outcome.success):
            print(f"=== {self.id()} failed", file=sys.stderr)
            self.firewall.dump()


BUILD = BINARY = CTL = None


def main(needs="vnfs/firewall/vnf-firewall"):
    """`test.py BUILD_DIR [unittest arguments]`; skipped where the program `needs` is not built."""
    global BUILD, BINARY, CTL
    if len(sys.argv) < 2:
        sys.exit("usage: test.py BUILD_DIR [unittest arguments]")
    BUILD = build = pathlib.Path(sys.argv.pop(1)).resolve()
    BINARY = build / "vnfs/firewall/vnf-firewall"
    CTL = next((path for path in (build / "common/control/vnfctl/vnfctl", build / "common/control/vnfctl")
                if path.is_file()), None)
    if not (build / needs).exists():
        skip(f"{build / needs} is not built")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ctest's patience is over: what was made is still removed
    unittest.main(verbosity=2)
