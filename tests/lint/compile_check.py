# SPDX-License-Identifier: BSD-3-Clause
"""Running a compiler over single files: with the flags of the build, two at a time, and not again over what it has
already passed.
"""

import concurrent.futures
import hashlib
import json
import pathlib
import posixpath
import re
import shlex
import subprocess
import time

from tree import includes


class Database:
    """compile_commands.json: the flags of each source, by path relative to the top."""

    def __init__(self, build, root):
        self.flags = {}
        for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text()):
            flags = wanted_flags(shlex.split(entry["command"]))
            for path in sources(pathlib.Path(entry["directory"], entry["file"])):
                if path.is_relative_to(root):
                    self.flags[str(path.relative_to(root))] = flags

    def flags_for(self, header, closures):
        """The flags of the source nearest to a header: one that includes it if any does, of the same name or folder
        rather than another.
        """
        folder, stem = posixpath.dirname(header), posixpath.splitext(header)[0]

        def distance(source):
            return (header not in closures(source), posixpath.splitext(source)[0] != stem,
                    -len(posixpath.commonpath(["/" + folder, "/" + source])), source)

        return self.flags[min(self.flags, key=distance)]


def sources(path):
    """What is compiled with a file: itself, or what a unity build took together in it."""
    if path.parent.name != "Unity":
        return [path]
    return [pathlib.Path(name) for name in re.findall(r'^#include "(.*)"$', path.read_text(), re.MULTILINE)]


def wanted_flags(command):
    """A compile command without the compiler, what it reads and what it writes."""
    flags, skip = [], False
    for word in command:
        if skip:
            skip = False
        elif word in ("-o", "-c", "-MF", "-MT", "-MQ"):
            skip = True
        elif flags or word.startswith("-"):
            if word not in ("-MD", "-MMD"):
                flags.append(word)
    return flags


class Closures:
    """The project's files that a file takes in, itself among them."""

    def __init__(self, tree):
        self._tree = tree
        self._known = {}

    def __call__(self, path):
        if path not in self._known:
            found, todo = set(), [path]
            while todo:
                current = todo.pop()
                if current in found or current not in self._tree:
                    continue
                found.add(current)
                todo += [target for _, target, system in includes(self._tree.text(current)) if not system]
            self._known[path] = found
        return self._known[path]


class Cache:
    """Keys of checks that passed, as empty files."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    @staticmethod
    def key(tree, closure, *rest):
        digest = hashlib.sha256()
        for path in sorted(closure):
            digest.update(f"{path}\0{tree.text(path)}\0".encode("utf-8", "surrogateescape"))
        for item in rest:
            digest.update(f"{item}\0".encode())
        return digest.hexdigest()

    def __contains__(self, key):
        return (self._folder / key).exists()

    def add(self, key):
        (self._folder / key).touch()


def version(tool):
    return subprocess.run([tool, "--version"], check=True, capture_output=True, text=True).stdout


def run_all(jobs, cache, seconds=None, workers=2):
    """jobs: (path, key, function returning (passed, output)). Returns the failures' outputs, and the paths for which
    the time did not reach.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    todo = [job for job in jobs if job[1] not in cache]
    print(f"{len(jobs)} files, {len(jobs) - len(todo)} unchanged since they passed")
    failures, left = [], []

    def one(job):
        path, key, function = job
        if deadline is not None and time.monotonic() > deadline:
            left.append(path)
            return
        passed, output = function()
        if passed:
            cache.add(key)
        else:
            failures.append(f"{path}:\n{output}")

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, todo))
    return sorted(failures), sorted(left)
