# SPDX-License-Identifier: BSD-3-Clause
import unittest

import links
from tree import Tree


class Links(unittest.TestCase):
    TEXTS = {"README.md": "# Millrace\n", "docs/b.md": "# One\n## A `b`: c, d\n# One\n```\n# code\n```\n",
             "vnfs/nat/x.cpp": ""}

    def found(self, text, path="docs/a.md"):
        return links.check(Tree(self.TEXTS | {path: text}))

    def test_good(self):
        for text in ["[x](b.md)", "[x](../README.md)", "[x](b.md#one)", "[x](b.md#one-1)", "[x](b.md#a-b-c-d)",
                     "[x](../vnfs/nat)", "[x](../vnfs/nat/x.cpp)", "[x](https://example.net/y)", "[x](mailto:a@b.c)",
                     "[x](..)", "# T\n[x](#t)", '[x](b.md "title")', "`[x](gone.md)`", "```\n[x](gone.md)\n```\n",
                     "[x]: b.md"]:
            self.assertEqual(self.found(text), [], text)

    def test_bad(self):
        for text in ["[x](gone.md)", "[x](README.md)", "[x](b.md#two)", "[x](b.md#code)", "[x](#t)", "[x](../gone/)",
                     '[x](gone.md "title")', "[x]: gone.md", "![x](gone.png)"]:
            self.assertEqual(len(self.found(text)), 1, text)
        self.assertEqual(self.found("\n\n[x](gone.md)"), ["docs/a.md:3: gone.md: no such file"])


if __name__ == "__main__":
    unittest.main()
