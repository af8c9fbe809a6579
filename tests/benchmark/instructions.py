#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Instructions per packet of an appliance on established traffic: IPv4, TCP, 64 bytes, 10 thousand sessions.

    instructions.py firewall|load_balancer|nat|vpn PROGRAM [--gate | MODE]

PROGRAM is benchmark_gate, benchmark_load_balancer_gate (in mode nat), benchmark_nat_gate or benchmark_vpn_gate (into a
tunnel, under valgrind's processor, which has no AVX-512) of a release build. Counted by callgrind over everything the worker does, reception and
transmission included; the same from run to run, whatever else the machine does. With --gate the exit status is 1
when the count is past the bound; 77 when there is no valgrind. MODE counts what else the program can: with
benchmark_gate, handshakes or watched_handshakes, of connections that begin, three packets each, and watched.
"""

import re
import shutil
import subprocess
import sys
import tempfile

# A few per cent above what the code needs today with GCC 12 and DPDK 22.11. Raise it only with a reason in the commit.
BOUNDS = {"firewall": 700, "load_balancer": 830, "nat": 810, "vpn": 1480}
SKIPPED = 77


def count(program, mode="instructions"):
    """Instructions per packet, or None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    with tempfile.NamedTemporaryFile(prefix="millrace-callgrind-") as profile:
        command = ["valgrind", "--tool=callgrind", "--collect-atstart=no", f"--callgrind-out-file={profile.name}",
                   program, mode]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    packets = re.search(r"^packets (\d+)$", done.stdout, re.MULTILINE)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not packets or not collected or int(collected[1]) == 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return int(collected[1]) / int(packets[1])


def main(arguments):
    if len(arguments) not in (2, 3) or arguments[0] not in BOUNDS:
        print(__doc__)
        return 2
    bound = BOUNDS[arguments[0]]
    mode = arguments[2] if len(arguments) == 3 and arguments[2] != "--gate" else "instructions"
    instructions = count(arguments[1], mode)
    if instructions is None:
        print("skipped: valgrind is not installed")
        return SKIPPED
    if mode != "instructions":
        print(f"{instructions:.0f} instructions per packet of {mode}")
        return 0
    print(f"{instructions:.0f} instructions per packet, bound {bound}")
    return 1 if "--gate" in arguments and instructions > bound else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
