# SPDX-License-Identifier: BSD-3-Clause
import unittest

import files
from tree import Tree


def tree(*paths):
    return Tree({path: "" for path in paths})


class Files(unittest.TestCase):
    def test_top(self):
        self.assertEqual(list(files.check_top(tree("README.md", ".ci/run", "common/base/a.h", "docs/a.md"))), [])
        self.assertEqual(list(files.check_top(tree("scripts/a", "notes.txt", "docs/a.md"))),
                         ["notes.txt: does not belong at the top", "scripts: does not belong at the top"])
        self.assertEqual(list(files.check_top(Tree({}, ["core", "docs/a.png"]))), ["core: does not belong at the top"])

    def test_length(self):
        for path in ("common/a.h", "tests/a.py"):
            notes = []
            for lines, findings, noted in [(300, 0, 0), (301, 0, 1), (500, 0, 1), (501, 1, 0)]:
                notes.clear()
                found = list(files.check_length(Tree({path: "x\n" * lines}), notes.append))
                self.assertEqual((len(found), len(notes)), (findings, noted), lines)
        self.assertEqual(list(files.check_length(Tree({"docs/a.md": "x\n" * 900}))), [])
        self.assertEqual(len(list(files.check_length(Tree({"tests/run": "#!/bin/sh\n" * 501})))), 1)

    def test_mirror(self):
        def found(test, source):
            return len(list(files.check_mirror(tree(test, source))))

        self.assertEqual(found("tests/unit/net/address_test.cpp", "common/net/address.h"), 0)
        self.assertEqual(found("tests/unit/net/address_parse_test.cpp", "common/net/address.cpp"), 0)
        self.assertEqual(found("tests/unit/firewall/policy_test.cpp", "vnfs/firewall/policy.cpp"), 0)
        self.assertEqual(found("tests/unit/acceleration/dpi/scan_test.cpp", "common/acceleration/dpi/scan.h"), 0)
        self.assertEqual(found("tests/unit/mano-adapter/alarm_test.cpp", "mano-adapter/alarm.h"), 0)
        self.assertEqual(found("tests/unit/net/address_test.cpp", "common/flow/address.h"), 1)
        self.assertEqual(found("tests/unit/net/adder_test.cpp", "common/net/address.h"), 1)
        self.assertEqual(found("tests/unit/net/address.cpp", "common/net/address.h"), 1)


if __name__ == "__main__":
    unittest.main()
