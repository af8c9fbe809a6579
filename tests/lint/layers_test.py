# SPDX-License-Identifier: BSD-3-Clause
import unittest

import layers
from tree import Tree


def findings(path, *lines, others=()):
    texts = {path: "\n".join(lines) + "\n"}
    texts.update({other: "" for other in others})
    return layers.check(Tree(texts))


class Layers(unittest.TestCase):
    def include(self, source, target):
        return findings(source, f'#include "{target}"', others=[target])

    def test_down_is_allowed_and_up_is_not(self):
        rooms = [
            ("common/base/a.h", "common/net/b.h"),
            ("common/net/a.h", "common/flow/b.h"),
            ("common/flow/a.h", "common/core/b.h"),
            ("common/core/a.h", "common/host/b.h"),
            ("common/base/a.h", "common/acceleration/dpi/b.h"),
            ("common/base/a.h", "common/http/b.h"),
            ("common/http/a.h", "common/control/b.h"),
            ("common/net/a.h", "common/control/b.h"),
            ("common/control/a.h", "common/appliance/b.h"),
            ("common/host/a.h", "common/appliance/b.h"),
            ("common/appliance/a.h", "vnfs/nat/b.h"),
            ("common/acceleration/dpi/a.h", "vnfs/firewall/b.h"),
            ("common/http/a.h", "mano-adapter/b.h"),
        ]
        for below, above in rooms:
            self.assertEqual(self.include(above, below), [], f"{above} -> {below}")
            self.assertEqual(len(self.include(below, above)), 1, f"{below} -> {above}")

    def test_strangers(self):
        for source, target in [
            ("vnfs/nat/a.h", "vnfs/firewall/b.h"),
            ("mano-adapter/a.h", "common/core/b.h"),
            ("mano-adapter/a.h", "common/control/b.h"),
            ("mano-adapter/a.h", "common/net/b.h"),
            ("common/http/a.h", "common/net/b.h"),
            ("common/control/a.h", "common/core/b.h"),
            ("common/acceleration/dpi/a.h", "common/net/b.h"),
            ("common/core/a.h", "tests/support/b.h"),
            ("elsewhere/a.h", "common/base/b.h"),
        ]:
            self.assertEqual(len(self.include(source, target)), 1, f"{source} -> {target}")

    def test_dpdk(self):
        for path in ["common/core/a.h", "common/acceleration/crypto/a.cpp", "vnfs/firewall/rule_matcher.cpp"]:
            self.assertEqual(findings(path, "#include <rte_mbuf.h>"), [])
        for path in ["common/net/a.h", "common/flow/a.h", "common/control/a.cpp", "common/http/a.cpp",
                     "vnfs/firewall/policy.cpp", "mano-adapter/a.cpp"]:
            self.assertEqual(len(findings(path, "#include <rte_mbuf.h>")), 1, path)

    def test_paths_are_counted_from_the_top(self):
        self.assertEqual(len(findings("common/net/a.cpp", '#include "a.h"', others=["common/net/a.h"])), 1)
        self.assertEqual(
            findings("common/net/a.cpp", "", '#include <common/net/a.h>', others=["common/net/a.h"]),
            ["common/net/a.cpp:2: <common/net/a.h>: a file of ours is included in quotes"])


if __name__ == "__main__":
    unittest.main()
