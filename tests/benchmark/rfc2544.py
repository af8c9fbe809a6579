# SPDX-License-Identifier: BSD-3-Clause
"""The shipped firewall as a process of its own, driven over memif by a generator in another: throughput after RFC 2544
section 26.1, latency after section 26.2, next to testpmd between the same ports in the same run."""

import dataclasses
import os
import shutil
import statistics
import sys

import devices
import rate_search

SIZES = {64: "64", 0: "imix", 1420: "1420"}  # packet bytes as in the results -> as the generator is asked
LOSSES = {"mpps_loss_0_1": 1e-3, "mpps_loss_0_001": 1e-5, "mpps": 0.0}  # part that may be lost
LOADS = (10, 50, 90)  # per cent of the firewall's throughput, at which latency is measured
PERCENTILES = ("p50", "p90", "p99", "p99_9", "max")
LATENCY_TRIALS = 3
MOST_DISTURBED = 40  # trials of a device done again
SESSIONS = 10_000


@dataclasses.dataclass
class Programs:
    firewall: str
    generator: str
    cpu_distance: str


class Plan:
    def __init__(self, quick, full):
        self.trial_s = 0.15 if quick else 0.5
        self.resolution = 0.02 if quick else 0.01
        self.rounds = 1 if quick else 2
        self.cases = [(size, SESSIONS) for size in SIZES]
        if full:
            self.cases.append((64, 1_000_000))


def obstacle(programs):
    """Why this can not be measured here, or None."""
    if os.geteuid() != 0:
        return "memif ports and network namespaces need root"
    if not devices.Places().enough:
        return "the firewall and the generator each need a CPU"
    missing = [name for name in ("dpdk-testpmd", "ip") if shutil.which(name) is None]
    missing += [program for program in dataclasses.astuple(programs) if not os.path.exists(program)]
    return f"not there: {', '.join(missing)}" if missing else None


def measure(programs, quick=False, full=False):
    """Yields a line for each case; none, and a note, where it can not be done."""
    reason = obstacle(programs)
    if reason:
        print(f"note: nothing measured across processes: {reason}", file=sys.stderr)
        return
    plan = Plan(quick, full)
    distance = devices.Distance(programs.cpu_distance, devices.Places())
    for size, sessions in plan.cases:
        try:
            own, reference = best_of_rounds(programs, distance, size, sessions, plan)
        except devices.lab.Failed as error:  # the other measurements are worth keeping
            print(f"note: across processes, {SIZES[size]} bytes, {sessions} sessions: {error}", file=sys.stderr)
            continue
        yield {"kind": "rfc2544", "case": "ipv4 tcp", "packet_bytes": size, "sessions": sessions, "workers": 1,
               "reference": reference["mpps"], **own,
               **{f"reference_{key}": value for key, value in reference.items() if key != "mpps"},
               "ratio": reference["mpps"] / own["mpps"] if own["mpps"] and reference["mpps"] else None,
               "round_trip_ns": distance.shortest_ns, "trial_seconds": plan.trial_s, "resolution": plan.resolution, "rounds": plan.rounds}


def best_of_rounds(programs, distance, size, sessions, plan):
    """In turn: what the machine gives varies over seconds."""
    rounds = [one_round(programs, distance, size, sessions, plan) for _ in range(plan.rounds)]
    own, beside = max(rounds, key=lambda both: both[0]["mpps"])
    fastest = max((reference for _, reference in rounds), key=lambda reference: reference["mpps"])
    # Latencies are of one round, where both were offered the same.
    return own, {**fastest, "latency_us": beside["latency_us"]}


def one_round(programs, distance, size, sessions, plan):
    places = devices.Places()
    with (devices.Firewall(programs.firewall, places, sessions) as device,
          Measured(device, programs.generator, places, distance, size, sessions, plan) as own):
        own.find_rates()
        rates = {load: own.found["mpps"] * 1e6 * load / 100 for load in LOADS}
        own.time(rates)
    # The same packets per second, so that what differs is the device.
    with (devices.Testpmd(places) as device,
          Measured(device, programs.generator, places, distance, size, sessions, plan) as reference):
        reference.find_rates()
        reference.time(rates)
    return own.found, reference.found


class Measured:
    """What one device did with one kind of traffic, in `found`."""

    def __init__(self, device, program, places, distance, size, sessions, plan):
        self.distance = distance
        self.size = size
        self.plan = plan
        self.found = {"disturbed": 0, "latency_us": {}}
        self.device = device
        self.generator = devices.Generator(program, device, places, sessions)
        try:
            self.found["huge_pages"] = bool(self.generator.started["huge_pages"])
            self.generator.establish()
        except BaseException:
            self.generator.close()
            raise

    def trial(self, rate):
        """Done again, a bounded number of times, when the CPUs were apart, or when it lost packets while the worker or the
        generator was kept from its CPU for so long that half a ring fills."""
        while True:
            before = self.device.worker_waited_s()
            result = self.generator.trial(SIZES[self.size], rate, self.plan.trial_s)
            waited_s = self.device.worker_waited_s() - before
            half_ring_s = devices.RING_SLOTS / result["offered"] * result["seconds"]
            disturbed = max(waited_s, result["longest_gap_us"] / 1e6) > half_ring_s
            lost = rate != 0 and result["received"] != result["offered"]
            if not (lost and disturbed) and not self.distance.apart():
                return result
            self.found["disturbed"] += 1
            if self.found["disturbed"] > MOST_DISTURBED:
                return result

    def find_rates(self):
        self.trial(0)  # warm-up
        search = rate_search.Search(self.trial, self.plan.resolution)
        for key, allowed in LOSSES.items():
            rate, by_generator = search.highest(allowed)
            self.found[key] = rate / 1e6
            if allowed == 0:
                self.found["generator_bound"] = by_generator
        self.found["overload_mpps"] = search.overload / 1e6
        self.found["generator_mpps"] = search.ceiling / 1e6
        self.found["trials"] = search.trials

    def time(self, rates):
        """Percentiles in microseconds, each the median of some trials; the curve is of the middle one by its p99."""
        for load, rate in rates.items():
            if rate < 1:
                continue
            results = sorted((self.trial(rate) for _ in range(LATENCY_TRIALS)),
                             key=lambda result: result["latency_p99_us"])
            middle = results[LATENCY_TRIALS // 2]
            # Beyond one packet in so many there is nothing to see.
            points = [us for i, us in enumerate(middle["latency_curve_us"]) if 10 ** (i / 4) <= middle["received"]]
            self.found["latency_us"][str(load)] = {
                "mpps": rate / 1e6,
                **{name: statistics.median(result[f"latency_{name}_us"] for result in results) for name in PERCENTILES},
                "lost": sum(result["offered"] - result["received"] for result in results),
                "offered": sum(result["offered"] for result in results),
                "untimed": sum(result["untimed"] for result in results), "curve": points}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.generator.close()
