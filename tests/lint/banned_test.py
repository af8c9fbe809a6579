# SPDX-License-Identifier: BSD-3-Clause
import unittest

import banned
from tree import Tree

LICENCE = "// SPDX-License-" + "Identifier: BSD-3-Clause\n"


def found(text, path="common/net/a.cpp", rules=("common/net/*",), allow=()):
    """The kinds of finding, in order."""
    findings = banned.check(Tree({path: LICENCE + text + "\n"}), list(rules), list(allow))
    return [finding.split(": ")[1] for finding in findings]


class Calls(unittest.TestCase):
    def test_each_is_flagged(self):
        for call in ["strcpy(a, b)", "std::strcat(a, b)", "sprintf(a, b)", "gets(a)", "atoi(a)", "std::rand()",
                     "::system(a)", "sleep(1)", "usleep(1)", "std::this_thread::sleep_for(a)"]:
            self.assertEqual(len(found(f"void f() {{ {call}; }}")), 1, call)
        self.assertEqual(found("using namespace std;"), ["using namespace std"])

    def test_members_comments_literals_and_longer_names_are_not(self):
        for text in ["void f() { x.sleep(1); y->system(2); a_rand(); operands(3); }", "// sleep(1)", "/* gets(a)\n */",
                     'auto s = "sleep(1)";', 'auto s = R"(sleep(1))";', "std::system_error e;",
                     "using namespace std::chrono_literals;",
                     "int big = 1'000'000; // rand()"]:
            self.assertEqual(found(text), [], text)

    def test_printf_only_in_tests(self):
        self.assertEqual(found('void f() { std::printf("x"); }'), ["printf"])
        self.assertEqual(found('void f() { std::printf("x"); }', path="tests/unit/a_test.cpp"), [])

    def test_allowance_and_stale_allowance(self):
        text = "void f() { std::this_thread::sleep_for(a); }"
        self.assertEqual(found(text, allow=["common/net/a.cpp sleep_for  why"]), [])
        self.assertEqual(len(found("int x;", allow=["common/net/a.cpp sleep_for  why"])), 1)


class DataPath(unittest.TestCase):
    BAD = {
        "auto* p = new int;": "allocation", "auto p = std::make_unique<int>();": "allocation",
        "void* p = malloc(1);": "allocation", "auto s = fmt::format(x);": "allocation", "v.push_back(1);": "growth",
        "v->resize(1);": "growth", "throw 1;": "exception", "std::lock_guard g(m);": "lock",
        "std::mutex m;": "lock", "spdlog::info(x);": "log", "log_->warn(x);": "log", "::ioctl(fd, 1);": "system call",
        "auto t = std::chrono::steady_clock::now();": "system call",
    }

    def test_each_is_flagged_in_a_noexcept_body(self):
        for statement, kind in self.BAD.items():
            self.assertEqual(found(f"void f() noexcept {{ if (x) {{ y(); }} {statement} }}"), [kind], statement)

    def test_not_in_other_bodies_nor_other_files(self):
        for statement in self.BAD:
            self.assertEqual(found(f"void g() noexcept;\nvoid f() {{ {statement} }}"), [], statement)
            self.assertEqual(found(f"void f() noexcept {{ {statement} }}", rules=["common/flow/*"]), [], statement)
            self.assertEqual(
                found(f"void f() noexcept {{ {statement} }}", rules=["common/net/*", "!common/net/a*"]), [], statement)

    def test_bodies_are_found(self):
        for head in ["A() noexcept : x_(1), y_{2}, z_(f(3)) ", "auto f() const noexcept -> std::pair<int, int> ",
                     "void f() noexcept(sizeof(int) == 4) ", "bool f() const noexcept override ",
                     "template <class T> void f() noexcept requires(sizeof(T) == 1) ", "auto l = [&](int x) noexcept "]:
            self.assertEqual(found(head + "{ int y = 1; throw 1; }"), ["exception"], head)
        for text in ["void f() noexcept;\nvoid g() { throw 1; }", "A() noexcept = default;\nA(int) { throw 1; }",
                     "void f() noexcept(false) { throw 1; }", "A& operator=(A&&) noexcept = delete;"]:
            self.assertEqual(found(text), [], text)

    def test_placement_new_is_no_allocation(self):
        self.assertEqual(found("void f() noexcept { ::new (place) T; }"), [])

    def test_a_stage_must_be_noexcept(self):
        self.assertEqual(found("void process(core::Batch& batch, const Policy& p);"), ["exception"])
        self.assertEqual(found("void S::process(core::Batch& batch) { x(); }"), ["exception"])
        self.assertEqual(found("void process(core::Batch& batch, const Policy& p) noexcept;"), [])


class Marks(unittest.TestCase):
    def test_each_is_flagged(self):
        for text, kind in {
            "// TO" + "DO: later": "unfinished mark", "# FIX" + "ME": "unfinished mark", "int\tx;": "tab",
            "int x; ": "trailing space", "see /wo" + "rk/main": "path of one machine",
            "/ho" + "me/someone/x": "path of one machine",
        }.items():
            self.assertEqual(found(text, path="docs/a.md"), [kind], text)

    def test_mktemp_and_urls_are_not(self):
        self.assertEqual(found("mktemp x.XXXXXX; https://example.net/ho" + "me/x", path="docs/a.md"), [])

    def test_licence_and_last_newline(self):
        self.assertEqual(banned.check(Tree({"common/a.h": "int x;\n"}), [], []),
                         ["common/a.h:1: no licence: an SPDX line belongs in the first three"])
        self.assertEqual(len(banned.check(Tree({"tests/tool": "#!/bin/sh\ntrue\n"}), [], [])), 1)
        self.assertEqual(len(banned.check(Tree({"docs/a.md": "no end"}), [], [])), 1)


if __name__ == "__main__":
    unittest.main()
