# SPDX-License-Identifier: BSD-3-Clause
"""What goes through a chain's appliances, row by row."""

import re
import sys
import time

SAMPLE = re.compile(r"^millrace_(\w+)\{.*?\} (\S+)$", re.MULTILINE)
HEAD = f"{'':26}{'packets/s in':>12}{'out':>12}{'Mbit/s in':>12}{'dropped':>10}{'sessions':>10}"


def counts(appliance):
    """Sums of its metrics' families, by name; nothing when it does not answer."""
    text = appliance.get("/v1/metrics")
    if not isinstance(text, str):
        return None
    sums = {}
    for name, value in SAMPLE.findall(text):
        sums[name] = sums.get(name, 0) + float(value)
    return sums


def row(appliance, before, now, seconds):
    head = f"{appliance.name:12}{appliance.vnf:14}"
    if before is None or now is None:
        return f"{head}  does not answer"

    def rate(name):
        return (now.get(name, 0) - before.get(name, 0)) / seconds

    return (f"{head}{rate('received_packets_total'):12,.0f}{rate('transmitted_packets_total'):12,.0f}"
            f"{rate('received_bytes_total') * 8 / 1e6:12.1f}{rate('dropped_packets_total'):10,.0f}"
            f"{now.get('sessions', 0):10,.0f}")


class Picture:
    """Rates since the look before, drawn over the last one on a terminal."""

    def __init__(self, appliances):
        self.appliances = list(appliances)
        self.before, self.then = self._look()
        self.drawn = 0

    def _look(self):
        return [counts(one) for one in self.appliances], time.monotonic()

    def draw(self):
        now, at = self._look()
        rows = [HEAD, *(row(*one, at - self.then) for one in zip(self.appliances, self.before, now))]
        self.before, self.then = now, at
        terminal = sys.stdout.isatty()
        if self.drawn and terminal:
            print(f"\x1b[{self.drawn}A", end="")
        print("\n".join(f"{one}\x1b[K" if terminal else one for one in rows), flush=True)
        self.drawn = len(rows)
