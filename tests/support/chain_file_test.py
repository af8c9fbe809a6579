# SPDX-License-Identifier: BSD-3-Clause
"""What a chain file may say, and what it may not."""

import pathlib
import sys
import tempfile
import unittest

CHAINS = pathlib.Path(__file__).resolve().parents[2] / "images/chains"
sys.path.insert(0, str(CHAINS))
import chain  # noqa: E402

GOOD = """
name: two
appliances:
  edge: {vnf: firewall, profile: edge.yaml}
  lb: {vnf: load_balancer, profile: lb.yaml}
links:
  - [edge.outside, lb.outside]
edges: {clients: edge.inside, servers: lb.inside}
"""
PROFILE = "ports: {inside: {device: link}, outside: {device: link}}\n"


class ChainFile(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("edge", "lb"):
            (self.folder / f"{name}.yaml").write_text(PROFILE)

    def read(self, text):
        file = self.folder / "chain.yaml"
        file.write_text(text)
        return chain.Chain(file)

    def test_a_good_one(self):
        found = self.read(GOOD)
        self.assertEqual(found.name, "two")
        self.assertEqual([[(appliance.name, port) for appliance, port in link] for link in found.links],
                         [[("edge", "outside"), ("lb", "outside")]])
        self.assertEqual({name: (appliance.name, port) for name, (appliance, port) in found.edges.items()},
                         {"clients": ("edge", "inside"), "servers": ("lb", "inside")})

    def test_those_that_are_shipped(self):
        for file in CHAINS.glob("*.yaml"):
            self.assertGreater(len(chain.Chain(file).appliances), 1, file)

    def test_what_is_wrong_is_named(self):
        for old, new, said in (
                ("vnf: firewall", "vnf: router", "appliances: edge: vnf is one of firewall, nat"),
                ("profile: edge.yaml", "profil: edge.yaml", "appliances: edge: give vnf and profile"),
                ("profile: edge.yaml", "profile: none.yaml", "none.yaml"),
                ("edge.outside", "edg.outside", "links: 1: no appliance 'edg'; there are edge, lb"),
                ("edge.outside", "edge.out", "links: 1: edge has no port 'out'; it has inside, outside"),
                ("lb.outside", "edge.outside", "links: 1: port edge.outside is at links: 1 already"),
                ("[edge.outside, lb.outside]", "[edge.outside]", "links: 1: give two ends"),
                ("clients: edge.inside, ", "", "port edge.inside is at no link and no edge"),
                ("links:", "link:", "give name, appliances, links and edges"),
                ("[edge.outside", "[[edge.outside", "chain.yaml")):
            with self.subTest(new=new), self.assertRaises(chain.Wrong) as raised:
                self.read(GOOD.replace(old, new, 1))
            self.assertIn(said, str(raised.exception))

    def test_ends_of_links_keep_their_address(self):
        self.assertEqual(chain.mac_of("two", 0), chain.mac_of("two", 0))
        self.assertNotEqual(chain.mac_of("two", 0), chain.mac_of("two", 1))
        self.assertRegex(chain.mac_of("two", 0), "^02(:[0-9a-f]{2}){5}$")


if __name__ == "__main__":
    unittest.main()
