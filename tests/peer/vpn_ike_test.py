# SPDX-License-Identifier: BSD-3-Clause
"""charon's associations and policies reach the appliance: two of Debian's charon with our plugin exchange keys, and what
each tells is compared with the other."""

import lab
import vpn_charon


class VpnIke(vpn_charon.TestCase):
    def test_a_psk_tunnel_has_one_key_at_both_ends(self):
        marks = self.up(child="rekey_time = 1000\nlife_time = 1100\nrekey_bytes = 5000000\nlife_bytes = 6000000\n"
                              "rekey_packets = 70000\nlife_packets = 80000\nrand_time = 0\nrand_bytes = 0\n"
                              "rand_packets = 0\nreplay_window = 256")
        self.check_mirrored(marks)
        into = self.added("b", False, marks["b"])
        self.assertEqual((into["cipher"], len(into["cipher_key"]), into["window"]), ("aes128gcm16", 40, 256))
        self.assertEqual((into["seconds"], into["bytes"], into["packets"]),
                         ([1000, 1100], [5000000, 6000000], [70000, 80000]))
        self.assertEqual([(one["local"], one["remote"]) for one in into["selectors"]], [("10.2.0.0/16", "10.1.0.0/16")])
        policy = self.listeners["a"].lines("add_policy", marks["a"])[-1]
        out = self.added("a", True, marks["a"])
        self.assertEqual((policy["local"], policy["remote"], policy["spi"], policy["tunnel"]),
                         ("10.1.0.0/16", "10.2.0.0/16", out["spi"], out["tunnel"]))
        # What swanctl shows is what the gateway counted.
        self.assertIn("bytes-in=11 packets-in=22", self.charons["a"].swanctl("--list-sas", "--raw").stdout)

    def test_certificates_and_ipv6(self):
        self.check_mirrored(self.up(auth="pubkey", outer=vpn_charon.ADDRESS6), vpn_charon.ADDRESS6)

    def test_every_kind_of_suite(self):
        for esp, cipher, integrity, extended in (
                ("aes256gcm16-esn", "aes256gcm16", "", True), ("aes192gcm16", "aes192gcm16", "", False),
                ("chacha20poly1305-esn", "chacha20poly1305", "", True), ("aes128-sha1", "aes128", "sha1", False),
                ("aes256-sha256-esn", "aes256", "sha256", True), ("aes192ctr-sha384", "aes192ctr", "sha384", False),
                ("aes128ctr-sha512", "aes128ctr", "sha512", False), ("null-sha256", "null", "sha256", False)):
            with self.subTest(esp=esp):
                marks = self.up(esp=esp)
                self.check_mirrored(marks)
                out = self.added("a", True, marks["a"])
                self.assertEqual((out["cipher"], out["integrity"], out["extended"]), (cipher, integrity, extended))
                self.all_down()

    def test_selectors_are_pairs_of_one_protocol(self):
        ends = {side: ",".join(f"{vpn_charon.NETWORK[side]}[{kind}]" for kind in ("tcp", "udp/53")) for side in "ab"}
        for side, other in (("a", "b"), ("b", "a")):
            self.charons[side].load(child=f"local_ts = {ends[side]}\nremote_ts = {ends[other]}")
        start = self.listeners["a"].mark()
        self.charons["a"].initiate()
        out = self.listeners["a"].wait("add", start, outbound=True)
        self.assertEqual([(one["protocol"], one["remote_ports"]) for one in out["selectors"]],
                         [(6, [0, 65535]), (17, [53, 53])])
        lab.wait(20, "two policies", lambda: len(self.listeners["a"].lines("add_policy", start)) == 2)

    def test_transport_mode_and_esp_in_udp(self):
        marks = self.up(child="mode = transport\nlocal_ts = dynamic\nremote_ts = dynamic")
        self.check_mirrored(marks)
        self.assertEqual(self.added("a", True, marks["a"])["mode"], "transport")
        self.all_down()
        for charon in self.charons.values():
            text = (charon.folder / "swanctl.conf").read_text()
            (charon.folder / "swanctl.conf").write_text(text.replace("version = 2", "version = 2\nencap = yes").replace(
                "mode = transport", ""))
            charon.swanctl("--load-all")
        marks = {side: self.listeners[side].mark() for side in "ab"}
        self.charons["a"].initiate()
        self.listeners["b"].wait("add", marks["b"], outbound=True)
        self.assertTrue(self.added("a", True, marks["a"])["udp"])

    def test_what_the_gateway_cannot_do_is_refused_in_words(self):
        self.load(esp="aes128ccm16")
        start = len(self.charons["b"].log())
        self.assertNotEqual(self.charons["a"].initiate(check=False).returncode, 0)
        self.charons["b"].wait_log("there is no AES_CCM_16", start)
        self.charons["b"].wait_log("choose esp_proposals of aes128gcm16", start)

    def test_a_wrong_secret_is_an_error_and_no_association(self):
        self.load()
        self.charons["b"].load(secret="another secret")
        marks = {side: self.listeners[side].mark() for side in "ab"}
        done = self.charons["a"].initiate(check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("AUTHENTICATION_FAILED", done.stdout + done.stderr)
        for side in "ab":
            self.assertEqual(self.listeners[side].lines("add", marks[side]), [])

    def test_at_the_soft_limit_a_new_tunnel_takes_over(self):
        marks = self.up()
        old_in, old_out = (self.added("a", outbound, marks["a"]) for outbound in (False, True))
        start = self.listeners["a"].mark()
        self.listeners["a"].say(f"soft {old_in['spi']}")
        self.listeners["a"].wait("remove", start, spi=old_in["spi"])
        self.listeners["a"].wait("remove", start, spi=old_out["spi"])
        self.listeners["b"].wait("remove", marks["b"], spi=old_out["spi"])
        self.check_mirrored({"a": start, "b": marks["b"]})
        new_out = self.added("a", True, start)
        self.assertNotEqual(new_out["cipher_key"], old_out["cipher_key"])
        # The policy changes over and is never gone, and the new association is there before the old one goes.
        lines = self.listeners["a"].lines(start=start)
        self.assertEqual([line for line in lines if line["what"] == "remove_policy"], [])
        self.assertEqual([line["spi"] for line in lines if line["what"] == "add_policy"][-1], new_out["spi"])
        order = [line["what"] for line in lines]
        self.assertLess(order.index("add_policy"), order.index("remove"))

    def test_at_the_hard_limit_the_tunnel_is_gone(self):
        marks = self.up()
        into, out = (self.added("a", outbound, marks["a"]) for outbound in (False, True))
        start = self.listeners["a"].mark()
        self.listeners["a"].say(f"hard {into['spi']}")
        self.listeners["a"].wait("remove", start, spi=out["spi"])
        self.listeners["b"].wait("remove", marks["b"], spi=out["spi"])

    def test_the_first_packet_asks_for_a_tunnel(self):
        start = self.listeners["a"].mark()
        self.load(child="start_action = trap")
        trap = self.listeners["a"].wait("add_policy", start)
        self.assertEqual(trap["spi"], 0)
        start = self.listeners["a"].mark()
        self.listeners["a"].say(f"acquire {trap['tunnel']} 10.1.0.5/32 10.2.0.7/32")
        out = self.listeners["a"].wait("add", start, outbound=True)
        self.listeners["a"].wait("add_policy", start, spi=out["spi"])
        self.assertEqual(out["tunnel"], trap["tunnel"])
        self.load()

    def test_an_address_that_changes_moves_associations(self):
        """MOBIKE: the tunnel goes on from another address, with the keys it had."""
        self.ends.sysctl("a", "net.ipv4.conf.eth0.promote_secondaries=1")
        self.ends.addresses6("del")  # the tunnel could as well go on by IPv6
        self.addCleanup(self.ends.addresses6, "add")
        marks = self.up()
        start = {side: self.listeners[side].mark() for side in "ab"}
        self.ends.run("a", "ip", "address", "add", "192.0.2.11/24", "dev", "eth0")
        self.ends.run("a", "ip", "address", "del", "192.0.2.1/24", "dev", "eth0")
        try:
            for side in "ab":
                for outbound in (False, True):
                    spi = self.added(side, outbound, marks[side])["spi"]
                    moved = self.listeners[side].wait("move", start[side], outbound=outbound, spi=spi)
                    self.assertIn("192.0.2.11", (moved["to_own"], moved["to_remote"]))
            self.assertEqual(self.listeners["a"].lines("add", start["a"]), [])
            self.charons["a"].swanctl("--rekey", "--child", "net")
            self.listeners["b"].wait("add", start["b"], outbound=True, remote="192.0.2.11")
            self.listeners["a"].wait("remove", start["a"], outbound=True)
        finally:
            self.all_down()
            self.ends.run("a", "ip", "address", "add", "192.0.2.1/24", "dev", "eth0")
            self.ends.run("a", "ip", "address", "del", "192.0.2.11/24", "dev", "eth0")

    def test_a_nat_that_changes_its_mind_moves_associations(self):
        self.load()
        conf = self.charons["a"].folder / "swanctl.conf"
        conf.write_text(conf.read_text().replace("version = 2", "version = 2\nencap = yes"))  # as behind a NAT
        self.charons["a"].swanctl("--load-all")
        start = self.listeners["b"].mark()
        self.charons["a"].initiate()
        into = self.listeners["b"].wait("add", start, outbound=False)
        self.listeners["b"].wait("add_policy", start)
        self.listeners["b"].say(f"mapping {into['spi']} 192.0.2.1 4999")
        moved = self.listeners["b"].wait("move", start, outbound=True)
        self.assertEqual((moved["to_remote"], moved["to_udp"]), ("192.0.2.1", [4500, 4999]))

    def test_keys_are_in_no_log(self):
        marks = self.up()
        for side in "ab":
            for outbound in (False, True):
                key = self.added(side, outbound, marks[side])["cipher_key"]
                self.assertNotIn(key, self.charons[side].log())


if __name__ == "__main__":
    lab.main("tests/peer/vpn_key_listener")
