# SPDX-License-Identifier: BSD-3-Clause
"""The benchmark's generator against the shipped firewall over memif: what the one has counted, the other has too."""

import pathlib
import sys
import unittest

import lab

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "benchmark"))
import devices  # noqa: E402

SESSIONS = 1000
HANDSHAKE = {"inside": 2, "outside": 1}  # packets from each side


class Generator(lab.TestCase):
    def setUp(self):
        places = devices.Places()
        if not places.enough:
            self.skipTest("the firewall and the generator each need a CPU")
        program = lab.BINARY.parents[2] / "tests/benchmark/traffic_generator"
        if not program.exists():
            self.skipTest(f"{program} is not built")
        self.device = devices.Firewall(lab.BINARY, places, SESSIONS)
        self.addCleanup(self.device.spaces.close)
        self.firewall = self.device.appliance
        self.generator = devices.Generator(program, self.device, places, SESSIONS)
        self.addCleanup(self.generator.close)
        self.firewall.wait_ready()

    def compare(self):
        """Every packet that the generator has put into a ring was received by the firewall, and every one that the
        firewall has sent was taken by the generator."""
        metrics = self.firewall.at_rest()
        totals = self.generator.totals()
        for port, peer in (("inside", "outside"), ("outside", "inside")):
            self.assertEqual(metrics.sum("port_received_packets_total", port=port), totals[f"sent_{port}"])
            self.assertEqual(metrics.sum("port_transmitted_packets_total", port=port),
                             totals[f"received_{port}"] + totals[f"foreign_{port}"])
            # What is lost between the two sides, the firewall has given a name.
            self.assertLessEqual(totals[f"received_{peer}"], totals[f"sent_{port}"])
        packets = metrics.packets()
        self.assertEqual(packets["received_packets_total"] + packets["from_host_packets_total"]
                         + packets["originated_packets_total"],
                         packets["transmitted_packets_total"] + packets["from_host_transmitted_packets_total"]
                         + packets["originated_transmitted_packets_total"] + packets["to_host_packets_total"]
                         + packets["dropped_packets_total"])
        return metrics, totals

    def test_what_is_sent_and_what_is_received(self):
        self.assertEqual(self.generator.establish()["sessions"], SESSIONS)
        metrics, totals = self.compare()
        self.assertEqual(metrics.sum("sessions"), SESSIONS)
        for port, count in HANDSHAKE.items():
            self.assertGreaterEqual(totals[f"sent_{port}"], count * SESSIONS)

        trials = {}
        for size in ("64", "imix", "1420"):
            before = metrics.sum("received_packets_total"), metrics.sum("received_bytes_total"), totals
            trial = self.generator.trial(size, 100_000, 0.3)
            metrics, totals = self.compare()
            received = metrics.sum("received_packets_total") - before[0]
            # At a rate so low everything is offered; what has been offered was taken, or refused by a full ring.
            self.assertEqual(trial["offered"] - trial["refused"], received)
            self.assertAlmostEqual(trial["offered"] + trial["skipped"], 100_000 * trial["seconds"], delta=300)
            self.assertEqual(trial["received"], sum(totals[f"received_{port}"] - before[2][f"received_{port}"]
                                                    for port in HANDSHAKE))
            self.assertGreater(trial["received"], 0)
            self.assertGreater(trial["latency_p50_us"], 0)
            self.assertLessEqual(trial["latency_p50_us"], trial["latency_p99_us"])
            self.assertLessEqual(trial["latency_p99_us"], trial["latency_max_us"])
            trials[size] = (metrics.sum("received_bytes_total") - before[1]) / received
        # Frames without FCS; IMIX is 7 of 64 bytes to 4 of 576 to 1 of 1500.
        self.assertEqual(trials["64"], 60)
        self.assertEqual(trials["1420"], 1416)
        self.assertAlmostEqual(trials["imix"], (7 * 60 + 4 * 572 + 1496) / 12, delta=30)
        # None of this has opened a session.
        self.assertEqual(metrics.sum("sessions_created_total"), SESSIONS)

    def test_more_than_it_can_forward(self):
        """What has no room is counted as lost, by one side or the other, and as nothing else."""
        self.generator.establish()
        before, sent_before = self.compare()
        trial = self.generator.trial("64", 0, 0.3)
        after, totals = self.compare()
        sent = sum(totals[f"sent_{port}"] - sent_before[f"sent_{port}"] for port in HANDSHAKE)
        self.assertEqual(trial["offered"], sent + trial["refused"])
        self.assertEqual(trial["received"], sent - sum(after.drops().values()) + sum(before.drops().values()))


if __name__ == "__main__":
    lab.need("ip")
    lab.main()
