# SPDX-License-Identifier: BSD-3-Clause
"""Tables and plots of what tests/benchmark/run has measured."""

import pathlib
import platform
import re

import plot
import rfc2544

SIZES = {0: "IMIX", 64: "64", 1420: "1420"}
STAGE = re.compile(r"stage_(.+?)(?<!_best)(?<!_p10)(?<!_p90)$")


def amount(number):
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size and number % size == 0:
            return f"{number / size:g}{letter}"
    return f"{number:,.0f}" if number >= 1_000 else f"{number:g}"


def of_kind(lines, kind):
    return [line for line in lines if line["kind"] == kind]


def table(head, rows):
    """Markdown that reads well as plain text too."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def spread(line, key):
    return f"{line[key + '_best']:.0f} / {line[key]:.0f} ({line[key + '_p10']:.0f}-{line[key + '_p90']:.0f})"


def forwarding(lines, kind="forward"):
    head = ["traffic", "packet", "sessions", "workers", "Mpps", "cycles: best / median (p10-p90)",
            "with reception", "I/O only", "ratio"]
    rows = [[traffic(line), SIZES[line["packet_bytes"]], amount(line["sessions"]), line["workers"],
             f"{line['mpps']:.1f}", spread(line, "cycles_per_packet"),
             f"{line['with_reception_best']:.0f} / {line['with_reception']:.0f}",
             f"{line['reference_best']:.0f} / {line['reference']:.0f}",
             f"{line['with_reception'] / line['reference']:.2f}"] for line in of_kind(lines, kind)]
    return table(head, rows)


def traffic(line):
    return f"{line['case']}, {line['ports']}" if "ports" in line else line["case"]


def stage_names(line):
    return [match[1] for match in map(STAGE.fullmatch, line) if match]


def by_stage(lines, kind="forward"):
    chosen = [line for line in of_kind(lines, kind) if line["packet_bytes"] == 64 and line["workers"] == 1]
    names = stage_names(chosen[0])
    rows = [[traffic(line), amount(line["sessions"]), *(f"{line[f'stage_{name}']:.0f}" for name in names)]
            for line in chosen]
    return table(["traffic", "sessions", *names], rows)


def setup(lines):
    head = ["rules", "first packet: best / median (p10-p90)", "whole handshake", "I/O only, a packet",
            "sessions per second: best / median"]
    rows = [[amount(line["rules"]), spread(line, "first_packet"), spread(line, "handshake"),
             f"{line['reference']:.0f}",
             f"{line['sessions_per_second_best'] / 1e6:.2f} M / {line['sessions_per_second'] / 1e6:.2f} M"]
            for line in of_kind(lines, "setup")]
    return table(head, rows)


def mpps(line, key, bound_key=None):
    """A rate; >= where it was the generator that could do no more, - where every rate lost too much."""
    if line[key] == 0:
        return "-"
    return (">= " if bound_key and line[bound_key] else "") + f"{line[key]:.2f}"


def throughput(lines):
    head = ["traffic", "packet", "sessions", "Mpps without loss", "up to 0.001 % lost", "up to 0.1 % lost",
            "overloaded", "testpmd without loss", "testpmd overloaded", "ratio"]
    rows = [[line["case"], SIZES[line["packet_bytes"]], amount(line["sessions"]), mpps(line, "mpps", "generator_bound"),
             mpps(line, "mpps_loss_0_001"), mpps(line, "mpps_loss_0_1"), mpps(line, "overload_mpps"),
             mpps(line, "reference", "reference_generator_bound"), mpps(line, "reference_overload_mpps"),
             f"{line['ratio']:.2f}" if line["ratio"] else "-"] for line in of_kind(lines, "rfc2544")]
    return table(head, rows)


def latency(lines):
    head = ["packet", "sessions", "load", "Mpps", "device", "50 %", "90 %", "99 %", "99.9 %", "longest", "untimed", "lost"]
    rows = []
    for line in of_kind(lines, "rfc2544"):
        for load, device, times in ((load, device, line[key][load]) for load in ("10", "50", "90")
                                    for device, key in (("firewall", "latency_us"), ("testpmd", "reference_latency_us"))
                                    if load in line[key]):
            rows.append([SIZES[line["packet_bytes"]], amount(line["sessions"]), f"{load} %", f"{times['mpps']:.2f}", device,
                         *(f"{times[name]:.1f}" for name in ("p50", "p90", "p99", "p99_9", "max")),
                         f"{times['untimed'] / times['offered']:.2%}", f"{times['lost']} of {times['offered'] / 1e6:.1f} M"])
    return table(head, rows)


def other(lines):
    rows = []
    for line in of_kind(lines, "memory"):
        rows.append([f"memory for {amount(line['sessions'])} sessions",
                     f"{line['table_mib']:.0f} MiB of tables; process grown by {line['resident_mib']:.0f} MiB"])
    for line in of_kind(lines, "sweep"):
        rows.append([f"coming to each of {amount(line['sessions'])} sessions again and again, to keep its rule's counters live",
                     f"{line['quiet']:.0f} cycles when it has had no packet since, {line['busy']:.0f} when it has; "
                     f"{line['share'] * 100:.2f} % of a core"])
    for line in of_kind(lines, "swap"):
        rows.append([f"policy of {amount(line['rules'])} rules swapped {line['swaps']:.0f} times under load",
                     f"{line['lost']:.0f} of {line['packets'] / 1e6:.1f} M packets lost"])
        rows.append(["longest iteration of the worker's loop while policies are swapped",
                     f"{line['longest_own_us']:.0f} us of its own time, of those that met a new policy "
                     f"{line['at_swap_us']:.0f} us (median), {line['at_swap_us_p90']:.0f} us (p90), "
                     f"{line['longest_at_swap_us']:.0f} us (longest); {line['slow']:.0f} of {line['iterations'] / 1e3:.0f}k iterations "
                     f"past 100 us; {line['longest_us']:.0f} us by the wall"])
        rows.append(["the same while none is swapped", f"{line['quiet_longest_own_us']:.0f} us of its own time, "
                     f"{line['quiet_slow']:.0f} past 100 us; {line['quiet_longest_us']:.0f} us by the wall"])
    for line in of_kind(lines, "instructions"):
        rows.append(["instructions per packet: IPv4, TCP, 64 bytes, 10k sessions, reception included",
                     f"{line['instructions_per_packet']:.0f} (bound {line['bound']})"])
    for line in of_kind(lines, "start"):
        rows.append([f"start to ready, table of {amount(line['sessions'])} sessions",
                     f"{line['seconds_best']:.2f} / {line['seconds']:.2f} s best / median; "
                     f"{line['resident_mib']:.0f} MiB resident"])
    return table(["what", "measured"], rows)


FIREWALL = [("Established sessions", forwarding, {"forward"}), ("Cycles by stage, 64 bytes, median", by_stage, {"forward"}),
            ("New sessions", setup, {"setup"}), ("Across processes: throughput", throughput, {"rfc2544"}),
            ("Across processes: latency in microseconds", latency, {"rfc2544"}),
            ("Other", other, {"memory", "sweep", "swap", "instructions", "start"})]


def tables(lines, parts):
    return "\n\n".join(f"### {title}\n\n{make(lines)}" for title, make, kinds in parts
                       if any(line["kind"] in kinds for line in lines))


def machine(lines, kind="machine"):
    (line,) = of_kind(lines, kind)
    core = f", core at {line['core_hz'] / 1e9:.2f} GHz when the run began" if "core_hz" in line else ""
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"model name\s*: (.+)", info)
    cpus = info.count("\nprocessor") + info.startswith("processor")
    pages = re.search(r"\[(\w+)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    reserved = re.search(r"HugePages_Total:\s*(\d+)", read("/proc/meminfo"))
    virtual = "hypervisor" in info
    return (f"{model[1] if model else platform.machine()}, {cpus} CPUs{', virtual' if virtual else ''}; time stamp "
            f"counter {line['tsc_hz'] / 1e9:.2f} GHz{core}; transparent huge pages: {pages[1] if pages else 'unknown'}, reserved huge pages: "
            f"{reserved[1] if reserved else '0'}; Linux {platform.release()}.")


def read(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""


def plots(lines):
    forward = [line for line in of_kind(lines, "forward") if line["workers"] == 1]
    scales = sorted({line["sessions"] for line in forward if line["case"] == "ipv4 tcp"})

    def at(case, size, sessions):
        return next((line for line in forward if (line["case"], line["packet_bytes"], line["sessions"])
                     == (case, size, sessions)), None)
    chosen = [(case, [at(case, 64, scale) for scale in scales]) for case in ("ipv4 tcp", "ipv6 tcp")]
    series = [(case, [line["cycles_per_packet"] for line in found]) for case, found in chosen if all(found)]
    series.append(("I/O only", [at("ipv4 tcp", 64, scale)["reference"] for scale in scales]))
    names = [f"{amount(scale)} session{'s' if scale > 1 else ''}" for scale in scales]
    yield "sessions", "Established sessions", plot.bars("Cycles per packet, 64 bytes, one worker", "cycles", names, series)
    lines64 = [at("ipv4 tcp", 64, scale) for scale in scales]
    stages = [(name, [line[f"stage_{name}"] for line in lines64]) for name in stage_names(lines64[0])]
    yield "stages", "Stages", plot.bars("Cycles per packet by stage, IPv4 TCP, 64 bytes", "cycles", names, stages,
                                        stacked=True)
    sizes = [size for size in SIZES if at("ipv4 tcp", size, 10_000)]
    sizes.sort(key=lambda size: size or 354)
    yield "sizes", "Packet sizes", plot.bars(
        "Million packets per second, IPv4 TCP, 10 thousand sessions, one worker", "Mpps",
        [SIZES[size] + (" bytes" if size else "") for size in sizes],
        [("firewall", [at("ipv4 tcp", size, 10_000)["mpps"] for size in sizes])])
    if of_kind(lines, "setup"):
        new = of_kind(lines, "setup")
        yield "setup", "New sessions", plot.bars(
            "Million new TCP sessions per second, one worker", "M/s", [f"{amount(line['rules'])} rules" for line in new],
            [("median", [line["sessions_per_second"] / 1e6 for line in new]),
             ("best", [line["sessions_per_second_best"] / 1e6 for line in new])])
    for line in of_kind(lines, "rfc2544"):
        if (line["packet_bytes"], line["sessions"]) == (64, 10_000) and line["latency_us"]:
            yield "latency", "Latency", plot.percentiles(
                "Latency across processes, 64 bytes, 10 thousand sessions, by load", "us",
                [(f"{device} {load} %", times[load]["curve"])
                 for device, times in (("firewall", line["latency_us"]), ("testpmd", line["reference_latency_us"]))
                 for load in times])


HOW = """# Performance

Written by `tests/benchmark/run --write-docs`; the tables are what it prints. `--json FILE` gives the same as data,
`--quick` a minute's worth of it, `--full` ten million sessions too.

## The firewall

{plots}

{firewall}

## The machine

{machine}

## What is measured, and how

**Traffic.** The whole pipeline of the shipped firewall in process, between two DPDK ports that are rings. Half of the
packets come from the clients' side, half from the servers'; each belongs to any of the sessions with the same chance,
so memory is met in random order. All sessions are in the table before the first measurement, TCP by a full handshake.
A packet is data and an acknowledgment that the window check accepts, sent again and again. Sizes count the FCS; IMIX is
7 packets of 64 bytes to 4 of 576 to 1 of 1500. An IPv6 packet with TCP is never shorter than 78 bytes. Ten rules are in
force; established packets do not meet them. Windows of 256 packets, bursts of 32.

**Cycles** are those of the time stamp counter, from the moment a batch enters ingress to its having been handed to the
port's transmit, transmission and all counting included: the stages' own accounting, the same that the metrics show.
The generator is not in it. *With reception* is the worker's whole loop, the taking of packets from the ring included;
*Mpps* is what that loop manages, summed over the workers. The generator has just written what the firewall reads, so
headers are in the cache, as they are behind a NIC that places them there.

**I/O only** is the reference: the same packets received from the same ports, their MAC addresses exchanged, and sent, as
testpmd does in its macswap mode. It is measured before every single sample of the firewall, in turn, so that
*ratio* (with reception to I/O only) says more than either when the machine's speed varies.

**Samples** are of 2,048 packets, 321 of them (81 with `--quick`). Best, median, and the 10th and 90th percentile are
shown. With two workers, each has a thread, a CPU and queues of its own; cycles are the slower one's.

**New sessions** are TCP handshakes of three packets on flows never seen before, in a table for a million. *First packet*
is the SYN: rules matched, session made. Sessions per second count all three packets, reception included. Rules are
random prefixes and port ranges that overlap the traffic, the last one takes what is left.

**Policy swap.** A worker on its own CPU forwards as fast as it is fed while the other CPU feeds it and publishes another
policy every 10 ms, each making every session stale. What passes between two iterations of the worker's loop is taken by
the wall and by the thread's own CPU time: the wall shows the hypervisor and other programs too.

**Across processes.** The shipped binary with a profile of its own, routed between two memif ports of 1,024 slots a ring;
at their other ends a generator on another CPU, which has opened every session by a handshake before. It offers packets
at a constant rate, half in each direction, paced by the time stamp counter, each of any session, and stamps each. What
does not come back, or finds the device's ring full, is lost. *Throughput* is that of RFC 2544, section 26.1: the highest
rate at which nothing is lost, by binary search; the column beside it says what losing 0.001 % and 0.1 % would allow, and
*overloaded* what comes through when the generator sends as fast as it can. Trials last {trial_s:g} s, not the 60 s of section
24, and the result is known to {resolution:.0%} of the overloaded rate. On a shared machine a trial may lose packets for reasons
that are not the device's, so a rate counts as too high when three trials have lost packets (binary search with loss
verification, ETSI GS NFV-TST 009, section 12.3.3, and RFC 9004, section 6.2), and a trial in which another program had
the worker's or the generator's CPU for so long that half a ring fills is not counted, nor is one behind which a cache
line takes more than twice the shortest time seen ({round_trip:.0f} ns here) from the one CPU to the other and back: where virtual
CPUs move between cores that share a cache and others that do not, so does the cost of all that crosses. Up to {disturbed}
trials of a device are done again for these reasons.
What forwards runs at the highest priority (nice -20) in both devices, so that other programs take the generator's CPU.
*testpmd* is DPDK's own forwarder in its macswap mode, in the firewall's place and measured right after it; *ratio* is how
many times its cost a packet of the firewall has. Both are measured twice in turn (once with `--quick`), and the better
result of each is shown. `>=`: the generator could do no more.

**Latency** is taken from the handing over of a packet's burst to memif to its being taken from memif, for all packets of
a trial, at parts of the firewall's throughput; testpmd at the same rates. Each percentile is the median of three trials.
With two CPUs, what the appliance does beside forwarding shares the generator's: packets that were back while the
generator did not look at its ports for more than 10 us (40 us above 64 bytes) are counted as *untimed* and left out.
What keeps the worker from its CPU, the hypervisor above all, is in the tail. Where the CPUs came to be further apart
after the search, 90 % of what it found may be more than the device can take.
Memory for packets: {pages}.

**Instructions per packet** are counted by callgrind and gate changes, as do calls of the allocator and system calls on
a worker, of which there are none: `ctest -L benchmark` in `build/release`. Time is recorded, not gated: it is too noisy.
"""


def write(lines, folder):
    """Writes performance.md and its plots; returns their paths."""
    paths = []
    images = []
    for name, title, svg in plots(lines):
        path = folder / f"performance-{name}.svg"
        path.write_text(svg, encoding="utf-8")
        paths.append(path)
        images.append(f"![{title}]({path.name})")
    across = (of_kind(lines, "rfc2544") or [{"trial_seconds": 1, "resolution": 0.01, "huge_pages": False,
                                            "round_trip_ns": 0}])[0]
    text = HOW.format(plots="\n".join(images), firewall=tables(lines, FIREWALL), machine=machine(lines),
                      trial_s=across["trial_seconds"], resolution=across["resolution"],
                      round_trip=across["round_trip_ns"], disturbed=rfc2544.MOST_DISTURBED, pages="huge pages" if across["huge_pages"] else "ordinary pages")
    page = folder / "performance.md"
    page.write_text(text, encoding="utf-8")
    return [page, *paths]
