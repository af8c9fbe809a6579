#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Calls that are not made here, calls that are not made on the data path, and marks that do not belong in a file.

The data path is what data_path.txt names: in those files every body of a function declared noexcept, and every stage's
process() must be one. Constructors and compilers, which may allocate, are not noexcept.
"""

import fnmatch
import pathlib
import re

from tree import CODE, code_only, line_of, run

HERE = pathlib.Path(__file__).resolve().parent

# name -> pattern, on code without comments and literals. A member of the same name (x.sleep()) is not meant.
FREE = r"(?<![\w.>:])(?:std::|::)?"
EVERYWHERE = {
    name: re.compile(FREE + name + r"\s*\(")
    for name in ("strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "atof", "rand", "srand",
                 "system", "popen", "sleep", "usleep", "nanosleep", "alloca")
}
EVERYWHERE["sleep_for"] = re.compile(r"\bsleep_(?:for|until)\s*\(")
EVERYWHERE["using namespace std"] = re.compile(r"\busing\s+namespace\s+std\s*;")

NOT_IN_TESTS = {"printf": re.compile(FREE + r"(?:printf|fprintf|snprintf|vprintf|vfprintf|vsnprintf|puts|putchar)\s*\(")}

DATA_PATH = {
    "allocation": r"\bnew\b(?!\s*\()|\bdelete\b|\bmake_(?:unique|shared)\b"
                  r"|" + FREE + r"(?:malloc|calloc|realloc|free|aligned_alloc|posix_memalign|strdup)\s*\("
                  r"|\brte_(?:[zc]?malloc\w*|realloc\w*|free)\s*\("
                  r"|\bstd::(?:to_string|function|format)\b|\bfmt::|\bto_string\s*\(",
    "growth": r"(?:\.|->)(?:push_back|push_front|emplace_back|emplace_front|resize|reserve|shrink_to_fit)\s*\(",
    "exception": r"\bthrow\b",
    "lock": r"\bstd::(?:\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable)\b"
            r"|\bpthread_\w+|\brte_(?:spinlock|rwlock|ticketlock)_\w*lock\w*",
    "log": r"\bspdlog::|\bSPDLOG_\w+|\bRTE_LOG\b|\brte_log\b|\bstd::(?:cout|cerr|clog)\b|\blog(?:ger)?_?(?:\.|->)\w",
    "system call": r"(?<![\w>])::(?:read|write|open|close|poll|ioctl|send\w*|recv\w*|syscall|mmap|munmap|"
                   r"clock_gettime|gettimeofday)\s*\(|_clock::now\s*\(",
}
DATA_PATH = {name: re.compile(pattern) for name, pattern in DATA_PATH.items()}

# Put together here so that this file does not hold them.
MARK = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
MACHINE_PATH = re.compile(r"(?<![\w.}])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")/\w")
SPDX = "SPDX-License-" + "Identifier:"
# Inputs and captures stay as they came.
DATA = ("tests/fuzz/corpus/*", "tests/*/data/*", "*.pcap", "*.pcapng", "*.svg", "LICENSE")


def close_of(code, opening):
    """The position after the bracket that closes the one at `opening`."""
    pairs = {"(": ")", "{": "}"}
    depth, opens, closes = 0, code[opening], pairs[code[opening]]
    for at in range(opening, len(code)):
        if code[at] == opens:
            depth += 1
        elif code[at] == closes:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(code)


def noexcept_bodies(code):
    """(start, end) of each function body that follows a noexcept; declarations have none."""
    for match in re.finditer(r"\bnoexcept\b", code):
        at = match.end()
        condition = re.compile(r"\s*\(").match(code, at)
        if condition:
            end = close_of(code, condition.end() - 1)
            if code[condition.end() : end - 1].strip() == "false":
                continue
            at = end
        # Up to the body: a trailing return type, a requires clause, override, or a constructor's initialisers.
        initialisers = re.compile(r"[^;{}=(),:]*:(?!:)").match(code, at)
        if initialisers:
            at = initialisers.end()
            while True:
                member = re.compile(r"\s*[\w:]+(?:<[^;{}()]*>)?\s*(?=[({])").match(code, at)
                if not member:
                    break
                at = close_of(code, member.end())
                comma = re.compile(r"\s*,").match(code, at)
                if not comma:
                    break
                at = comma.end()
        brace = re.compile(r"(?:\s*->[^;{}=]*|(?:[^;{}=,()]|\((?:[^(){};]|\([^(){};]*\))*\))*)\{").match(code, at)
        if brace:
            yield brace.end() - 1, close_of(code, brace.end() - 1)


def patterns(name):
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def on_data_path(path, rules):
    inside = any(fnmatch.fnmatch(path, rule) for rule in rules if not rule.startswith("!"))
    return inside and not any(fnmatch.fnmatch(path, rule[1:].split()[0]) for rule in rules if rule.startswith("!"))


def check_code(path, text, data_path_rules):
    """(line, what, excerpt) of each banned thing in a C++ file."""
    code = code_only(text)
    calls = dict(EVERYWHERE)
    if not path.startswith("tests/"):
        calls.update(NOT_IN_TESTS)
    for what, pattern in calls.items():
        for match in pattern.finditer(code):
            yield line_of(code, match.start()), what, "banned everywhere"
    if not on_data_path(path, data_path_rules):
        return
    for start, end in noexcept_bodies(code):
        for what, pattern in DATA_PATH.items():
            for match in pattern.finditer(code, start, end):
                yield line_of(code, match.start()), what, f"on the data path: {match.group().strip()}"
    stage = re.compile(r"\bvoid\s+(?:\w+::)?process\s*\([^;{}]*?\bBatch\b[^;{}]*\)(?P<rest>[^;{]*)[;{]")
    for match in stage.finditer(code):
        if "noexcept" not in match.group("rest"):
            yield line_of(code, match.start()), "exception", "a stage's process() must be noexcept"


def check_marks(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        for what, pattern in (("unfinished mark", MARK), ("path of one machine", MACHINE_PATH)):
            match = pattern.search(line)
            if match:
                yield number, what, match.group()
        if "\t" in line:
            yield number, "tab", "spaces are used"
        if line != line.rstrip():
            yield number, "trailing space", "none is wanted"
    if text and not text.endswith("\n"):
        yield text.count("\n") + 1, "no newline", "at the end of the file"
    is_source = path.endswith((*CODE, ".cmake", ".py")) or path.endswith("CMakeLists.txt") or text.startswith("#!")
    if is_source and SPDX not in "\n".join(text.split("\n", 3)[:3]):
        yield 1, "no licence", "an SPDX line belongs in the first three"


def check(tree, data_path_rules=None, allowances=None):
    rules = patterns("data_path.txt") if data_path_rules is None else data_path_rules
    allowed = patterns("banned_allow.txt") if allowances is None else allowances
    unused = {tuple(re.split(r"\s{2,}", entry)[0].split(maxsplit=1)) for entry in allowed}
    allowed = set(unused)
    findings = []
    for path in tree.paths():
        if any(fnmatch.fnmatch(path, pattern) for pattern in DATA):
            continue
        text = tree.text(path)
        found = list(check_marks(path, text))
        if path.endswith(CODE):
            found += check_code(path, text, rules)
        for line, what, why in sorted(found):
            if (path, what) in allowed:
                unused.discard((path, what))
            else:
                findings.append(f"{path}:{line}: {what}: {why}")
    for entry in sorted(unused):
        findings.append(f"tests/lint/banned_allow.txt: {' '.join(entry)}: nothing there needs this any more")
    return findings


if __name__ == "__main__":
    run(check)
