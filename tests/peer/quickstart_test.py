# SPDX-License-Identifier: BSD-3-Clause
"""vnfs/quickstart as it is: the chain's show, and each appliance's, one behind the other, go to their ends."""

import subprocess
import unittest

import lab

SHOWS = ("firewall", "nat", "load_balancer", "vpn")


class Quickstart(unittest.TestCase):
    def show(self, *names, seconds):
        done = subprocess.run([lab.ROOT / "vnfs/quickstart", "--no-build", *names], capture_output=True, text=True,
                              timeout=seconds, check=False)
        told = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, told)
        self.assertNotIn("✗ should", told)
        return done.stdout

    def test_the_chain(self):
        told = self.show(seconds=100)
        if "skipped: " in told:
            self.skipTest(told)
        self.assertGreaterEqual(told.count("✓ passes"), 3, told)
        self.assertIn("images/chains/branch.yaml", told)

    def test_all_shows(self):
        told = self.show(*SHOWS, seconds=180)
        for show in SHOWS:
            self.assertIn(f"vnfs/{show}/profiles/quickstart.yaml", told)
        # Each of them lets something pass, and says so.
        self.assertGreaterEqual(told.count("✓ passes"), len(SHOWS), told)


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "iperf3", "ping")
    lab.main()
