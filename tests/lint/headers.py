#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""headers.py BUILD: every header compiles alone, twice in a row, without a warning, with the flags of BUILD."""

import subprocess
import sys

from compile_check import Cache, Closures, Database, run_all, version
from tree import ROOT, Tree, report


def compile_alone(root, header, flags, compiler="g++"):
    """(passed, output)."""
    source = f'#include "{header}"\n#include "{header}"\n'
    command = [compiler, *flags, f"-I{root}", "-Werror", "-fsyntax-only", "-x", "c++", "-"]
    result = subprocess.run(command, input=source, cwd=root, capture_output=True, text=True)
    return result.returncode == 0, result.stderr


def check(root, tree, build):
    closures = Closures(tree)
    database = Database(build, root)
    compiler = version("g++")
    jobs = []
    for header in tree.paths(".h"):
        flags = database.flags_for(header, closures)
        key = Cache.key(tree, closures(header), header, compiler, *flags)
        jobs.append((header, key, lambda header=header, flags=flags: compile_alone(root, header, flags)))
    failures, _ = run_all(jobs, Cache(f"{build}/lint/headers"))
    return failures


if __name__ == "__main__":
    sys.exit(report(check(ROOT, Tree.of(), sys.argv[1])))
