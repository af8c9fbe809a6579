# SPDX-License-Identifier: BSD-3-Clause
"""A client, a load balancer and backends in network namespaces of their own.

    client (192.0.2.10, 2001:db8:1::10) -- veth-out [balancer] veth-in -- bridge -- b1 (10.0.0.11, 2001:db8:10::11)
       |                                  (192.0.2.1)      (10.0.0.1)       |    -- b2 (10.0.0.12, ...)
       +---- eth1 (10.0.0.250) ---------------------------------------------+    -- b3 ...

Services are at 203.0.113.0/24 and 2001:db8:80::/64. The client's second link is the way of answers that return
directly; backends behind an address translation answer by the balancer.
"""

import json
import subprocess
import sys

import lab

VIP4, VIP6 = "203.0.113.80", "2001:db8:80::80"


class Balancer(lab.Appliance):
    kind = "load_balancer"

    def __init__(self, spaces, profile, namespace="lb", name=None):
        super().__init__(spaces, profile, namespace, name)

    @classmethod
    def binary(cls):
        return lab.BUILD / "vnfs/load_balancer/vnf-loadbalancer"

    def service(self, name="web"):
        return self.get(f"/v1/load_balancer/services?name={name}")[0]

    def backends(self, name="web"):
        """By address."""
        return {one["address"]: one for one in self.service(name)["backends"]}

    def wait_states(self, states, name="web", seconds=15):
        """Until each address has its state; one that is checked is active when a check has said so."""
        def has(backend, state):
            health = backend.get("health")
            unknown = state == "active" and health is not None and health["state"] != "up"
            return backend["state"] == state and not unknown

        def reached():
            found = self.backends(name)
            return all(has(found.get(address, {"state": None}), state) for address, state in states.items())

        lab.wait(seconds, f"backends to be {states}", reached)


class BalancerLab(lab.Namespaces):
    def __init__(self, backends=3):
        super().__init__("client", "lb", "lan")
        self.count = backends
        self.link("client", "eth0", "lb", "veth-out")
        self.run("lan", "ip", "link", "add", "br0", "type", "bridge")
        self.run("lan", "ip", "link", "set", "br0", "up")
        self.attach("lb", "veth-in", "to-lb")
        self.attach("client", "eth1", "to-client")
        for device in ("veth-out", "veth-in"):
            # The kernel sees the port's frames too: it is neither to answer ARP there nor to take its packets.
            self.sysctl("lb", f"net.ipv6.conf.{device}.disable_ipv6=1", f"net.ipv4.conf.{device}.arp_ignore=8",
                        f"net.ipv4.conf.{device}.rp_filter=1")
            self.run("lb", "ip", "link", "set", device, "up")
        self.sysctl("client", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        self.address("client", "eth0", "192.0.2.10/24", "2001:db8:1::10/64")
        self.address("client", "eth1", "10.0.0.250/24", "2001:db8:10::250/64")
        self.run("client", "ip", "route", "add", "203.0.113.0/24", "via", "192.0.2.1")
        self.run("client", "ip", "route", "add", "2001:db8:80::/64", "via", "2001:db8:1::1")
        for number in range(1, backends + 1):
            self.add_backend(number)

    def attach(self, namespace, device, port):
        """A link of the namespace into the bridge."""
        self.link(namespace, device, "lan", port)
        self.run("lan", "ip", "link", "set", port, "master", "br0", "up")

    def address(self, namespace, device, ipv4, ipv6):
        self.run(namespace, "ip", "link", "set", device, "up")
        self.run(namespace, "ip", "address", "add", ipv4, "dev", device)
        self.run(namespace, "ip", "address", "add", ipv6, "dev", device, "nodad")

    def add_backend(self, number):
        name = f"b{number}"
        self.add(name)
        self.attach(name, "eth0", f"to-{name}")
        self.address(name, "eth0", f"10.0.0.{10 + number}/24", f"2001:db8:10::{10 + number}/64")
        self.run(name, "ip", "route", "add", "default", "via", "10.0.0.1")
        self.run(name, "ip", "route", "add", "default", "via", "2001:db8:10::1")

    def return_directly(self):
        """Backends have the services' addresses, keep silent about them, and answer past the balancer."""
        for number in range(1, self.count + 1):
            name = f"b{number}"
            self.sysctl(name, "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2",
                        "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.eth0.rp_filter=0")
            self.run(name, "ip", "address", "add", f"{VIP4}/32", "dev", "lo")
            self.run(name, "ip", "address", "add", f"{VIP6}/128", "dev", "lo")
            self.run(name, "ip", "route", "add", "192.0.2.0/24", "via", "10.0.0.250")
            self.run(name, "ip", "route", "add", "2001:db8:1::/64", "via", "2001:db8:10::250")

    def take_out_of_tunnels(self, kind):
        """Backends take packets out of the balancer's tunnels: after return_directly()."""
        for number in range(1, self.count + 1):
            name = f"b{number}"
            self.start(name, f"tunnel-{name}.log", "python3", "-B", str(lab.ROOT / "tests/peer/decapsulate.py"), kind)
            log = self.folder / f"tunnel-{name}.log"
            lab.wait(10, f"the end of the tunnel at {name}", lambda log=log: "ready" in log.read_text())
            self.run(name, "ip", "link", "set", "tun0", "up")
            self.sysctl(name, "net.ipv4.conf.tun0.rp_filter=0", "net.ipv6.conf.tun0.disable_ipv6=0")

    def start_nginx(self, number, extra=""):
        """The backend's web server, which tells its name; returns the process."""
        name = f"b{number}"
        pages = self.folder / name
        pages.mkdir(exist_ok=True)
        (pages / "whoami").write_text(name + "\n")
        (pages / "healthz").write_text("ok\n")
        (pages / "large").write_bytes(bytes(range(256)) * 16384)
        configuration = self.folder / f"{name}.conf"
        configuration.write_text(f"""
daemon off; master_process off; pid {self.folder}/{name}.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {pages}; proxy_temp_path {pages}; fastcgi_temp_path {pages};
  uwsgi_temp_path {pages}; scgi_temp_path {pages};
  server {{ listen 80; listen [::]:80; root {pages}; }}
  {extra}
}}""")
        process = self.start(name, f"{name}.log", "nginx", "-p", str(pages), "-c", str(configuration))
        lab.wait(10, f"{name}'s port 80", lambda: self.listens(name, 80))
        return process

    def start_haproxy(self, number):
        """The same of HAProxy; on port 81 the PROXY protocol comes first, and /client tells who it says the client is."""
        name = f"b{number}"
        configuration = self.folder / f"{name}.cfg"
        configuration.write_text(f"""
defaults
  mode http
  timeout client 1m
frontend web
  bind 0.0.0.0:80
  bind [::]:80 v6only
  bind 0.0.0.0:81 accept-proxy
  bind [::]:81 v6only accept-proxy
  http-request return status 200 content-type text/plain string "{name}\\n" if {{ path /whoami }}
  http-request return status 200 content-type text/plain string "ok\\n" if {{ path /healthz }}
  http-request return status 200 content-type text/plain lf-string "%[src]\\n" if {{ path /client }}
""")
        process = self.start(name, f"{name}.log", "haproxy", "-db", "-f", str(configuration))
        lab.wait(10, f"{name}'s ports", lambda: self.listens(name, 80) and self.listens(name, 81))
        return process

    def listens(self, namespace, port):
        return f":{port} " in self.run(namespace, "ss", "--tcp", "--listening", "--numeric", "--no-header").stdout

    def curl(self, *arguments, check=True, timeout=60):
        return self.run("client", "curl", "--silent", "--show-error", "--max-time", "20", *arguments, check=check,
                        timeout=timeout)

    def who(self, url):
        """The name of the backend that answers."""
        return self.curl(url).stdout.strip()

    def many(self, url, count, parallel=8, seconds=10):
        """What each of so many requests was answered, a connection each; None for one that failed."""
        config = self.folder / "many.curl"
        config.write_text("\n".join(f'url = "{url}"\noutput = "-"' for _ in range(count)))
        done = self.run("client", "curl", "--silent", "--no-progress-meter", "--max-time", str(seconds), "--no-keepalive",
                        "--header", "Connection: close", "--parallel", "--parallel-max", str(parallel), "--config",
                        str(config), "--write-out", "%{stderr}%{http_code}\\n", check=False, timeout=120)
        good = done.stderr.split().count("200")
        names = done.stdout.split()
        return names + [None] * (count - good)

    # Eight at a time, each by a port of its own.
    BY_PORTS = """
import asyncio, sys
host, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
any_address = "::" if ":" in host else "0.0.0.0"

async def ask(port):
    reader, writer = await asyncio.open_connection(host, 80, local_addr=(any_address, port))
    writer.write(b"GET /whoami HTTP/1.1\\r\\nHost: it\\r\\nConnection: close\\r\\n\\r\\n")
    answer = (await reader.read()).decode().split()
    writer.close()
    return answer[-1] if answer[1:2] == ["200"] else None

async def worker(ports, names):
    for port in ports:
        try:
            names.append(await asyncio.wait_for(ask(port), 10))
        except OSError as wrong:
            print(port, wrong, file=sys.stderr)
            names.append(None)

async def main():
    ports, names = iter(range(first, first + count)), []
    await asyncio.gather(*(worker(ports, names) for _ in range(8)))
    print(*names)

asyncio.run(main())
"""

    def many_ports(self, address, first_port, count):
        """What /whoami was answered to a client that uses so many ports, each once: what many() gets from the kernel are few ones,
        and often. None for one that failed."""
        done = self.run("client", sys.executable, "-B", "-c", self.BY_PORTS, address, str(first_port), str(count), timeout=120)
        return [None if name == "None" else name for name in done.stdout.split()]

    def in_client(self, *command, timeout=60):
        return self.run("client", *command, timeout=timeout)


class Load:
    """Requests without a pause, a connection each, in the background."""

    CODE = """
import http.client, json, os, sys, time
host, stop = sys.argv[1], sys.argv[2]
good, failed = {}, []
while not os.path.exists(stop):
    began = time.time()
    try:
        connection = http.client.HTTPConnection(host, 80, timeout=5)
        connection.request("GET", "/whoami")
        name = connection.getresponse().read().decode().strip()
        good[name] = good.get(name, 0) + 1
        open(stop + "-begun", "a").close()
        connection.close()
    except OSError as error:
        failed.append([began, time.time(), str(error)])
        # At a client's pace: each refusal leaves a port free that the hash gives to the same backend, where
        # ports of answered connections wait (TIME_WAIT). What counts shares later would see the difference.
        time.sleep(0.02)
print(json.dumps({"good": good, "failed": failed}))
"""

    def __init__(self, place, host, namespace="client"):
        self.stop = place.folder / f"stop-{id(self)}"
        self.process = subprocess.Popen(["ip", "netns", "exec", place.name(namespace), "python3", "-c", self.CODE, host,
                                         str(self.stop)], stdout=subprocess.PIPE, text=True)
        place.processes.append(self.process)
        begun = place.folder / f"{self.stop.name}-begun"
        lab.wait(10, "the load to begin", begun.exists)

    def end(self):
        self.stop.touch()
        output, _ = self.process.communicate(timeout=30)
        return json.loads(output)
