# SPDX-License-Identifier: BSD-3-Clause
import json
import pathlib
import tempfile
import unittest

import headers
from tree import Tree


class Headers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "common/net").mkdir(parents=True)
        self.build = self.root / "build"
        self.build.mkdir()
        entry = {"directory": str(self.build), "file": str(self.root / "common/net/a.cpp"),
                 "command": f"ccache g++ -std=c++20 -Wall -Wshadow -DNET=1 -o a.o -c {self.root}/common/net/a.cpp"}
        other = dict(entry, file=str(self.root / "common/base/z.cpp"), command="g++ -std=c++20 -o z.o -c z.cpp")
        (self.build / "compile_commands.json").write_text(json.dumps([other, entry]))

    def failures(self, **texts):
        texts = {f"common/net/{name}.h": text for name, text in texts.items()}
        for path, text in texts.items():
            (self.root / path).write_text(text)
        return headers.check(self.root, Tree(texts), self.build)

    def test_a_unity_build_gives_the_flags_too(self):
        unit = self.build / "Unity/unity_0_cxx.cxx"
        unit.parent.mkdir()
        unit.write_text(f'/* made */\n#include "{self.root}/common/net/a.cpp"\n')
        entry = {"directory": str(self.build), "file": str(unit), "command": f"g++ -std=c++20 -DNET=1 -o u.o -c {unit}"}
        (self.build / "compile_commands.json").write_text(json.dumps([entry]))
        self.assertEqual(self.failures(good="#pragma once\nstatic_assert(NET == 1);\n"), [])

    def test_a_good_header_passes_with_the_flags_of_its_room(self):
        text = "#pragma once\n#ifndef NET\n#error the flags of another room\n#endif\nstruct A {};\n"
        self.assertEqual(self.failures(a=text), [])

    def test_bad_headers_fail_each_time(self):
        for text in ["#pragma once\ninline std::size_t f() { return 1; }\n", "struct A {};\n",
                     "#pragma once\ninline int f(int x) { { int x = 1; return x; } }\n"]:
            for _ in range(2):
                self.assertEqual(len(self.failures(a=text)), 1, text)

    def test_what_passed_is_looked_at_again_when_an_include_changes(self):
        user = '#pragma once\n#include "common/net/b.h"\ninline B b;\n'
        self.assertEqual(self.failures(a=user, b="#pragma once\nstruct B {};\n"), [])
        self.assertEqual(len(self.failures(a=user, b="#pragma once\nstruct C {};\n")), 1)


if __name__ == "__main__":
    unittest.main()
