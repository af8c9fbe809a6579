#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""rfc.py [--fix]: docs/rfc speaks of files and tests that are there, of every RFC the code cites, and counts right.

A page, docs/rfc/NNNN.md, has one table: clause, requirement, where, test. `where` names files, or says "not done" or
"does not apply"; `test` names tests, or gives the reason. A test is written

    `Suite.Case`              a GoogleTest case
    `Suite: title`            a scenario of MILLRACE_SCENARIOS(Suite, ...); "…" stands for what the code puts in
    `peer/NAME: test_method`  a method of tests/peer/NAME_test.py

docs/rfc/README.md counts the rows of each page, which --fix does for it, and says of every RFC cited in common/ or
vnfs/ that has no page why it needs none.
"""

import re
import sys

from tree import CODE, ROOT, Tree, report

INDEX = "docs/rfc/README.md"
HEADER = ["clause", "requirement", "where", "test"]
NOT_DONE, NOT_APPLICABLE = "not done", "does not apply"
COUNTED = ("tested", "untested", "not done", "does not apply")

_CITATION = re.compile(r"\bRFCs? ?(\d{3,5})\b((?:(?:,| and) \d{3,5}\b)*)")
_STRINGS = re.compile(r'(?:"(?:\\.|[^"\\\n])*"\s*)+')
_TICKED = re.compile(r"`([^`]+)`")


def rows(text):
    """The cells of each row of the page's tables, without headers and rules, and the row's line."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and cells[0].lower() not in ("clause", "rfc") and not set("".join(cells)) <= set("-: "):
            yield number, cells


def literals(text):
    """The string literals of C++ text, adjacent ones joined."""
    for match in _STRINGS.finditer(text):
        yield "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', match.group()))


class Tests:
    """What the sources under tests/ call their tests."""

    def __init__(self, tree):
        self.cases = set()
        self.scenarios = {}
        self.methods = {}
        for path in tree.paths(".cpp"):
            if path.startswith("tests/"):
                self._read(tree.text(path))
        for path in tree.paths("_test.py"):
            if match := re.fullmatch(r"tests/peer/(\w+)_test\.py", path):
                self.methods[match[1]] = set(re.findall(r"def (test_\w+)\(", tree.text(path)))

    def _read(self, text):
        self.cases.update(f"{suite}.{case}" for suite, case in
                          re.findall(r"\b(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", text))
        for suite, maker in re.findall(r"\bMILLRACE_SCENARIOS\((\w+),\s*(\w+)\(\)\)", text):
            body = re.search(rf"\b{maker}\(\) \{{\n(.*?)^\}}", text, re.M | re.S)
            self.scenarios[suite] = set(literals(body[1])) if body else set()

    def knows(self, name):
        suite, colon, title = name.partition(": ")
        if not colon:
            return name in self.cases
        if suite.startswith("peer/"):
            return title in self.methods.get(suite.removeprefix("peer/"), ())
        known = self.scenarios.get(suite, set())
        if title in known or f"{title} " in known:
            return True
        parts = title.split("…")
        return len(parts) > 1 and all(part in known for part in parts if part)


def kind_of(where, test):
    if where.lower().startswith(NOT_DONE):
        return NOT_DONE
    if where.lower().startswith(NOT_APPLICABLE):
        return NOT_APPLICABLE
    return "tested" if _TICKED.search(test) else "untested"


def check_page(tree, tests, path):
    """Findings, and how many rows there are of each kind."""
    findings = []
    counts = dict.fromkeys(COUNTED, 0)
    text = tree.text(path)
    number = re.fullmatch(r"docs/rfc/(\d+)\.md", path)[1]
    if not text.startswith(f"# RFC {number}: "):
        findings.append(f"{path}:1: the heading is not '# RFC {number}: TITLE'")
    if not re.search(r"^\| *" + r" *\| *".join(HEADER) + r" *\|$", text, re.M):
        findings.append(f"{path}: no table of {', '.join(HEADER)}")
    for line, cells in rows(text):
        at = f"{path}:{line}"
        if len(cells) != len(HEADER) or not all(cells):
            findings.append(f"{at}: a row has {len(HEADER)} cells, none of them empty")
            continue
        _, _, where, test = cells
        counts[kind_of(where, test)] += 1
        if kind_of(where, test) in ("tested", "untested") and not _TICKED.search(where):
            findings.append(f"{at}: no file that satisfies it, nor '{NOT_DONE}' or '{NOT_APPLICABLE}'")
        for name in _TICKED.findall(where):
            if name not in tree:
                findings.append(f"{at}: no file {name}")
        for name in _TICKED.findall(test):
            if not tests.knows(name):
                findings.append(f"{at}: no test {name}")
    return findings, counts


def cited(tree):
    """RFC number -> the first place that cites it."""
    places = {}
    for path in tree.paths(*CODE):
        if not path.startswith(("common/", "vnfs/")):
            continue
        text = re.sub(r"\s*\n\s*//\s*", " ", tree.text(path))  # a citation may go on in the next line of a comment
        for match in _CITATION.finditer(text):
            for number in [match[1], *re.findall(r"\d+", match[2])]:
                places.setdefault(number, path)
    return places


def index_row(number, title, counts):
    return f"| [{number}]({number}.md) | {title} | " + " | ".join(str(counts[kind]) for kind in COUNTED) + " |"


def index_tables(text):
    """The rows of the index: pages by number, and reasons by number of an RFC without a page."""
    pages, reasons = {}, {}
    for line, cells in rows(text):
        if match := re.fullmatch(r"\[(\d+)\]\(\1\.md\)", cells[0]):
            pages[match[1]] = (line, cells)
        elif re.fullmatch(r"\d+", cells[0]) and len(cells) == 2:
            reasons[cells[0]] = (line, cells[1])
    return pages, reasons


def total_row(all_counts):
    sums = {kind: sum(counts[kind] for counts in all_counts) for kind in COUNTED}
    return f"| all | {len(all_counts)} pages | " + " | ".join(str(sums[kind]) for kind in COUNTED) + " |"


def title_of(text):
    return text.splitlines()[0].partition(": ")[2]


def wanted_rows(tree, counts):
    """The rows the index should have, by the order of numbers, and the sums."""
    listed = [index_row(n, title_of(tree.text(f"docs/rfc/{n}.md")), counts[n]) for n in sorted(counts, key=int)]
    return [*listed, total_row(list(counts.values()))]


def check(tree):
    tests = Tests(tree)
    findings, counts = [], {}
    for path in tree.paths(".md"):
        if match := re.fullmatch(r"docs/rfc/(\d+)\.md", path):
            found, counts[match[1]] = check_page(tree, tests, path)
            findings += found
    if INDEX not in tree:
        return [*findings, f"{INDEX}: is missing"]
    index = tree.text(INDEX)
    _, reasons = index_tables(index)
    lines = index.splitlines()
    for row in wanted_rows(tree, counts):
        if row not in lines:
            findings.append(f"{INDEX}: should have the row {row} (--fix puts it there)")
    places = cited(tree)
    for number, path in sorted(places.items(), key=lambda item: int(item[0])):
        if number not in counts and number not in reasons:
            findings.append(f"{path}: cites RFC {number}, which has neither a page nor a reason in {INDEX}")
    for number, (line, _) in reasons.items():
        if number in counts:
            findings.append(f"{INDEX}:{line}: RFC {number} has a page")
        elif number not in places:
            findings.append(f"{INDEX}:{line}: RFC {number} is cited nowhere")
    return findings


def fixed(tree):
    """The index with right rows."""
    tests = Tests(tree)
    counts = {}
    for path in tree.paths(".md"):
        if match := re.fullmatch(r"docs/rfc/(\d+)\.md", path):
            counts[match[1]] = check_page(tree, tests, path)[1]
    out, written = [], False
    for line in tree.text(INDEX).splitlines():
        if re.match(r"\| (\[\d+\]|all) ?[|(]", line):
            if not written:
                out += wanted_rows(tree, counts)
            written = True
        else:
            out.append(line)
    return "\n".join(out) + "\n"


def main(arguments):
    if "--fix" in arguments:
        (ROOT / INDEX).write_text(fixed(Tree.of()))
    return report(check(Tree.of()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
