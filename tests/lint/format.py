#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""format.py [--fix]: clang-format agrees with every source; --fix makes it so."""

import subprocess
import sys

from tree import CODE, ROOT, Tree, report


def check(root, paths):
    """One finding for each line of complaint."""
    if not paths:
        return []
    command = ["clang-format", "--dry-run", "-Werror", "--style=file", *paths]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    findings = [line for line in result.stderr.splitlines() if ": error: " in line or ": warning: " in line]
    if result.returncode != 0 and not findings:
        findings = [result.stderr.strip() or f"clang-format ended with status {result.returncode}"]
    return findings


def main(arguments):
    paths = Tree.of().paths(*CODE)
    if "--fix" in arguments:
        subprocess.run(["clang-format", "-i", "--style=file", *paths], cwd=ROOT, check=True)
    return report(check(ROOT, paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
