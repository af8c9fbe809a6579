# SPDX-License-Identifier: BSD-3-Clause
import pathlib
import shutil
import tempfile
import unittest

import format as lint
from tree import ROOT


class Format(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        shutil.copy(ROOT / ".clang-format", self.root)

    def found(self, text):
        (self.root / "a.cpp").write_text(text)
        return lint.check(self.root, ["a.cpp"])

    def test_good_and_bad(self):
        self.assertEqual(self.found("int f(int x) { return x; }\n"), [])
        self.assertEqual(self.found("int* p = nullptr;\n"), [])
        self.assertNotEqual(self.found("int f(int x) {return x;}\n"), [])
        self.assertNotEqual(self.found("int *p = nullptr;\n"), [])

    def test_a_file_that_is_not_there_is_no_success(self):
        self.assertNotEqual(lint.check(self.root, ["gone.cpp"]), [])


if __name__ == "__main__":
    unittest.main()
