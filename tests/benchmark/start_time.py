# SPDX-License-Identifier: BSD-3-Clause
"""How long an appliance takes from its start to READY=1, with a table of one million sessions."""

import os
import pathlib
import socket
import subprocess
import tempfile
import time

PROFILE = """
vnf: firewall
name: start-time
dataplane: {workers: 1, sessions: 1M}
ports:
  inside: {device: net_null0}
  outside: {device: net_null1}
interfaces:
  trust: {port: inside}
  untrust: {port: outside}
forwarding: {transparent: {pairs: [[inside, outside]]}}
firewall:
  zones: {inside: [trust], outside: [untrust]}
  default: drop
  rules:
    - {name: out, from: inside, to: outside, action: accept}
"""
RUNS = 5
PATIENCE_S = 30


def once(program, folder):
    """Seconds, and what the process then holds in memory in MiB."""
    profile = folder / "profile.yaml"
    profile.write_text(PROFILE, encoding="utf-8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices, open(folder / "log", "w+", encoding="utf-8") as log:
        address = folder / "notify"
        address.unlink(missing_ok=True)
        notices.bind(str(address))
        notices.settimeout(0.2)
        begin = time.monotonic()
        with subprocess.Popen([program, "--profile", profile, "--control", folder / "control.sock"],
                              env={**os.environ, "NOTIFY_SOCKET": str(address)}, stdout=log, stderr=log) as running:
            try:
                while True:
                    try:
                        if b"READY=1" in notices.recv(4096):
                            break
                    except TimeoutError:
                        if running.poll() is not None or time.monotonic() - begin > PATIENCE_S:
                            log.seek(0)
                            raise RuntimeError(f"{program} does not get ready:\n{log.read()}") from None
                seconds = time.monotonic() - begin
                status = pathlib.Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
                resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
            finally:
                running.terminate()
    return seconds, resident / 1024


def measure(program):
    """Median and best of some starts, or None when the program is not there."""
    if not pathlib.Path(program).exists():
        return None
    with tempfile.TemporaryDirectory(prefix="millrace-start-") as folder:
        runs = [once(program, pathlib.Path(folder)) for _ in range(RUNS)]
    seconds = sorted(run[0] for run in runs)
    return {"sessions": 1_000_000, "seconds": seconds[RUNS // 2], "seconds_best": seconds[0],
            "seconds_worst": seconds[-1], "resident_mib": runs[0][1]}
