#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Relative links in the Markdown files lead somewhere: to a file or folder here, and to a heading that is there."""

import posixpath
import re
import urllib.parse

from tree import run

# [text](target), [text](<target> "title"), and [name]: target on a line of its own.
INLINE = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", re.M)
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.M | re.S)


def prose(text):
    return CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def anchors(text):
    """The anchors of the headings, as GitHub makes them."""
    seen = {}
    fenceless = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", fenceless, re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield f"{slug}-{count}" if count else slug


def check(tree):
    folders = {""}
    for path in tree.paths():
        while path:
            path = posixpath.dirname(path)
            folders.add(path)
    findings = []
    for path in tree.paths(".md"):
        text = prose(tree.text(path))
        for match in [*INLINE.finditer(text), *REFERENCE.finditer(text)]:
            target = match.group(1)
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            at = f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {target}"
            file, _, anchor = urllib.parse.unquote(target).partition("#")
            goal = posixpath.normpath(posixpath.join(posixpath.dirname(path), file)) if file else path
            goal = "" if goal == "." else goal
            if goal not in tree and goal not in folders:
                findings.append(f"{at}: no such file")
            elif anchor and goal.endswith(".md") and anchor not in anchors(tree.text(goal)):
                findings.append(f"{at}: no such heading in {goal}")
    return findings


if __name__ == "__main__":
    run(check)
