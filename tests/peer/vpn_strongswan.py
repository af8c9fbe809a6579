# SPDX-License-Identifier: BSD-3-Clause
"""Our gateway with its charon, and as its peer Debian's strongSwan with a data path of its own (kernel-libipsec):

    a (10.1.0.5) -- gwa [vnf-vpn, charon with our plugin] -- 192.0.2.0/24 -- gwb [charon] -- b (10.2.0.7)
"""

import pathlib
import signal
import subprocess

import lab
import vpn_charon
import vpn_lab
from vpn_lab import GATEWAY_A, GATEWAY_B, HOST_A, HOST_B

RUN_CHARON = lab.ROOT / "vnfs/vpn/run-charon"
PEER_PLUGINS = ("random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pem openssl gcm kdf hmac mgf1 fips-prf "
                "eap-identity eap-mschapv2 eap-tls kernel-libipsec kernel-netlink socket-default vici")
SECRET = "what both know"


def need():
    lab.need("swanctl", "openssl", "iperf3", "curl", "ping", "ethtool")
    for needed in (pathlib.Path(vpn_charon.CHARON), vpn_charon.plugin(),
                   pathlib.Path("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")):
        if not needed.exists():
            lab.skip(f"there is no {needed}")
    if not pathlib.Path("/dev/net/tun").exists():
        lab.skip("the peer's data path needs /dev/net/tun")


class Gateway(vpn_lab.Vpn):
    """vnf-vpn, and charon beside it."""

    def __init__(self, sites, name, side, sections, interfaces=""):
        self.interfaces = interfaces
        self.side = side
        self.name = name
        self.sites = sites
        # Short: the path of a socket has at most 107 bytes.
        self.run_folder = sites.folder / f"run-{side}"
        (self.run_folder / "charon.d").mkdir(parents=True, exist_ok=True)
        # A dead peer is dead sooner.
        (self.run_folder / "charon.d/retransmit.conf").write_text("retransmit_tries = 2\nretransmit_timeout = 1\n")
        self.sections = sections
        super().__init__(sites, self.profile(sections), f"gw{side}", name)
        self.charon = None
        self.charon_count = 0

    def profile(self, sections):
        network, local6, own, own6 = {
            "a": ("10.1", "2001:db8:a", GATEWAY_A, vpn_lab.GATEWAY_A6),
            "b": ("10.2", "2001:db8:b", GATEWAY_B, vpn_lab.GATEWAY_B6)}[self.side]
        return vpn_lab.profile(self.name, (f"{network}.0.1/16", f"{local6}::1/48"), (f"{own}/24", f"{own6}/64"), f"""
vpn:
  key_exchange: {{socket: {self.run_folder}/vpn-ike.sock, control: {self.run_folder}/vpn-charon.sock}}
{sections}""", interfaces=self.interfaces)

    def start_charon(self):
        self.charon_count += 1
        self.charon_log = f"{self.name}-charon-{self.charon_count}.log"
        self.charon = self.sites.start(f"gw{self.side}", self.charon_log, str(RUN_CHARON), str(self.run_folder),
                                       str(vpn_charon.plugin()))

    def stop_charon(self, how=signal.SIGTERM):
        self.charon.send_signal(how)
        self.charon.wait(timeout=40)

    def wait_charon(self):
        self.wait_log("charon told all it has", seconds=20)
        self.wait_log("charon answers on", seconds=20)

    def swanctl(self, *arguments, check=True, timeout=60):
        return self.sites.run(f"gw{self.side}", "swanctl", *arguments, "--uri",
                              f"unix://{self.run_folder}/vpn-charon.sock", check=check, timeout=timeout)

    def associations(self):
        return self.get("/v1/vpn/associations")


class Peer:
    """Debian's strongSwan, whose own data path seals packets."""

    def __init__(self, sites, namespace="gwb", name="peer", plugins=PEER_PLUGINS, settings=""):
        self.sites = sites
        self.namespace = namespace
        self.folder = sites.folder / name
        self.folder.mkdir(exist_ok=True)
        self.uri = f"unix://{self.folder}/vici.sock"
        self.process = None
        (self.folder / "strongswan.conf").write_text(f"""
charon {{
  load = {plugins}
  retransmit_tries = 2
  retransmit_timeout = 1
  {settings}
  filelog {{ out {{ path = {self.folder}/charon.log
      default = 1
      flush_line = yes }} }}
  plugins {{ vici {{ socket = {self.uri} }} }}
}}
""")

    def start(self):
        self.process = self.sites.start(self.namespace, f"{self.folder.name}.out", "env",
                                        f"STRONGSWAN_CONF={self.folder}/strongswan.conf", vpn_charon.CHARON)
        lab.wait(20, f"charon of {self.folder.name}", lambda: self.swanctl("--stats", check=False).returncode == 0)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=40)

    def swanctl(self, *arguments, check=True, timeout=60):
        return self.sites.run(self.namespace, "env", f"SWANCTL_DIR={self.folder}", "swanctl", *arguments, "--uri",
                              self.uri, check=check, timeout=timeout)

    def load(self, text):
        (self.folder / "swanctl.conf").write_text(text)
        self.swanctl("--load-all", "--clear")

    def log(self):
        path = self.folder / "charon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, text, start=0, seconds=20):
        return lab.wait(seconds, f"'{text}' in the log of {self.folder.name}", lambda: text in self.log()[start:])

    def initiate(self, child="net", check=True):
        return self.swanctl("--initiate", "--child", child, "--timeout", "20", check=check)


def as_a_kernel(sites, namespace="gwb", addresses=((f"{GATEWAY_B}/24", "veth-out"), ("10.2.0.1/16", "veth-in"))):
    """What is a port's device elsewhere is one of Linux here, which routes."""
    for device in ("veth-in", "veth-out"):
        sites.sysctl(namespace, f"net.ipv4.conf.{device}.arp_ignore=0", f"net.ipv4.conf.{device}.rp_filter=0")
    sites.sysctl(namespace, "net.ipv4.conf.all.rp_filter=0", "net.ipv4.ip_forward=1")
    for address, device in addresses:
        sites.run(namespace, "ip", "address", "add", address, "dev", device)


def peer_connection(local="auth = psk\nid = b.test", remote="auth = psk\nid = a.test", child="", extra="",
                    local_ts="10.2.0.0/16", remote_ts="10.1.0.0/16", secrets=None):
    secrets = secrets if secrets is not None else f"ike-gate {{ id-a = a.test\nid-b = b.test\nsecret = \"{SECRET}\" }}"
    return f"""
connections {{
  gate {{
    version = 2
    remote_addrs = {GATEWAY_A}
    {extra}
    local {{ {local} }}
    remote {{ {remote} }}
    children {{
      net {{
        esp_proposals = aes128gcm16
        local_ts = {local_ts}
        remote_ts = {remote_ts}
        {child}
      }}
    }}
  }}
}}
secrets {{ {secrets} }}
"""


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=True)
