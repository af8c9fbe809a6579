# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import pathlib
import subprocess
import tempfile
import unittest

import run_ctest

SKIPPED = r'[=[\[  SKIPPED \]]=]'
OUTPUT = r"a.cpp:3: Skipped\nneeds root\n\n[  SKIPPED ] A.B (0 ms)\n"


class RunCtest(unittest.TestCase):
    def run_over(self, *trees, skip_property=f"SKIP_REGULAR_EXPRESSION {SKIPPED}", target=""):
        """(exit status, lines) for trees given as lists of (test name, shell command). The last one's `target` is built first,
        from a Makefile."""
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder)
            for number, tests in enumerate(trees):
                (build / str(number)).mkdir()
                text = "".join(
                    f'add_test("{name}" sh -c [=[{command}]=])\n'
                    f'set_tests_properties("{name}" PROPERTIES {skip_property or ""} SKIP_RETURN_CODE 77)\n'
                    for name, command in tests)
                (build / str(number) / "CTestTestfile.cmake").write_text(text)
            named = [str(number) for number in range(len(trees))]
            if target:
                named[-1] += f":{target}"
                (build / "source").mkdir()
                (build / "source" / "CMakeLists.txt").write_text(
                    "cmake_minimum_required(VERSION 3.20)\nproject(it NONE)\n"
                    "add_custom_target(good COMMAND touch made)\nadd_custom_target(bad COMMAND false)\n")
                kept = (build / str(len(trees) - 1) / "CTestTestfile.cmake").read_text()
                subprocess.run(["cmake", "-S", build / "source", "-B", build / str(len(trees) - 1)], check=True,
                               stdout=subprocess.DEVNULL)
                (build / str(len(trees) - 1) / "CTestTestfile.cmake").write_text(
                    kept.replace("PROPERTIES", f"PROPERTIES FIXTURES_REQUIRED {len(trees) - 1}"))
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                status = run_ctest.main([*named, "--"], build)
        return status, printed.getvalue().splitlines()

    def test_one_summary_over_all_trees(self):
        status, lines = self.run_over([("a", "true"), ("b", "true")], [("asan/a", "true")])
        self.assertEqual(status, 0)
        self.assertEqual([line for line in lines if "tests passed" in line],
                         ["100% tests passed, 0 tests failed out of 3"])
        self.assertTrue(lines[-1].startswith("Total Test time"), lines[-1])

    def test_a_failure_in_any_tree_fails(self):
        status, lines = self.run_over([("a", "true")], [("asan/a", "echo why; false")])
        self.assertNotEqual(status, 0)
        self.assertIn("why", lines)
        self.assertIn("50% tests passed, 1 tests failed out of 2", lines)

    def test_skipped_tests_give_their_reason_before_the_summary(self):
        status, lines = self.run_over([("a", "true"), ("s", f"printf '{OUTPUT}'")], [("t", "echo no huge pages; exit 77")])
        self.assertEqual(status, 0)
        summary = next(at for at, line in enumerate(lines) if "tests passed" in line)
        self.assertIn("SKIPPED s: needs root", lines[:summary])
        self.assertIn("SKIPPED t: no huge pages", lines[:summary])

    def test_cases_that_a_program_skipped_are_named(self):
        said = r"a.cpp:3: Skipped\nno corpus\n\na.cpp:9: Skipped\nno corpus\n\n[  PASSED  ] 7 tests.\n"
        status, lines = self.run_over([("s", f"printf '{said}'")], skip_property=None)
        self.assertEqual(status, 0)
        self.assertIn("SKIPPED s, 2 cases: no corpus", lines)

    def test_a_tree_is_built_before_its_tests(self):
        status, lines = self.run_over([("a", "true")], [("late", "test -e made")], skip_property=None, target="good")
        self.assertEqual(status, 0, lines)
        self.assertIn("100% tests passed, 0 tests failed out of 3", lines)

    def test_a_tree_that_cannot_be_built_fails(self):
        status, lines = self.run_over([("a", "true")], [("late", "true")], skip_property=None, target="bad")
        self.assertNotEqual(status, 0)
        self.assertIn("33% tests passed, 2 tests failed out of 3", lines)

    def test_no_test_is_a_failure(self):
        self.assertNotEqual(self.run_over([])[0], 0)


if __name__ == "__main__":
    unittest.main()
