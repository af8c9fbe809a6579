# SPDX-License-Identifier: BSD-3-Clause
import unittest

import operations
from tree import Tree

CORE = """
    row(Drop::kNone, "none", "Not dropped."),
    row(Drop::kLand, "land", "Source and destination are the same."),
    row(Drop::kNoRoute, "no_route",
        "No route leads to "
        "the destination."),
"""
OWN = 'core::DropReason{static_cast<std::uint8_t>(Drop::kPolicy), "policy_changed",\n    "Refused now.", true},\n'
METRICS = """
  builder.per_worker("received_packets_total", "Packets taken from the ports.", &WorkerCounters::received);
  Metric metric{"dropped_packets_total", "Packets dropped, by reason.", Metric::Type::kCounter, {}};
  builder.single("workers", "Workers that run.", Metric::Type::kGauge, 1);
"""
LOG = 'control::Metric lost{"flow_records_lost_total",\n    "Records lost.", control::Metric::Type::kCounter, {}};\n'
PAGE = """# Operations

| reason | what happened | what to do |
| --- | --- | --- |
| `land` | Source and destination are the same. | Nothing. |
| `no_route` | No route leads to the destination. | Look at the routes. |
| `policy_changed` | Refused now. | Nothing. |

| metric | labels | meaning |
| --- | --- | --- |
| `millrace_received_packets_total` | worker | Packets taken from the ports. |
| `millrace_dropped_packets_total` | reason | Packets dropped, by reason. |
| `millrace_workers` | none | Workers that run. |
| `millrace_flow_records_lost_total` | sink | Records lost. |

| other | table |
| --- | --- |
| a | b |
"""


class Operations(unittest.TestCase):
    def tree(self, page):
        return Tree({"docs/operations.md": page, "common/core/drop_reason.cpp": CORE, "vnfs/firewall/drops.cpp": OWN,
                     "common/appliance/common_metrics.cpp": METRICS, "vnfs/firewall/flow_logging.cpp": LOG})

    def found(self, page):
        return operations.check(self.tree(page))

    def test_good(self):
        self.assertEqual(self.found(PAGE), [])
        self.assertEqual(operations.fixed(self.tree(PAGE)), PAGE)

    def test_bad(self):
        for before, after, finding in (
                ("No route leads to the destination.", "No route.", "docs/operations.md:6: no_route: the code says"),
                ("| `land` | Source and destination are the same. | Nothing. |\n", "", "the drop reason land is missing"),
                ("| `policy_changed` | Refused now. | Nothing. |", "| `gone` | Refused now. | Nothing. |",
                 "there is no drop reason gone"),
                ("Look at the routes.", "", "no_route: a cell is missing or empty"),
                ("Workers that run.", "Workers.", "millrace_workers: the code says"),
                ("| `millrace_workers` | none | Workers that run. |\n", "", "the metric millrace_workers is missing"),
                ("| reason | what happened | what to do |", "| reason | what | do |", "0 tables of reason")):
            page = PAGE.replace(before, after)
            self.assertNotEqual(page, PAGE)
            self.assertIn(finding, "\n".join(self.found(page)))

    def test_fix_leaves_what_people_write(self):
        page = PAGE.replace("Refused now.", "Refused.").replace("| `land` | Source and destination are the same. | Nothing. |\n",
                                                               "").replace("| `millrace_workers` | none | Workers that run. |\n",
                                                                           "| `millrace_gone` | none | Nothing. |\n")
        fixed = operations.fixed(self.tree(page))
        self.assertEqual(len(self.found(fixed)), 2)  # what to do about land, the labels of workers
        self.assertIn("| `land` | Source and destination are the same. |  |\n| `no_route` |", fixed)
        self.assertIn("| `policy_changed` | Refused now. | Nothing. |", fixed)
        self.assertNotIn("millrace_gone", fixed)


if __name__ == "__main__":
    unittest.main()
