# SPDX-License-Identifier: BSD-3-Clause
import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import tempfile
import unittest

from tree import ROOT, Tree

loader = importlib.machinery.SourceFileLoader("clang_tidy", str(pathlib.Path(__file__).with_name("clang_tidy")))
lint = importlib.util.module_from_spec(importlib.util.spec_from_loader("clang_tidy", loader))
loader.exec_module(lint)

GOOD = """
namespace millrace::net {
enum class Family { kIpv4, kIpv6 };
class Counter {
 public:
  explicit Counter(int start) noexcept : value_(start) {}
  [[nodiscard]] int next() noexcept { return value_ += kStep; }

 private:
  static constexpr int kStep = 2;
  int value_;
};
int twice(int number) {
  Counter counter(number);
  return counter.next() + counter.next();
}
}  // namespace millrace::net
"""


class ClangTidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "common/net").mkdir(parents=True)
        shutil.copy(ROOT / ".clang-tidy", self.root)
        command = f"g++ -I{self.root} -std=c++20 -o a.o -c {self.root}/common/net/a.cpp"
        entry = {"directory": str(self.root), "file": str(self.root / "common/net/a.cpp"), "command": command}
        (self.root / "compile_commands.json").write_text(json.dumps([entry]))

    def check(self, text, **arguments):
        (self.root / "common/net/a.cpp").write_text(text)
        return lint.check(self.root, Tree({"common/net/a.cpp": text}), self.root, **arguments)

    def test_good(self):
        self.assertEqual(self.check(GOOD), ([], []))

    def test_bad(self):
        for good, bad, name in [
            ("int twice(", "int Twice(", "readability-identifier-naming"),
            ("class Counter {", "class counter_t {};\nclass Counter {", "readability-identifier-naming"),
            ("kIpv6", "IPV6", "readability-identifier-naming"),
            ("kStep = 2", "kStep = 2;\n  int naked = 0", "readability-identifier-naming"),
            ("explicit ", "", "google-explicit-constructor"),
            ("return counter.next()", "int* p = 0;\n  return *p", "modernize-use-nullptr"),
        ]:
            failures, _ = self.check(GOOD.replace(good, bad))
            self.assertEqual(len(failures), 1, bad)
            self.assertIn(name, failures[0])

    def test_when_the_time_is_over_it_says_so(self):
        self.assertEqual(self.check(GOOD, seconds=-1), ([], ["common/net/a.cpp"]))

    def test_only_what_a_change_touches(self):
        bad = GOOD.replace("int twice(", "int Twice(")
        self.assertEqual(self.check(bad, touched={"common/net/b.h"}), ([], []))
        self.assertEqual(len(self.check(bad, touched={"common/net/a.cpp"})[0]), 1)


if __name__ == "__main__":
    unittest.main()
