# SPDX-License-Identifier: BSD-3-Clause
"""Programs whose messages carry addresses, behind the NAT gateway: FTP with vsftpd, curl and lftp."""

import ftplib
import hashlib
import socket

import lab
from lab import SERVER4

PROFILE = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text() + """
  static:
    - {inside: "192.0.2.10:21", outside: "198.51.100.64:21", protocol: tcp}
  alg: [ftp]
"""
FORWARDED = "198.51.100.64"
FILE = bytes(range(256)) * 400  # 102,400 bytes
DIGEST = hashlib.sha256(FILE).hexdigest()

VSFTPD = """
listen=YES
listen_address={address}
anonymous_enable=YES
anon_root={root}
no_anon_password=YES
background=NO
secure_chroot_dir={folder}/empty
ftp_username=root
local_enable=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
anon_world_readable_only=NO
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
run_as_launching_user=YES
connect_from_port_20={from_port_20}
port_enable=YES
pasv_enable=YES
"""


class FtpAlg(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        # Nothing outside knows a way to the private addresses.
        cls.lab.run("server", "ip", "route", "delete", "default")
        cls.start_ftp("server", SERVER4)
        cls.start_ftp("client", "192.0.2.10")
        cls.firewall = lab.Nat(cls.lab, PROFILE)
        cls.firewall.start()

    @classmethod
    def start_ftp(cls, namespace, address):
        folder = cls.lab.folder / f"ftp-{namespace}"
        root = folder / "root"
        root.mkdir(parents=True)
        (folder / "empty").mkdir()
        (root / "up").mkdir()
        (root / "file").write_bytes(FILE)
        settings = folder / "vsftpd.conf"
        settings.write_text(VSFTPD.format(address=address, root=root, folder=folder, from_port_20="NO"))
        cls.lab.start(namespace, f"vsftpd-{namespace}.log", "vsftpd", str(settings))
        lab.wait(10, "vsftpd", lambda: cls.lab.listens(namespace, 21))

    def rewritten(self):
        return self.firewall.metrics().sum("nat_alg_messages_rewritten_total", alg="ftp")

    def fetch(self, *how, address=SERVER4, namespace="client"):
        """The file by curl, twice on one control connection."""
        done = self.lab.run(namespace, "curl", "--silent", "--show-error", "--max-time", "20", *how,
                            f"ftp://{address}/file", f"ftp://{address}/file", text=False)
        self.assertEqual(len(done.stdout), 2 * len(FILE), done.stderr)
        for part in (done.stdout[:len(FILE)], done.stdout[len(FILE):]):
            self.assertEqual(hashlib.sha256(part).hexdigest(), DIGEST)

    def test_active_by_port(self):
        before = self.rewritten()
        self.fetch("--ftp-port", "-", "--disable-eprt")
        self.assertEqual(self.rewritten(), before + 2)

    def test_active_by_eprt(self):
        before = self.rewritten()
        self.fetch("--ftp-port", "-")
        self.assertEqual(self.rewritten(), before + 2)

    def test_passive(self):
        before = self.rewritten()
        self.fetch("--ftp-pasv", "--disable-epsv")
        self.fetch("--ftp-pasv")
        self.assertEqual(self.rewritten(), before)

    def test_upload(self):
        source = self.lab.folder / "upload"
        source.write_bytes(FILE)
        self.lab.run("client", "curl", "--silent", "--show-error", "--max-time", "20", "--ftp-port", "-", "--upload-file",
                     str(source), f"ftp://{SERVER4}/up/")
        self.assertEqual((self.lab.folder / "ftp-server/root/up/upload").read_bytes(), FILE)

    def test_many_transfers_on_one_control_connection(self):
        """Each PORT changes the length of what is sent, and the numbers of all that follows."""
        script = "set ftp:passive-mode no; set ftp:use-site-utime no; set net:timeout 10; set net:max-retries 1; " \
                 "set xfer:clobber yes; lcd {0}; " + "get file -o got; " * 6 + "cls /; get file -o got; bye"
        self.lab.run("client", "lftp", "-c", f"open -u anonymous,x {SERVER4}; " + script.format(self.lab.folder))
        self.assertEqual((self.lab.folder / "got").read_bytes(), FILE)

    def test_a_long_talk_after_messages_of_other_lengths(self):
        """Replies and commands in both directions on one connection of ftplib; workers come and go."""
        with lab.inside(self.lab.name("client")):
            ftp = ftplib.FTP(timeout=10)
            ftp.connect(SERVER4)
        self.addCleanup(ftp.close)
        ftp.login()
        ftp.set_pasv(False)
        for turn in range(8):
            self.assertTrue(ftp.voidcmd("NOOP").startswith("200"))
            names = []
            with lab.inside(self.lab.name("client")):  # where its data sockets are made
                ftp.retrlines("NLST", names.append)
            self.assertIn("file", names, turn)
            self.assertTrue(ftp.pwd())
            self.assertEqual(self.firewall.call("PUT", "/v1/workers", {"count": 1 + turn % 2}).status, 200)
        ftp.quit()
        self.firewall.call("PUT", "/v1/workers", {"count": 1})

    def test_a_server_inside_behind_a_forwarded_port(self):
        before = self.rewritten()
        self.fetch("--ftp-pasv", "--disable-epsv", "--disable-eprt", address=FORWARDED, namespace="server")
        self.fetch("--ftp-pasv", address=FORWARDED, namespace="server")
        self.assertEqual(self.rewritten(), before + 4)

    def test_nobody_else_is_let_in(self):
        """The port of an active client's is open to the server alone."""
        with self.lab.socket_in("client", socket.AF_INET, socket.SOCK_STREAM) as control:
            control.settimeout(10)
            control.connect((SERVER4, 21))
            talk = control.makefile("rwb")

            def say(text):
                talk.write(text.encode() + b"\r\n")
                talk.flush()
                return talk.readline().decode()

            self.assertTrue(talk.readline().startswith(b"220"))
            self.assertTrue(say("USER anonymous").startswith(("230", "331")))
            self.assertTrue(say("PASS x").startswith("230"))
            # Another host's address passes as it is, and the server will have none of it.
            self.assertTrue(say("PORT 192,0,2,11,200,21").startswith("500"))
            self.assertTrue(say("PORT 192,0,2,10,200,21").startswith("200"))
        self.assertGreater(self.firewall.metrics().sum("nat_alg_messages_refused_total", alg="ftp"), 0)

    def test_every_packet_is_accounted_for(self):
        drops = self.firewall.at_rest().drops()
        for reason in ("alg_partial", "alg_no_room", "alg_changed"):
            self.assertEqual(drops[reason], 0, reason)


if __name__ == "__main__":
    lab.need("ip", "ethtool", "vsftpd", "curl", "lftp")
    lab.main()
