# SPDX-License-Identifier: BSD-3-Clause
"""What every lint check stands on: the repository as a set of texts, and C++ text with its comments blanked."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE = (".h", ".cpp")


class Tree:
    """Files by path relative to the top. From a dict in tests, from git otherwise."""

    def __init__(self, texts, binaries=()):
        self._texts = texts
        self.binaries = tuple(binaries)  # paths of files that are no text

    @classmethod
    def of(cls, root=ROOT):
        """Tracked files and new ones that are not ignored."""
        # The checkout may belong to another user than the one who tests (a container, CI).
        command = ["git", "-c", f"safe.directory={root}", "-C", str(root), "ls-files", "-z"]
        command += ["--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        texts, binaries = {}, []
        for name in sorted(filter(None, listing.split("\0"))):
            if not (root / name).is_file():
                continue
            with open(root / name, "rb") as file:
                if b"\0" in file.read(4096):
                    binaries.append(name)
                    continue
            texts[name] = (root / name).read_bytes().decode("utf-8", "surrogateescape")
        return cls(texts, binaries)

    def paths(self, *suffixes):
        return [path for path in self._texts if not suffixes or path.endswith(suffixes)]

    def text(self, path):
        return self._texts[path]

    def __contains__(self, path):
        return path in self._texts


_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'                             # comments
    r'|R"(?P<d>[^()\\\s]{0,16})\(.*?\)(?P=d)"'       # raw strings
    r'|"(?:\\.|[^"\\\n])*"'                           # strings
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",          # characters, not digit separators
    re.S,
)


def code_only(text):
    """The same text, as long and with the same lines, where comments and the insides of literals are blanks."""

    def blank(match):
        token = match.group()
        gone = re.sub(r"[^\n]", " ", token)
        return gone if token.startswith("/") else '"' + gone[1:-1] + '"'

    return _TOKEN.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def includes(text):
    """(line, path, is_system) of each #include."""
    for match in _INCLUDE.finditer(text):
        yield line_of(text, match.start()), match.group(1) or match.group(2), match.group(2) is not None


def report(findings):
    """Prints them; the exit status."""
    for finding in findings:
        print(finding)
    print(f"{len(findings)} finding(s)")
    return 1 if findings else 0


def run(check):
    sys.exit(report(check(Tree.of())))
