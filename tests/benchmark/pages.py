# SPDX-License-Identifier: BSD-3-Clause
"""Tables, plots and pages of what tests/benchmark/run has measured: the firewall's by document.py, and those of the
other appliances, which have a page of their own each."""

import document
import plot
from document import amount, by_stage, forwarding, of_kind, spread, table, traffic


def forwarding_of(vnf):
    return lambda lines: forwarding(lines, f"{vnf}_forward")


def by_stage_of(vnf):
    return lambda lines: by_stage(lines, f"{vnf}_forward")


def instructions(lines, kind, case):
    return [[f"instructions per packet: {case}, 64 bytes, 10k sessions, reception included",
             f"{line['instructions_per_packet']:.0f} (bound {line['bound']})"] for line in of_kind(lines, kind)]


def nat_setup(lines):
    rows = [[line["ports"], line["logged"], spread(line, "first_packet"),
             f"{line['bindings_per_second_best'] / 1e6:.2f} M / {line['bindings_per_second'] / 1e6:.2f} M"]
            for line in of_kind(lines, "nat_setup")]
    return table(["ports", "logged", "first packet: best / median (p10-p90)", "bindings per second: best / median"], rows)


def nat_other(lines):
    rows = [[f"memory for {amount(line['bindings'])} bindings, {line['ports']}",
             f"{line['bytes_per_binding']:.0f} bytes a binding, all tables and indexes"] for line in of_kind(lines, "nat_memory")]
    return table(["what", "measured"], rows + instructions(lines, "nat_instructions", "TCP"))


def balancer_setup(lines):
    rows = [[line["case"], spread(line, "first_packet"),
             f"{line['connections_per_second_best'] / 1e6:.2f} M / {line['connections_per_second'] / 1e6:.2f} M"]
            for line in of_kind(lines, "load_balancer_setup")]
    return table(["mode", "first packet: best / median (p10-p90)", "connections per second: best / median"], rows)


def balancer_tables(lines):
    rows = [[amount(line["backends"]), line["weights"], f"{line['places']:.0f}",
             f"{line['milliseconds_best']:.2f} / {line['milliseconds']:.2f} ({line['milliseconds_p10']:.2f}-{line['milliseconds_p90']:.2f})"]
            for line in of_kind(lines, "load_balancer_maglev")]
    return table(["backends", "weights", "places", "milliseconds: best / median (p10-p90)"], rows)


def balancer_removal(lines):
    rows = [[f"{line['table']} the connection table", amount(line["connections"]), amount(line["moved"]),
             f"{line['moved'] / line['connections']:.2%}"] for line in of_kind(lines, "load_balancer_removal")]
    return table(["one of 100 backends goes down", "connections of the others", "that went elsewhere", "share"], rows)


def balancer_other(lines):
    rows = [[f"memory for {amount(line['connections'])} connections, {line['case']}",
             f"{line['bytes_per_connection']:.0f} bytes a connection, table, index and timers"]
            for line in of_kind(lines, "load_balancer_memory")]
    return table(["what", "measured"], rows + instructions(lines, "load_balancer_instructions", "nat, IPv4"))


def vpn_forward(lines):
    """Each with what the crypto library alone takes for as many bytes, and its share of the whole."""
    library = {(line["case"], line["packet_bytes"], line["sessions"]): line for line in of_kind(lines, "vpn_library")}
    rows = []
    for line in of_kind(lines, "vpn_forward"):
        alone = library.get((line["case"], line["packet_bytes"], line["sessions"]))
        size = line["packet_bytes"]
        rows.append([line["case"], document.SIZES[size], amount(line["sessions"]), f"{line['mpps']:.2f}",
                     f"{line['mpps'] * size * 8 / 1000:.1f}" if size else "-", spread(line, "cycles_per_packet"),
                     f"{line['with_reception_best']:.0f} / {line['with_reception']:.0f}",
                     f"{line['reference_best']:.0f} / {line['reference']:.0f}",
                     f"{alone['cycles_best']:.0f} / {alone['cycles']:.0f}" if alone else "-",
                     f"{alone['cycles'] / line['cycles_per_packet']:.2f}" if alone else "-"])
    return table(["traffic", "packet", "tunnels", "Mpps", "Gbit/s", "cycles: best / median (p10-p90)", "with reception",
                  "I/O only", "the library alone", "its share"], rows)


def vpn_setup(lines):
    rows = [[amount(line["sessions"]), spread(line, "one_microseconds"), f"{line['all_milliseconds']:.1f}",
             f"{line['bytes_per_tunnel']:.0f}"] for line in of_kind(lines, "vpn_setup")]
    return table(["tunnels in force", "one more, microseconds: best / median (p10-p90)", "all of them told at once, milliseconds",
                  "bytes of memory a tunnel"], rows)


def vpn_other(lines):
    hz = next(line["tsc_hz"] for line in of_kind(lines, "vpn_machine"))
    burst = 32  # packets, which are sealed and opened together
    rows = [[f"a burst of {burst} from ingress to the last transmit: {line['case']}, {document.SIZES[line['packet_bytes']]} bytes",
             f"{burst * line['with_reception_best'] / hz * 1e6:.1f} / {burst * line['with_reception'] / hz * 1e6:.1f} us best / median"]
            for line in of_kind(lines, "vpn_forward") if line["sessions"] == 1 and line["packet_bytes"] != 0]
    return table(["what", "measured"], rows + instructions(lines, "vpn_instructions", "half sealed, half opened"))


INSPECTED = {"plain": "not looked into", "payload": "payload", "http": "HTTP", "past": "payload, past the window"}


def inspected(lines):
    """Each with what the pattern library alone takes for as many bytes, and its share of the whole."""
    rows = []
    for line in of_kind(lines, "inspection_forward"):
        alone = "bare_gbps" in line and line["case"] != "past"
        rows.append([INSPECTED[line["case"]], amount(line["signatures"]), f"{line['gbps']:.1f}",
                     f"{line['cycles_per_byte_best']:.2f} / {line['cycles_per_byte']:.2f} "
                     f"({line['cycles_per_byte_p10']:.2f}-{line['cycles_per_byte_p90']:.2f})",
                     f"{line['cycles_per_packet_best']:.0f} / {line['cycles_per_packet']:.0f}",
                     f"{line['bare_gbps']:.1f}" if alone else "-", f"{line['ratio']:.2f}" if alone else "-"])
    return table(["looked into", "signatures", "Gbit/s", "cycles per byte: best / median (p10-p90)", "cycles per packet",
                  "a bare scan, Gbit/s", "its share"], rows)


def watched(lines):
    rows = [["watched" if line["watched"] else "not watched", f"{line['instructions_per_packet']:.0f}",
             f"{3 * line['instructions_per_packet']:.0f}"] for line in of_kind(lines, "inspection_watch")]
    return table(["anomalies", "instructions per packet", "instructions per connection"], rows)


INSPECTION = [("Pages of HTTP, looked into", inspected, {"inspection_forward"}),
              ("Connections that begin, watched for anomalies", watched, {"inspection_watch"})]
NAT = [("Established bindings", forwarding_of("nat"), {"nat_forward"}),
       ("Cycles by stage of the NAT gateway, 64 bytes, median", by_stage_of("nat"), {"nat_forward"}),
       ("New bindings", nat_setup, {"nat_setup"}), ("Memory and instructions", nat_other, {"nat_memory", "nat_instructions"})]
LOAD_BALANCER = [
    ("Established connections", forwarding_of("load_balancer"), {"load_balancer_forward"}),
    ("Cycles by stage of the load balancer, 64 bytes, median", by_stage_of("load_balancer"), {"load_balancer_forward"}),
    ("New connections", balancer_setup, {"load_balancer_setup"}),
    ("Building Maglev's table", balancer_tables, {"load_balancer_maglev"}),
    ("What a change of the pool moves", balancer_removal, {"load_balancer_removal"}),
    ("Memory and instructions of the load balancer", balancer_other, {"load_balancer_memory", "load_balancer_instructions"})]


VPN = [("Tunnels", vpn_forward, {"vpn_forward"}),
       ("Cycles by stage of the VPN gateway, 64 bytes, median", by_stage_of("vpn"), {"vpn_forward"}),
       ("Tunnels that are told", vpn_setup, {"vpn_setup"}), ("Latency and instructions of the VPN gateway", vpn_other, {"vpn_forward", "vpn_instructions"})]


def overlays(lines):
    """Each beside plain forwarding of packets of its size."""
    forward = of_kind(lines, "overlay_forward")
    plain = {line["packet_bytes"]: line["cycles_per_packet"] for line in forward if line["case"] == "plain"}
    rows = [[line["case"], f"{line['packet_bytes']:.0f}", spread(line, "cycles_per_packet"), f"{line['mpps']:.1f}",
             f"{line['cycles_per_packet'] - plain[line['packet_bytes']]:.0f}" if line["case"] != "plain" else "-"]
            for line in forward if line["packet_bytes"] in plain]
    return table(["in and out", "bytes inside", "cycles per packet: best / median (p10-p90)", "Mpps", "more than plain"], rows)


def meters(lines):
    """Each beside plain forwarding."""
    forward = of_kind(lines, "qos_forward")
    plain = next((line["cycles_per_packet"] for line in forward if line["case"] == "plain"), None)
    rows = [[line["case"], spread(line, "cycles_per_packet"), f"{line['mpps']:.1f}",
             f"{line['cycles_per_packet'] - plain:.0f}" if line["case"] != "plain" else "-"]
            for line in forward if plain is not None]
    return table(["what is done", "cycles per packet: best / median (p10-p90)", "Mpps", "more than plain"], rows)


QOS = [("Quality of service on arrival", meters, {"qos_forward"})]
OVERLAY = [("Overlays", overlays, {"overlay_forward"})]


def tables(lines):
    return document.tables(lines, document.FIREWALL + INSPECTION + NAT + LOAD_BALANCER + VPN + OVERLAY)


HOW_INSPECTION = """# Performance of the firewall's inspection

Written by `tests/benchmark/run --write-docs`, or with `--only inspection` alone; the tables are what it prints.

{tables}

## The machine

{machine}

## What is measured, and how

The whole pipeline of the firewall in process, one worker, between two DPDK ports that are rings, as in
[performance.md](performance.md), where cycles and samples are explained. Connections of one request and one page of 60,000
bytes each, 32 of them side by side: handshake, request, the page in segments of 1,448 bytes with an acknowledgment of every
second, and the end. Bytes are those of request and page; everything else is paid for by them. The port is taken to have
checked checksums, as network cards do.

*Signatures* are one content each, of words that pages are full of with a rare end, so that few match: in the payload of
either side, or in URIs and bodies of HTTP. *Past the window*: 1,024 bytes of each side are looked at; the rest of the page
goes by. *A bare scan* is Hyperscan alone with the same database on the same segments, which lie in the cache.

*Connections that begin* are three packets each of 5,376 TCP connections, SYN, its answer and the ACK, reception and
transmission included, counted by callgrind: the same from run to run. *Watched*: the profile has `anomalies`, and a thousand
other sources are blocked. A packet of an established connection costs the same, watched or not (the mode `watched`). The same
for one row:

    tests/benchmark/instructions.py firewall build/release/tests/benchmark/benchmark_gate handshakes
    tests/benchmark/instructions.py firewall build/release/tests/benchmark/benchmark_gate watched_handshakes
"""

HOW_NAT = """# Performance of the NAT gateway

Written by `tests/benchmark/run --write-docs`, or with `--only nat` alone; the tables are what it prints.

![Established bindings](performance-nat.svg)

{tables}

## The machine

{machine}

## What is measured, and how

The whole pipeline of the NAT gateway in process, between two DPDK ports that are rings, as the firewall's in
[performance.md](performance.md), where cycles, *with reception*, *I/O only* and samples are explained. Hosts and ports are
those of CSIT's NAT44 tests: 63 ports of each inside host, 1,024 hosts and more, each with a session of its own; half of
the packets come from inside, half from outside to the outside ends that the bindings got, each of any binding with the
same chance. Hosts have a block of 64 ports, or their ports are drawn from shared ones. Logging is on: of blocks, or of
mappings where ports are shared; established bindings note nothing. Checksums are adjusted, TCP's state is followed.

*New bindings* are first packets of ports never seen before, logged in the ways of the table; what the worker noted is read
between windows, outside the measurement, as another thread does. *First packet* is the whole pipeline's cost for one.
"""


HOW_LOAD_BALANCER = """# Performance of the load balancer

Written by `tests/benchmark/run --write-docs`, or with `--only load_balancer` alone; the tables are what it prints.

![Established connections](performance-load_balancer.svg)

{tables}

## The machine

{machine}

## What is measured, and how

The whole pipeline of the load balancer in process, between two DPDK ports that are rings, as the firewall's in
[performance.md](performance.md), where cycles, *with reception*, *I/O only* and samples are explained. One service on a
TCP port, Maglev's table of 65,537 places, a hundred backends with a route and a MAC address each; every connection
has its record. In `nat` mode half of the packets come from clients and half are the backends' answers, of another
port than the service's, so that addresses, ports and checksums change both ways; where answers do not come by the
balancer all packets come from clients. In the tunnels one packet of IMIX in twelve no longer fits the backend's link
and leaves in two.

*New connections* are first packets never seen before: service found, backend chosen by hash, record made, packet
forwarded. *What a change moves*: the backend's checks fail, then a packet of each connection comes; those that the
backend had are not counted. Without the connection table is with room for a single connection.
"""


HOW_VPN = """# Performance of the VPN gateway

Written by `tests/benchmark/run --write-docs`, or with `--only vpn` alone; the tables are what it prints.

![Tunnels](performance-vpn.svg)

{tables}

## The machine

{machine}

## What is measured, and how

The whole pipeline of the VPN gateway in process, between two DPDK ports that are rings, as the firewall's in
[performance.md](performance.md), where cycles, *with reception*, *I/O only* and samples are explained. *Seal*: packets of
10 thousand UDP flows come from inside and leave by tunnels, IPv4 in IPv4, plain ESP with numbers of 64 bits; the size is
that of the packet inside, with its Ethernet header. *Open*: packets that another gateway sealed come in, in order, with a
replay window of 1,024. Each packet's tunnel is any of them with the same chance. *The library alone* is the same engine on
bursts of as many bytes that are in the cache, with nothing around it: what the rest of the gateway costs is the difference.

*Latency*: a packet leaves when all of its burst are sealed or opened. A burst is what has come since the last look, so that
nobody waits for it to fill; what a packet waits in the port's ring comes on top.

*Told*: key exchange adds two associations and a policy, one tunnel after another, or all of them held together, as after a
restart; without waiting for workers, of which none runs.
"""


HOW_OVERLAY = """# Performance of overlays

Written by `tests/benchmark/run --write-docs`, or with `--only overlay` alone; the tables are what it prints.

{tables}

## The machine

{machine}

## What is measured, and how

The packet core in process with no function on it, one worker, between two DPDK ports that are rings, as in
[performance.md](performance.md), where cycles and samples are explained. Half of the packets come by either port, of
10,000 flows in random order. *Plain*: they are routed from one port to the other. Otherwise each comes inside an overlay's
packet, is taken out, routed, and leaves inside another one: one packet out of an overlay and into one. Over IPv6 the outer
checksum is verified, and written. *NSH*: it goes back behind the service header it came with, by the port it came by.
"""


HOW_QOS = """# Performance of quality of service

Written by `tests/benchmark/run --write-docs`, or with `--only qos` alone; the tables are what it prints.

{tables}

## The machine

{machine}

## What is measured, and how

The packet core in process with no function on it, one worker, between two DPDK ports that are rings, as in
[performance.md](performance.md), where cycles and samples are explained. Half of the packets come by either port, 64 bytes
each, of 10,000 flows in random order, with eight code points in turn, and both ports have the rules. All packets conform but
where it says otherwise. *Behind 100 rules*: each asks for a source prefix, and only the last one fits.
"""


def write_page(lines, folder, vnf, how, parts, things):
    """Writes performance-VNF.md and its plot, when the appliance was measured; returns their paths."""
    forward = [line for line in of_kind(lines, f"{vnf}_forward") if line["packet_bytes"] == 64]
    if not forward:
        return []
    scales = sorted({line["sessions"] for line in forward})
    cases = sorted({traffic(line) for line in forward})
    cycles = {(traffic(line), line["sessions"]): line["cycles_per_packet"] for line in forward}
    series = [(case, [cycles[case, scale] for scale in scales]) for case in cases
              if all((case, scale) in cycles for scale in scales)]
    plotted = folder / f"performance-{vnf}.svg"
    plotted.write_text(plot.bars("Cycles per packet, 64 bytes, one worker", "cycles",
                                 [f"{amount(scale)} {things}" for scale in scales], series), encoding="utf-8")
    page = folder / f"performance-{vnf}.md"
    page.write_text(how.format(tables=document.tables(lines, parts), machine=document.machine(lines, f"{vnf}_machine")),
                    encoding="utf-8")
    return [page, plotted]


def write_tables(lines, folder, name, how, parts):
    """Writes performance-NAME.md, which has no plot, when that was measured; returns its path."""
    if not of_kind(lines, f"{name}_forward"):
        return []
    page = folder / f"performance-{name}.md"
    page.write_text(how.format(tables=document.tables(lines, parts), machine=document.machine(lines, f"{name}_machine")),
                    encoding="utf-8")
    return [page]


def write(lines, folder):
    """Writes the pages and plots of what was measured; returns their paths."""
    return [*(document.write(lines, folder) if of_kind(lines, "forward") else []),
            *write_tables(lines, folder, "inspection", HOW_INSPECTION, INSPECTION),
            *write_tables(lines, folder, "overlay", HOW_OVERLAY, OVERLAY),
            *write_tables(lines, folder, "qos", HOW_QOS, QOS),
            *write_page(lines, folder, "nat", HOW_NAT, NAT, "bindings"),
            *write_page(lines, folder, "load_balancer", HOW_LOAD_BALANCER, LOAD_BALANCER, "connections"),
            *write_page(lines, folder, "vpn", HOW_VPN, VPN, "tunnels")]
