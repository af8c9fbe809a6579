# SPDX-License-Identifier: BSD-3-Clause
"""vnfs/quickstart as it is: each appliance's show goes to its end, one behind the other."""

import subprocess
import unittest

import lab

SHOWS = ("firewall", "nat", "load_balancer", "vpn")


class Quickstart(unittest.TestCase):
    def test_all_shows(self):
        done = subprocess.run([lab.ROOT / "vnfs/quickstart", "--no-build"], capture_output=True, text=True, timeout=280,
                              check=False)
        told = done.stdout + done.stderr
        self.assertEqual(done.returncode, 0, told)
        for show in SHOWS:
            self.assertIn(f"vnfs/{show}/profiles/quickstart.yaml", done.stdout)
        # Each of them lets something pass, and says so.
        self.assertGreaterEqual(done.stdout.count("✓ passes"), len(SHOWS), told)
        self.assertNotIn("✗ should", told)


if __name__ == "__main__":
    lab.need("ip", "nginx", "curl", "iperf3", "ping")
    lab.main()
