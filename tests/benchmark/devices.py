# SPDX-License-Identifier: BSD-3-Clause
"""Devices under test with two memif ports, and the traffic generator at their other ends. Each is a process of its own
on a CPU of its own; leaving a `with` ends it, and its folder and namespace go too."""

import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peer"))
import lab  # noqa: E402

START_PATIENCE_S = 30
END_PATIENCE_S = 10
RING_EXPONENT = 10  # 1,024 slots a ring: as many descriptors as the appliance asks of a NIC
RING_SLOTS = 2 ** RING_EXPONENT
ACCEPTS = "00010000"  # flags of a listening socket, proc(5)

# The addresses are those of traffic.h: clients in 10.0.0.0/9, servers in 192.168.0.0/17, each behind a router.
PROFILE = """
vnf: firewall
name: {name}
dataplane: {{workers: [{cpu}], idle: poll, sessions: {sessions}}}
ports:
  inside: {{device: "{inside},mac=02:00:00:00:01:00", queues: 1}}
  outside: {{device: "{outside},mac=02:00:00:00:01:01", queues: 1}}
interfaces:
  trust: {{port: inside, address: 10.255.255.1/24}}
  untrust: {{port: outside, address: 192.168.255.1/24}}
neighbors:
  - {{interface: trust, address: 10.255.255.2, mac: "02:00:00:00:02:00"}}
  - {{interface: untrust, address: 192.168.255.2, mac: "02:00:00:00:02:01"}}
routes:
  - {{to: 10.0.0.0/9, via: 10.255.255.2}}
  - {{to: 192.168.0.0/17, via: 192.168.255.2}}
telemetry: {{log: info}}
firewall:
  zones: {{inside: [trust], outside: [untrust]}}
  default: drop
  rules:
    - {{name: out, from: inside, to: outside, action: accept}}
"""


class Places:
    """Which CPU is whose. On two, what the appliance does beside its packets shares the generator's: the generator
    knows when it was held up."""

    def __init__(self):
        cpus = sorted(os.sched_getaffinity(0))
        self.worker = cpus[-1]
        self.generator = cpus[0]
        self.control = cpus[1] if len(cpus) > 2 else cpus[0]
        self.enough = len(cpus) > 1


@contextlib.contextmanager
def on_cpus(*cpus):
    """What is started here runs there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Distance:
    """How long a cache line takes from the generator's CPU to the worker's and back, in nanoseconds. A hypervisor that
    moves virtual CPUs changes it many times over."""

    APART = 2  # times the shortest seen

    def __init__(self, program, places):
        self.command = [program, str(places.generator), str(places.worker)]
        self.shortest_ns = min(self.measure() for _ in range(10))

    def measure(self):
        done = subprocess.run(self.command, capture_output=True, text=True, timeout=30, check=True)
        return json.loads(done.stdout)["nanoseconds"]

    def apart(self):
        now = self.measure()
        self.shortest_ns = min(self.shortest_ns, now)
        return now > self.APART * self.shortest_ns


def memif(number, socket):
    return f"net_memif{number},role=server,socket-abstract=no,socket={socket},rsize={RING_EXPONENT}"


class Device:
    """It listens on two sockets in a folder of its own; whether its links are up is for the generator to see."""

    name = ""

    def __init__(self, places, *namespaces):
        self.spaces = lab.Namespaces(*namespaces)
        self.inside = self.spaces.folder / "inside.sock"
        self.outside = self.spaces.folder / "outside.sock"
        self.worker_cpu = places.worker
        self.process = None

    def wait_listening(self):
        def listening():
            if self.process.poll() is not None:
                raise lab.Failed(f"{self.name} ended with status {self.process.returncode}:\n{self.log()}")
            # A socket's file is there before it can be connected to.
            sockets = pathlib.Path(f"/proc/{self.process.pid}/net/unix").read_text(encoding="ascii").splitlines()
            accepting = {line.split()[-1] for line in sockets if line.split()[3] == ACCEPTS}
            return {str(self.inside), str(self.outside)} <= accepting

        lab.wait(START_PATIENCE_S, f"{self.name} to listen", listening)

    def wait_forwarding(self):
        """With both links up."""

    def forwarding_tasks(self):
        """The threads bound to the worker's CPU."""
        return [task for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
                if os.sched_getaffinity(int(task.name)) == {self.worker_cpu}]

    def keep_others_away(self):
        """In place of a CPU of its own: what else the machine has to do goes to the generator's."""
        for task in self.forwarding_tasks():
            os.setpriority(os.PRIO_PROCESS, int(task.name), -20)

    def worker_waited_s(self):
        """How long what forwards has been kept from its CPU by others since its start."""
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[1])
                   for task in self.forwarding_tasks()) / 1e9

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.spaces.close()


class Firewall(Device):
    """The shipped binary with a profile of its own, in a namespace of its own for its twin."""

    name = "the firewall"

    def __init__(self, binary, places, sessions):
        super().__init__(places, "fw")
        try:
            lab.BUILD = pathlib.Path(binary).parents[2]
            # The kernel has nothing to say for itself by the twin's devices.
            self.spaces.sysctl("fw", "net.ipv6.conf.default.disable_ipv6=1")
            self.appliance = lab.Firewall(self.spaces, PROFILE.format(
                name=f"benchmark-{os.getpid()}", cpu=places.worker, sessions=max(1024, sessions * 5 // 4),
                inside=memif(0, self.inside), outside=memif(1, self.outside)))
            with on_cpus(places.control):
                self.appliance.launch()
            self.process = self.appliance.process
            self.wait_listening()
        except BaseException:
            self.spaces.close()
            raise

    def wait_forwarding(self):
        self.appliance.wait_ready()

    def log(self):
        return self.appliance.log()


class Testpmd(Device):
    """DPDK's own forwarder: receives, exchanges the MAC addresses, sends. What packet I/O alone can do."""

    name = "testpmd"

    def __init__(self, places):
        super().__init__(places)
        try:
            huge = free_huge_pages_mib() >= 256
            memory = ["--in-memory"] if huge else ["--no-huge", "--no-shconf"]
            command = ["dpdk-testpmd", "--lcores", f"0@{places.control},1@{places.worker}", "-m", "256", *memory,
                       "--no-pci", "--no-telemetry", f"--file-prefix=benchmark-{os.getpid()}", "--log-level=*:error",
                       f"--vdev={memif(0, self.inside)}", f"--vdev={memif(1, self.outside)}", "--",
                       "--nb-cores=1", "--forward-mode=macswap", "--burst=32", "--total-num-mbufs=16384"]
            with open(self.spaces.folder / "testpmd.log", "ab") as out:
                # It ends with a line of input.
                self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
            self.spaces.processes.append(self.process)
            self.wait_listening()
        except BaseException:
            self.spaces.close()
            raise

    def log(self):
        return (self.spaces.folder / "testpmd.log").read_text(errors="replace")


def free_huge_pages_mib():
    total = 0
    for pages in pathlib.Path("/sys/kernel/mm/hugepages").glob("hugepages-*kB/free_hugepages"):
        total += int(pages.read_text()) * int(pages.parent.name.removeprefix("hugepages-").removesuffix("kB")) // 1024
    return total


class Generator:
    """traffic_generator, asked one thing at a time."""

    def __init__(self, program, device, places, sessions):
        self.log = open(device.spaces.folder / "generator.log", "a+", encoding="utf-8")
        self.rest = b""
        with on_cpus(places.generator):
            self.process = subprocess.Popen(
                [program, "--inside", device.inside, "--outside", device.outside, "--sessions", str(sessions),
                 "--ring", str(RING_EXPONENT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        try:
            self.started = self._answer("its start", START_PATIENCE_S)
            device.wait_forwarding()
            device.keep_others_away()
        except BaseException:
            self.close()
            raise

    def ask(self, command, patience):
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer(command, patience)

    def establish(self):
        return self.ask("establish", 120)

    def trial(self, size, rate, seconds):
        """rate: packets per second of both directions; 0: all the generator can."""
        return self.ask(f"trial {size} {rate:.0f} {seconds}", seconds + 30)

    def totals(self):
        return self.ask("totals", 10)

    def _answer(self, what, patience):
        until = time.monotonic() + patience
        while b"\n" not in self.rest:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise lab.Failed(f"the traffic generator has not answered in {patience} s: {what}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                self.process.wait(END_PATIENCE_S)
                self.log.seek(0)
                raise lab.Failed(f"the traffic generator ended with status {self.process.returncode} at: {what}\n"
                                 f"{self.log.read()}")
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
