# SPDX-License-Identifier: BSD-3-Clause
import contextlib
import io
import pathlib
import tempfile
import unittest

import run_ctest

SKIPPED = r'[=[\[  SKIPPED \]]=]'
OUTPUT = r"a.cpp:3: Skipped\nneeds root\n\n[  SKIPPED ] A.B (0 ms)\n"


class RunCtest(unittest.TestCase):
    def run_over(self, *trees, skip_property=f"SKIP_REGULAR_EXPRESSION {SKIPPED}"):
        """(exit status, lines) for trees given as lists of (test name, shell command)."""
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder)
            for number, tests in enumerate(trees):
                (build / str(number)).mkdir()
                text = "".join(
                    f'add_test("{name}" sh -c [=[{command}]=])\n'
                    f'set_tests_properties("{name}" PROPERTIES {skip_property or ""} SKIP_RETURN_CODE 77)\n'
                    for name, command in tests)
                (build / str(number) / "CTestTestfile.cmake").write_text(text)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                status = run_ctest.main([*(str(number) for number in range(len(trees))), "--"], build)
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

    def test_no_test_is_a_failure(self):
        self.assertNotEqual(self.run_over([])[0], 0)


if __name__ == "__main__":
    unittest.main()
