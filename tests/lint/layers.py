#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who may include whom: the rooms of the source, and where DPDK may show."""

import fnmatch

from tree import CODE, includes, run

BELOW_NET = {"common/base", "common/net"}
BELOW_CORE = BELOW_NET | {"common/flow"}
BELOW_ADAPTER = {"common/base", "common/http"}
BELOW_CONTROL = BELOW_ADAPTER | {"common/net"}  # a profile is full of addresses
BELOW_APPLIANCE = BELOW_CORE | BELOW_CONTROL | {"common/core", "common/host", "common/control"}
COMMON = BELOW_APPLIANCE | {"common/acceleration", "common/appliance"}

# Room -> the rooms it may include. A room may always include itself.
MAY_INCLUDE = {
    "common/base": set(),
    "common/net": {"common/base"},
    "common/flow": BELOW_NET,
    "common/core": BELOW_CORE,
    "common/host": BELOW_CORE | {"common/core"},
    "common/acceleration": {"common/base"},
    "common/http": {"common/base"},
    "common/control": BELOW_CONTROL,
    "common/appliance": BELOW_APPLIANCE,
    "vnfs": COMMON,
    "mano-adapter": BELOW_ADAPTER,
}

DPDK_ROOMS = {"common/core", "common/host", "common/acceleration", "common/appliance", "tests"}
# A VNF's own work done by a DPDK library, file by file.
DPDK_FILES = ("vnfs/firewall/rule_matcher.cpp",)  # rte_acl


def room(path):
    """"common/net/tcp/x.h" -> "common/net"; "vnfs/nat/x.h" -> "vnfs/nat"; "tests/unit/x.cpp" -> "tests"."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("common", "vnfs") and len(parts) > 2 else parts[0]


def allowed(source, target):
    """Whether a file of room `source` may include one of room `target`."""
    if source == target or source == "tests":
        return True
    rule = MAY_INCLUDE.get(source, MAY_INCLUDE.get(source.split("/")[0]))
    return rule is not None and target in rule


def may_use_dpdk(path):
    return room(path) in DPDK_ROOMS or any(fnmatch.fnmatch(path, pattern) for pattern in DPDK_FILES)


def check(tree):
    findings = []
    for path in tree.paths(*CODE):
        for line, target, system in includes(tree.text(path)):
            at = f"{path}:{line}"
            if target.rpartition("/")[2].startswith("rte_"):
                if not may_use_dpdk(path):
                    findings.append(f"{at}: <{target}>: DPDK is not for {room(path)}")
            elif system:
                if target in tree:
                    findings.append(f'{at}: <{target}>: a file of ours is included in quotes')
            elif target not in tree:
                findings.append(f'{at}: "{target}": not a file, counted from the top of the repository')
            elif not allowed(room(path), room(target)):
                findings.append(f'{at}: "{target}": {room(path)} may not include {room(target)}')
    return findings


if __name__ == "__main__":
    run(check)
