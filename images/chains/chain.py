# SPDX-License-Identifier: BSD-3-Clause
"""A chain of appliances on one host: reads its file, starts it in processes and network namespaces, and takes it down again.

    name: web
    appliances:                     # names of your choice
      edge: {vnf: firewall, profile: web/firewall.yaml}
      lb:   {vnf: load_balancer, profile: web/load_balancer.yaml}
    links:                          # APPLIANCE.PORT at both ends: packets go through shared memory (virtio)
      - [edge.outside, lb.outside]
    edges:                          # a Linux device of this name here, a veth pair to the port there
      clients: edge.inside
      servers: lb.inside

Profiles are those of the appliances, but that the devices of the ports that a chain connects are the chain's: whatever stands
there is replaced. `@RUN@` in a profile is the appliance's folder. `files` of an appliance are put beside its profile.
"""

import contextlib
import hashlib
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("firewall", "nat", "load_balancer", "vpn")
# Frames are taken as they are: checksums and segments are whole before they come.
WHOLE = ("tx", "off", "tso", "off", "gso", "off", "gro", "off")


class Wrong(Exception):
    """What is not as it should be, for people."""


class Appliance:
    def __init__(self, name, given, at):
        if not isinstance(given, dict) or set(given) - {"vnf", "profile", "charon", "files"} or "profile" not in given:
            raise Wrong(f"{at}: give vnf and profile, and where wanted charon and files")
        if given.get("vnf") not in KINDS:
            raise Wrong(f"{at}: vnf is one of {', '.join(KINDS)}")
        self.name = name
        self.vnf = given["vnf"]
        self.charon = bool(given.get("charon", False))
        self.source = pathlib.Path(given["profile"])
        self.files = [pathlib.Path(file) for file in given.get("files", [])]
        self.devices = {}  # by port
        self.ports = []
        self.folder = self.socket = self.process = None

    def load(self, beside):
        self.source = beside / self.source
        self.files = [beside / file for file in self.files]
        try:
            self.profile = yaml.safe_load(self.source.read_text())
            self.ports = list(self.profile["ports"])
        except (OSError, yaml.YAMLError, TypeError, KeyError) as error:
            raise Wrong(f"{self.source}: {error}") from None

    def write(self):
        """The profile as it runs."""
        for port, device in self.devices.items():
            self.profile["ports"][port]["device"] = device
        text = yaml.safe_dump(self.profile, sort_keys=False).replace("@RUN@", str(self.folder))
        (self.folder / "profile.yaml").write_text(text)
        for file in self.files:
            try:
                shutil.copy(file, self.folder / file.name)
            except OSError as error:
                raise Wrong(f"{error.filename}: {error.strerror}; {self.name} needs it beside its profile") from None

    def get(self, path, timeout=5):
        """The answer to a GET, as JSON or text; nothing when it does not answer."""
        connection = http.client.HTTPConnection("vnf", timeout=timeout)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(timeout)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.sock.connect(str(self.socket))
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode()
            return json.loads(body) if "json" in (answer.getheader("Content-Type") or "") else body
        return None

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


class Chain:
    """What a file says, checked."""

    def __init__(self, file):
        self.file = pathlib.Path(file)
        try:
            given = yaml.safe_load(self.file.read_text())
        except (OSError, yaml.YAMLError) as error:
            raise Wrong(f"{self.file}: {error}") from None
        if not isinstance(given, dict) or set(given) - {"name", "appliances", "links", "edges"} or not given.get("appliances"):
            raise Wrong(f"{self.file}: give name, appliances, links and edges")
        self.name = str(given.get("name", self.file.stem))
        self.appliances = {name: Appliance(name, one, f"{self.file}: appliances: {name}")
                           for name, one in given["appliances"].items()}
        for appliance in self.appliances.values():
            appliance.load(self.file.parent)
        self._taken = {}
        self.links = [[self._port(end, f"links: {number}") for end in self._pair(ends, number)]
                      for number, ends in enumerate(given.get("links") or [], 1)]
        self.edges = {name: self._port(end, f"edges: {name}") for name, end in (given.get("edges") or {}).items()}
        for appliance in self.appliances.values():
            for port in appliance.ports:
                if (appliance.name, port) not in self._taken:
                    raise Wrong(f"{self.file}: port {appliance.name}.{port} is at no link and no edge")

    def _pair(self, ends, number):
        if not isinstance(ends, list) or len(ends) != 2:
            raise Wrong(f"{self.file}: links: {number}: give two ends, [APPLIANCE.PORT, APPLIANCE.PORT]")
        return ends

    def _port(self, end, at):
        name, _, port = str(end).partition(".")
        if name not in self.appliances:
            raise Wrong(f"{self.file}: {at}: no appliance '{name}'; there are {', '.join(self.appliances)}")
        if port not in self.appliances[name].ports:
            raise Wrong(f"{self.file}: {at}: {name} has no port '{port}'; it has {', '.join(self.appliances[name].ports)}")
        if before := self._taken.get((name, port)):
            raise Wrong(f"{self.file}: {at}: port {end} is at {before} already")
        self._taken[name, port] = at
        return self.appliances[name], port


def command(*words, namespace=None):
    words = [*(("ip", "netns", "exec", namespace) if namespace else ()), *map(str, words)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def mac_of(chain, link):
    """Of one end of a link, the same after a restart: its neighbours go on with what they know. The other end has vhost's own."""
    digest = hashlib.sha256(f"{chain} {link}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x02, *digest[:5]))


class Running:
    """A chain that was started; down() leaves nothing. `edges_in`: namespaces for the ends of edges that are here, by name."""

    def __init__(self, chain, build=ROOT / "build/release", folder=None, prefix="", edges_in=None):
        self.chain = chain
        self.build = pathlib.Path(build)
        self.folder = pathlib.Path(folder or f"/run/millrace/chains/{chain.name}")
        self.prefix = prefix or f"{chain.name}-"
        self.edges_in = edges_in or {}
        self.namespaces = []
        self.processes = []

    def namespace(self, appliance):
        return self.prefix + appliance.name

    def up(self):
        try:
            for appliance in self.chain.appliances.values():
                self._place(appliance)
            for number, ends in enumerate(self.chain.links):
                # Either end may come, go and come again: one connects, the other is there to be connected to.
                path = f"{self.folder}/link{number}.sock"
                mac = mac_of(self.chain.name, number)
                for end, (appliance, port) in zip((f"net_virtio_user{{}},path={path},queues=1,server=1,mac={mac}",
                                                   f"net_vhost{{}},iface={path},queues=1,client=1"), ends):
                    appliance.devices[port] = end.format(len(appliance.devices))
            for name, (appliance, port) in self.chain.edges.items():
                self._edge(name, appliance, port)
            for appliance in self.chain.appliances.values():
                appliance.write()
                self.start(appliance)
                if appliance.charon:
                    self.start_charon(appliance)
        except BaseException:
            self.down()
            raise

    def _place(self, appliance):
        appliance.folder = self.folder / appliance.name
        appliance.folder.mkdir(parents=True, exist_ok=True)
        appliance.socket = appliance.folder / "control.sock"
        namespace = self.namespace(appliance)
        command("ip", "netns", "add", namespace)
        self.namespaces.append(namespace)
        command("ip", "link", "set", "lo", "up", namespace=namespace)
        command("sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0", namespace=namespace)

    def _edge(self, name, appliance, port):
        here, there = self.edges_in.get(name), self.namespace(appliance)
        command("ip", "link", "add", name, *(("netns", here) if here else ()), "type", "veth", "peer", "name", port, "netns",
                there)
        for namespace, device in ((here, name), (there, port)):
            command("ethtool", "-K", device, *WHOLE, namespace=namespace)
        # The data path answers what comes to this device, by the twin; the kernel of the namespace must not.
        command("sysctl", "-qw", f"net.ipv6.conf.{port}.disable_ipv6=1", f"net.ipv4.conf.{port}.arp_ignore=8",
                f"net.ipv4.conf.{port}.rp_filter=1", namespace=there)
        command("ip", "link", "set", port, "up", namespace=there)
        command("ip", "link", "set", name, "up", namespace=here)
        appliance.devices[port] = f"net_af_packet{len(appliance.devices)},iface={port}"

    def start(self, appliance):
        program = self.build / f"vnfs/{appliance.vnf}/vnf-{appliance.vnf.replace('_', '')}"
        appliance.process = self._start(appliance, "log", program, "--profile", appliance.folder / "profile.yaml", "--control",
                                        appliance.socket)

    def start_charon(self, appliance):
        self._start(appliance, "charon.log", ROOT / "vnfs/vpn/run-charon", appliance.folder,
                    self.build / "vnfs/vpn/charon-plugin/libstrongswan-millrace.so")

    def _start(self, appliance, log, *words):
        with open(appliance.folder / log, "ab") as out:
            process = subprocess.Popen(["ip", "netns", "exec", self.namespace(appliance), *map(str, words)], stdout=out,
                                       stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def not_ready(self):
        """Those that are not, each with why."""
        found = {}
        for appliance in self.chain.appliances.values():
            if appliance.process.poll() is not None:
                raise Wrong(f"{appliance.name} ended with status {appliance.process.returncode}:\n{appliance.log()[-3000:]}")
            health = appliance.get("/v1/health")
            if not isinstance(health, dict):
                found[appliance.name] = "does not answer yet"
            elif not health.get("ready"):
                found[appliance.name] = ", ".join(health.get("reasons") or ["is not ready"])
        return found

    def wait(self, seconds=60):
        until = time.monotonic() + seconds
        while missing := self.not_ready():
            if time.monotonic() > until:
                raise Wrong("not ready: " + "; ".join(f"{name} {why}" for name, why in missing.items()))
            time.sleep(0.1)

    def stop(self, process, patience=15):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def down(self):
        for process in reversed(self.processes):
            self.stop(process)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], check=False)
        self.namespaces.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
