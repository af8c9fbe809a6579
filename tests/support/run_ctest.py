# SPDX-License-Identifier: BSD-3-Clause
"""run_ctest.py TREE[:TARGET]... -- [ctest arguments...]

One ctest run over the build trees build/TREE: all their tests, one summary, ctest's exit status. Just before the
summary, every skipped test is named with its reason, which ctest itself leaves out.

TREE:TARGET is configured and not built yet: ctest builds it, as the test build/TREE, while other trees' tests run that
wait more than they work. Its own tests are those of the fixture TREE (tests/CMakeLists.txt).
"""

import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
# GoogleTest's word on a case, and the reason on the next line.
CASES = re.compile(r": Skipped\n(.+)")
SUMMARY = re.compile(r"^(\d+% tests passed|No tests were found)")


# Of the processors that ctest may give away, tests/CMakeLists.txt; and the first of all to begin.
BUILD = "PROCESSORS 2 COST 10000 TIMEOUT 3000 LABELS build RESOURCE_LOCK build"


def combine(build, trees):
    """A ctest folder whose only content is the other trees."""
    combined = build / "tests"
    combined.mkdir(parents=True, exist_ok=True)
    lines = []
    for tree in trees:
        tree, _, target = tree.partition(":")
        if target:
            # Packets in peer tests must not be late for a compiler.
            lines.append(f'add_test("build/{tree}" nice -n 19 cmake --build "{build / tree}" --target {target} '
                         f"--parallel {os.cpu_count()})\n"
                         f'set_tests_properties("build/{tree}" PROPERTIES FIXTURES_SETUP {tree} {BUILD})\n')
        lines.append(f'subdirs("{build / tree}")\n')
    (combined / "CTestTestfile.cmake").write_text("".join(lines))
    return combined


def reason_in(output):
    """What a skipped test said: the line after GoogleTest's ": Skipped", or else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for at, line in enumerate(lines[:-1]):
        if line.endswith(": Skipped"):
            return lines[at + 1]
    return lines[-1] if lines else "no reason given"


def skipped(junit):
    """(test, reason) for each skipped test of a JUnit file, and for what a program of many cases skipped."""
    if not junit.exists():
        return []
    found = []
    for case in xml.etree.ElementTree.parse(junit).iter("testcase"):
        output = case.findtext("system-out") or ""
        if case.get("status") != "run" and case.find("skipped") is not None:
            found.append((case.get("name"), reason_in(output)))
        elif cases := CASES.findall(output):
            for reason in dict.fromkeys(reason.strip() for reason in cases):
                found.append((f"{case.get('name')}, {sum(one.strip() == reason for one in cases)} cases", reason))
    return found


def main(arguments, build=ROOT / "build"):
    at = arguments.index("--")
    trees, ctest_arguments = arguments[:at], arguments[at + 1 :]
    combined = combine(build, trees)
    junit = combined / "junit.xml"
    junit.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(combined), "--output-on-failure", "--no-tests=error"]
    command += ["--output-junit", str(junit), "--test-output-size-passed", str(1 << 20), *ctest_arguments]

    summary = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace") as ctest:
        for line in ctest.stdout:
            if summary or SUMMARY.match(line):
                summary.append(line)
            else:
                print(line, end="", flush=True)
    for test, reason in skipped(junit):
        print(f"SKIPPED {test}: {reason}")
    print("\n" + "".join(summary), end="", flush=True)
    return ctest.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
