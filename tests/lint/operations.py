#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""operations.py [--fix]: the tables of docs/operations.md say what the code says: every drop reason with its sentence,
every metric with its help. What to do about a drop, and a metric's labels, are for people to write; --fix keeps them,
puts the rest right and adds what is missing, with an empty cell that someone has to fill."""

import re
import sys

from tree import ROOT, Tree, line_of, report

PAGE = "docs/operations.md"
DROPS = ["reason", "what happened", "what to do"]
METRICS = ["metric", "labels", "meaning"]

_TEXT = r'((?:"(?:\\.|[^"\\\n])*"\s*)+)'
_DROP = re.compile(r'\bDrop::k\w+\)?,\s*"([a-z0-9_]+)",\s*' + _TEXT)
_METRIC = re.compile(r'\b(?:per_worker|per_port|single|Metric(?:\s+\w+)?)\s*[({]\s*"([a-z_]+)",\s*' + _TEXT)


def joined(literals):
    return "".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', literals))


def drop_reasons(tree):
    """name -> sentence, in the code's order."""
    found = {}
    for path in ("common/core/drop_reason.cpp", *(p for p in tree.paths("/drops.cpp") if p.startswith("vnfs/"))):
        if path in tree:
            found.update((name, joined(text)) for name, text in _DROP.findall(tree.text(path)) if name != "none")
    return found


def metrics(tree):
    """name, with its prefix -> help, in the code's order."""
    found = {}
    for path in tree.paths(".cpp"):
        if path.startswith(("common/appliance/", "vnfs/")):
            found.update((f"millrace_{name}", joined(text)) for name, text in _METRIC.findall(tree.text(path)))
    return found


def tables(text):
    """(header, position of the first row, rows) of each table."""
    for match in re.finditer(r"^\|(.*)\|\n\|[-| ]+\|\n((?:\|.*\|\n)*)", text, re.M):
        header = [cell.strip() for cell in match[1].split("|")]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in match[2].splitlines()]
        yield header, match.start(2), rows


def check_table(page, header, text_column, wanted, what):
    found = [(start, rows) for head, start, rows in tables(page) if head == header]
    if len(found) != 1:
        return [f"{PAGE}: {len(found)} tables of {', '.join(header)}"]
    start, rows = found[0]
    first = line_of(page, start)
    findings, seen = [], set()
    for line, row in enumerate(rows, first):
        name = row[0].strip("`")
        seen.add(name)
        if len(row) != len(header) or not all(row):
            findings.append(f"{PAGE}:{line}: {name}: a cell is missing or empty")
        elif name not in wanted:
            findings.append(f"{PAGE}:{line}: there is no {what} {name}")
        elif row[text_column] != wanted[name]:
            findings.append(f"{PAGE}:{line}: {name}: the code says \"{wanted[name]}\" (--fix)")
    findings += [f"{PAGE}: the {what} {name} is missing (--fix)" for name in wanted if name not in seen]
    return findings


def check(tree):
    if PAGE not in tree:
        return [f"{PAGE}: is missing"]
    page = tree.text(PAGE)
    return [*check_table(page, DROPS, 1, drop_reasons(tree), "drop reason"),
            *check_table(page, METRICS, 2, metrics(tree), "metric")]


def fixed_table(page, header, text_column, wanted):
    for head, start, rows in tables(page):
        if head != header:
            continue
        kept = {row[0].strip("`"): row for row in rows}
        lines = []
        for name, text in wanted.items():
            row = kept.get(name, [f"`{name}`"] + [""] * (len(header) - 1))
            row[text_column] = text
            lines.append("| " + " | ".join(row) + " |\n")
        end = start + sum(len(line) for line in page[start:].splitlines(keepends=True)[:len(rows)])
        return page[:start] + "".join(lines) + page[end:]
    return page


def fixed(tree):
    page = fixed_table(tree.text(PAGE), DROPS, 1, drop_reasons(tree))
    return fixed_table(page, METRICS, 2, metrics(tree))


def main(arguments):
    if "--fix" in arguments:
        (ROOT / PAGE).write_text(fixed(Tree.of()))
    return report(check(Tree.of()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
