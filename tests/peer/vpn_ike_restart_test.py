# SPDX-License-Identifier: BSD-3-Clause
"""charon or the appliance goes, hangs or comes back, and others speak on their socket."""

import os
import signal
import socket

import lab
import vpn_charon


class VpnIkeRestart(vpn_charon.TestCase):
    def test_after_a_restart_of_the_gateway_all_is_told_again(self):
        marks = self.up()
        old_in, old_out = (self.added("a", outbound, marks["a"]) for outbound in (False, True))
        self.listeners["a"].kill()
        self.listeners["a"].start()
        again = self.listeners["a"].wait("keep_only")
        self.assertEqual(again["associations"], 1)
        told = self.listeners["a"].lines("add")[0]
        self.assertEqual((told["spi"], told["cipher_key"]), (old_in["spi"], old_in["cipher_key"]))
        self.assertEqual(self.listeners["a"].lines("add_policy")[0]["spi"], old_out["spi"])
        # The sequence numbers of what it sent are lost: charon makes new keys at once.
        new_out = self.listeners["a"].wait("add", outbound=True)
        self.assertNotEqual(new_out["cipher_key"], old_out["cipher_key"])
        self.listeners["a"].wait("remove", spi=old_in["spi"])
        self.check_mirrored({"a": 0, "b": marks["b"]})
        self.assertEqual(self.charons["a"].children(), 1)

    def test_after_a_restart_of_charon_its_old_tunnels_are_gone(self):
        self.up()
        start = self.listeners["b"].mark()
        os.kill(self.charons["b"].process.pid, signal.SIGKILL)
        self.charons["b"].process.wait()
        self.assertIn("its tunnels stay as they are", self.listeners["b"].wait_log("is gone", start))
        self.assertEqual(self.listeners["b"].lines("remove", start), [])
        self.charons["b"].start()
        self.assertEqual(self.listeners["b"].wait("keep_only", start)["associations"], 0)

    def test_charon_takes_its_tunnels_down_when_it_stops(self):
        self.up()
        start = self.listeners["b"].mark()
        self.assertEqual(self.charons["b"].stop(), 0)
        for outbound in (False, True):
            self.listeners["b"].wait("remove", start, outbound=outbound)
        self.listeners["b"].wait("remove_policy", start)
        self.charons["b"].start()
        self.assertEqual(self.listeners["b"].wait("keep_only", start)["associations"], 0)

    def test_a_gateway_that_hangs_does_not_keep_charon_from_stopping(self):
        self.up()
        start = self.listeners["b"].mark()
        self.listeners["b"].process.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.charons["b"].stop(), 0)
        finally:
            self.listeners["b"].process.send_signal(signal.SIGCONT)
        self.charons["b"].start()
        self.assertEqual(self.listeners["b"].wait("keep_only", start)["associations"], 0)

    def test_without_a_gateway_there_is_no_tunnel_and_it_says_so(self):
        self.load()
        self.listeners["a"].kill()
        start = len(self.charons["a"].log())
        self.charons["a"].wait_log("trying again", 0)
        self.assertNotEqual(self.charons["a"].initiate(check=False).returncode, 0)
        self.charons["a"].wait_log("the VPN gateway gave none", start)
        self.listeners["a"].start()
        self.listeners["a"].wait("keep_only")
        self.charons["a"].initiate()

    def test_garbage_on_the_socket_is_survived(self):
        listener = self.listeners["a"]
        start = listener.mark()
        for garbage in (b"\0", os.urandom(11), os.urandom(4000), b"x" * 65536, b"y" * 70000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
                other.settimeout(10)
                other.connect(str(listener.socket))
                other.send(garbage)
                while other.recv(65536):
                    pass
        listener.wait_log("in place of charon", start)
        self.assertEqual(listener.lines("keep_only", start), [])  # the plugin did not lose its place
        self.check_mirrored(self.up())


if __name__ == "__main__":
    lab.main("tests/peer/vpn_key_listener")
