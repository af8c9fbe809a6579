#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The shape of the repository: what lies at the top, how long a file may be, and that unit tests mirror the source."""

import re

from tree import CODE, run

TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
       "common", "docs", "images", "mano-adapter", "tests", "vnfs"}
LONG, TOO_LONG = 300, 500


def check_top(tree):
    for entry in sorted({path.split("/")[0] for path in (*tree.paths(), *tree.binaries)}):
        if entry not in TOP and not entry.startswith("."):
            yield f"{entry}: does not belong at the top"


def check_length(tree, note=print):
    for path in tree.paths():
        text = tree.text(path)
        if not (path.endswith((*CODE, ".py")) or text.startswith("#!")):
            continue
        lines = text.count("\n")
        if lines > TOO_LONG:
            yield f"{path}: {lines} lines, past {TOO_LONG}: split it"
        elif lines > LONG:
            note(f"note: {path}: {lines} lines, past {LONG}: is it one thing?")


def source_folders(room):
    """Where the sources lie that tests/unit/ROOM tests."""
    return (f"common/{room}/", f"vnfs/{room}/", f"{room}/", f"tests/{room}/")


def check_mirror(tree):
    """tests/unit/ROOM/x_test.cpp, or x_ASPECT_test.cpp, tests x.h or x.cpp of that room."""
    for path in tree.paths(".cpp"):
        match = re.fullmatch(r"tests/unit/(.+)/([^/]+)\.cpp", path)
        if not match:
            continue
        room, stem = match.groups()
        if not stem.endswith("_test"):
            yield f"{path}: a unit test's name ends in _test.cpp; what tests share lies in tests/support"
            continue
        words = stem.removesuffix("_test").split("_")
        names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
        sources = (folder + name + suffix for folder in source_folders(room) for name in names for suffix in CODE)
        if not any(source in tree for source in sources):
            yield f"{path}: no source of that name in {' or '.join(source_folders(room))}"


def check(tree):
    return [*check_top(tree), *check_length(tree), *check_mirror(tree)]


if __name__ == "__main__":
    run(check)
