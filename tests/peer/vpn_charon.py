# SPDX-License-Identifier: BSD-3-Clause
"""Debian's charon with our plugin, and in the appliance's place a program that prints what charon tells it.

    a (192.0.2.1, 2001:db8:ff::1) -- eth0 -- eth0 -- (192.0.2.2, 2001:db8:ff::2) b
"""

import json
import pathlib
import signal
import subprocess
import sys

import lab

ADDRESS = {"a": "192.0.2.1", "b": "192.0.2.2"}
ADDRESS6 = {"a": "2001:db8:ff::1", "b": "2001:db8:ff::2"}
NETWORK = {"a": "10.1.0.0/16", "b": "10.2.0.0/16"}
OTHER = {"a": "b", "b": "a"}
CHARON = "/usr/sbin/charon-systemd"
PLUGINS = ("random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pem openssl gcm kdf hmac millrace kernel-netlink "
           "socket-default vici")
# What must be the same at both ends.
MIRRORED = ("cipher", "integrity", "cipher_key", "integrity_key", "extended", "mode", "udp")


def plugin():
    return lab.BUILD / "vnfs/vpn/charon-plugin/libstrongswan-millrace.so"


class Ends(lab.Namespaces):
    def __init__(self):
        super().__init__("a", "b")
        self.link("a", "eth0", "b", "eth0")
        for side in "ab":
            self.run(side, "ip", "address", "add", f"{ADDRESS[side]}/24", "dev", "eth0")
            self.run(side, "ip", "link", "set", "eth0", "up")
        self.addresses6("add")
        self.certificates()

    def addresses6(self, what):
        for side in "ab":
            self.run(side, "ip", "address", what, f"{ADDRESS6[side]}/64", "dev", "eth0")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=True)

    def certificates(self):
        """An authority, and a certificate of it for each end, in swanctl's folders."""
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
        self.openssl("req", "-x509", *curve, "-subj", "/CN=Test authority", "-keyout", "ca.key", "-out", "ca.pem")
        for side in "ab":
            folder = self.folder / side
            for name in ("x509", "x509ca", "private"):
                (folder / name).mkdir(parents=True)
            (self.folder / "names").write_text(f"subjectAltName=DNS:{side}.test\n")
            self.openssl("req", *curve, "-subj", f"/CN={side}.test", "-keyout", f"{side}/private/key.pem",
                         "-out", f"{side}.csr")
            self.openssl("x509", "-req", "-in", f"{side}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                         "-days", "2", "-extfile", "names", "-out", f"{side}/x509/cert.pem")
            (folder / "x509ca/ca.pem").write_bytes((self.folder / "ca.pem").read_bytes())


class Listener:
    """vpn_key_listener, and what it has printed since it was started."""

    def __init__(self, ends, side):
        self.ends = ends
        self.side = side
        self.socket = ends.folder / f"{side}-ike.sock"
        self.count = 0
        self.process = None

    def start(self):
        self.count += 1
        self.file = self.ends.folder / f"listener-{self.side}-{self.count}.json"
        with open(self.file, "ab") as out:
            self.process = subprocess.Popen([str(lab.BUILD / "tests/peer/vpn_key_listener"), str(self.socket)],
                                            stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, text=True)
        self.ends.processes.append(self.process)
        self.wait("listening")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def lines(self, what=None, start=0, **fields):
        all_lines = self.file.read_text().split("\n")[:-1][start:]
        return [line for line in map(json.loads, all_lines)
                if what in (None, line["what"]) and fields.items() <= line.items()]

    def mark(self):
        """For `start`: what is printed from now on."""
        return len(self.lines())

    def wait(self, what, start=0, seconds=20, **fields):
        return lab.wait(seconds, f"'{what}' {fields} of listener {self.side}",
                        lambda: self.lines(what, start, **fields))[-1]

    def wait_log(self, text, start=0):
        return lab.wait(20, f"'{text}' of listener {self.side}",
                        lambda: [line for line in self.lines("log", start) if text in line["text"]])[-1]["text"]


class Charon:
    def __init__(self, ends, side, socket):
        self.ends = ends
        self.side = side
        self.folder = ends.folder / side
        self.uri = f"unix://{self.folder}/vici.sock"
        self.process = None
        (self.folder / "strongswan.conf").write_text(f"""
charon {{
  load = {PLUGINS}
  install_routes = no
  install_virtual_ip = no
  retransmit_tries = 2
  retransmit_timeout = 1
  filelog {{ out {{ path = {self.folder}/charon.log
      default = 1
      knl = 2
      flush_line = yes }} }}
  plugins {{
    vici {{ socket = {self.uri} }}
    millrace {{ socket = {socket} }}
  }}
}}
""")

    def start(self):
        # LD_PRELOAD for charon only: `ip` has none of the library that the plugin needs.
        self.process = self.ends.start(
            self.side, f"{self.side}-charon.out", "env", f"LD_PRELOAD={plugin()}",
            f"STRONGSWAN_CONF={self.folder}/strongswan.conf", CHARON)
        lab.wait(20, f"charon of {self.side}", lambda: self.swanctl("--stats", check=False).returncode == 0)

    def stop(self):
        """Asks it to end, and waits for that; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=40)

    def log(self):
        path = self.folder / "charon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, text, start=0, seconds=20):
        return lab.wait(seconds, f"'{text}' in the log of charon {self.side}", lambda: text in self.log()[start:])

    def swanctl(self, *arguments, check=True, timeout=60):
        return self.ends.run(self.side, "env", f"SWANCTL_DIR={self.folder}", "swanctl", *arguments, "--uri", self.uri,
                             check=check, timeout=timeout)

    def load(self, **options):
        (self.folder / "swanctl.conf").write_text(connection(self.side, **options))
        self.swanctl("--load-all", "--clear")

    def initiate(self, check=True):
        return self.swanctl("--initiate", "--child", "net", "--timeout", "20", check=check)

    def children(self):
        return self.swanctl("--list-sas", "--raw").stdout.count("state=INSTALLED")


def connection(side, esp="aes128gcm16", auth="psk", secret="a secret of both", outer=None, child=""):
    outer = outer or ADDRESS
    other = OTHER[side]
    local = "certs = cert.pem" if auth == "pubkey" else ""
    return f"""
connections {{
  gate {{
    version = 2
    proposals = aes128gcm16-prfsha256-ecp256
    local_addrs = {outer[side]}
    remote_addrs = {outer[other]}
    local {{
      auth = {auth}
      id = {side}.test
      {local}
    }}
    remote {{
      auth = {auth}
      id = {other}.test
    }}
    children {{
      net {{
        esp_proposals = {esp}
        local_ts = {NETWORK[side]}
        remote_ts = {NETWORK[other]}
        {child}
      }}
    }}
  }}
}}
secrets {{
  ike-gate {{
    id-a = a.test
    id-b = b.test
    secret = "{secret}"
  }}
}}
"""


class TestCase(lab.TestCase):
    """Both ends, each with its charon and its listener, for all tests of the class."""

    @classmethod
    def setUpClass(cls):
        lab.need("swanctl", "openssl", "ethtool")
        for needed in (pathlib.Path(CHARON), plugin()):
            if not needed.exists():
                lab.skip(f"there is no {needed}")
        cls.ends = Ends()
        cls.firewall = cls  # what lab.TestCase has dumped when a test failed
        cls.addClassCleanup(cls.ends.close)
        cls.listeners = {side: Listener(cls.ends, side) for side in "ab"}
        cls.charons = {side: Charon(cls.ends, side, cls.listeners[side].socket) for side in "ab"}
        for side in "ab":
            cls.listeners[side].start()
            cls.charons[side].start()
            cls.listeners[side].wait("keep_only")

    def setUp(self):
        self.addCleanup(self.all_down)

    def all_down(self):
        for charon in self.charons.values():
            charon.swanctl("--terminate", "--ike", "gate", "--force", check=False)

    @classmethod
    def dump(cls):
        for side in "ab":
            print(f"--- charon {side}\n{cls.charons[side].log()[-5000:]}", file=sys.stderr)
            print(f"--- listener {side}\n{cls.listeners[side].file.read_text()[-4000:]}", file=sys.stderr)

    def load(self, **options):
        for charon in self.charons.values():
            charon.load(**options)

    def up(self, **options):
        """A tunnel between both; from where on each listener tells of it."""
        self.load(**options)
        marks = {side: self.listeners[side].mark() for side in "ab"}
        self.charons["a"].initiate()
        for side in "ab":
            for outbound in (False, True):
                self.listeners[side].wait("add", marks[side], outbound=outbound)
            self.listeners[side].wait("add_policy", marks[side])
        return marks

    def added(self, side, outbound, start):
        return self.listeners[side].lines("add", start, outbound=outbound)[-1]

    def check_mirrored(self, marks, outer=ADDRESS):
        for side, other in (("a", "b"), ("b", "a")):
            out, into = self.added(side, True, marks[side]), self.added(other, False, marks[other])
            self.assertEqual({key: out[key] for key in (*MIRRORED, "spi")}, {key: into[key] for key in (*MIRRORED, "spi")})
            self.assertEqual((out["own"], out["remote"]), (outer[side], outer[other]))
            self.assertEqual((into["own"], into["remote"]), (outer[other], outer[side]))
            self.assertTrue(out["ok"] and into["ok"])
            self.assertIn(into["spi"], [line["spi"] for line in self.listeners[other].lines("allocate", marks[other])])
        self.assertNotEqual(self.added("a", True, marks["a"])["spi"], 0)
