# SPDX-License-Identifier: BSD-3-Clause
"""branch_show.py BUILD_DIR: the chain's part of vnfs/quickstart. All four appliances, a branch with strongSwan before them and
two web servers behind them, with what goes through drawn while it goes."""

import collections
import os
import pathlib
import sys
import time

import balancer_lab
import branch_lab
import lab
from branch_lab import VIP4, VIP6, WEB

import picture  # images/chains, which branch_lab has added to the path

COLORS = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
BOLD, GREEN, RED, DIM, PLAIN = ("\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m") if COLORS else [""] * 5
SECONDS = 6


def title(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def told(good, verb, what, answer):
    """A line of the show; ends it when something is not as the profiles promise."""
    if not good:
        sys.exit(f"  {RED}✗ should have {verb}: {what}{PLAIN}\n{answer}")
    word = "✓ passes " if verb == "passed" else "✓ blocked"
    print(f"  {GREEN}{word}{PLAIN} {what:44} {DIM}{answer}{PLAIN}", flush=True)


def pages(branch, address):
    """Ten of them: who answered how often, and for whom."""
    answers = [branch.whoami(address) for _ in range(10)]
    if None in answers:
        return False, "no answer"
    servers = collections.Counter(server for server, _ in answers)
    return len(servers) == 2, ", ".join(f"{name} {count}" for name, count in sorted(servers.items())) + f", for {answers[0][1]}"


def through(branch):
    """Pages and a transfer, drawn; in the middle of it the firewall gets its profile again."""
    appliances = branch.chain.chain.appliances
    loads = [balancer_lab.Load(branch, address, namespace="site") for address in (VIP4, VIP6)]
    branch.start("site", "transfer.log", "iperf3", "--client", VIP4, "--time", str(SECONDS), "--bitrate", "200M")
    shown = picture.Picture(appliances.values())
    for second in range(SECONDS):
        time.sleep(1)
        shown.draw()
        if second == SECONDS // 2:
            appliances["firewall"].process.send_signal(1)  # SIGHUP
    ends = [load.end() for load in loads]
    failed = sum(len(end["failed"]) for end in ends)
    asked = sum(sum(end["good"].values()) for end in ends) + failed
    told(failed == 0, "passed", f"{asked} pages, while the firewall was reloaded", f"{failed} failed")


def show(branch):
    print("""
   branch             VPN gateway     firewall      NAT gateway    load balancer    two web servers
   10.2.0.7          ┌─────────┐   ┌──────────┐    ┌─────────┐    ┌───────────┐     10.0.0.11
   2001:db8:b::7 ─══─┤ vnf-vpn ├───┤vnf-fire- ├────┤ vnf-nat ├────┤vnf-load-  ├───  10.0.0.12
   strongSwan   ESP  └─────────┘   │   wall   │    └─────────┘    │  balancer │
                                   └──────────┘                   └───────────┘""")
    began = time.monotonic()
    branch.start_chain()
    title(f"The chain is up, {time.monotonic() - began:.1f} s after it was begun: images/chains/branch.yaml")
    for appliance in branch.chain.chain.appliances.values():
        print("  " + next(line for line in appliance.log().splitlines() if "is ready" in line).split("info: ")[-1].split(";")[0])

    title("From the branch, through the tunnel, to one of two servers")
    for address, family in ((VIP4, "IPv4"), (VIP6, "IPv6")):
        good, answer = pages(branch, address)
        told(good, "passed", f"ten pages over {family}", answer)
    refused = branch.run("site", "curl", "--silent", "--show-error", "--max-time", "3", f"{WEB[VIP4]}:8080/", check=False)
    told(refused.returncode == 7, "been blocked", "port 8080: the firewall says so at once", refused.stderr.strip()[:60].strip())

    title(f"What goes through it in {SECONDS} seconds: pages, and 200 Mbit/s")
    through(branch)

    for name, words in (("vpn", ("vpn",)), ("firewall", ("rules",)), ("nat", ("nat", "pools")), ("balancer", ("services",))):
        title(f"vnfctl {' '.join(words)}, at the {name}")
        print(branch.run("gate", str(lab.CTL), "--control", str(branch.chain.chain.appliances[name].socket), *words).stdout,
              end="", flush=True)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    lab.BUILD, lab.CTL = build, build / "common/control/vnfctl/vnfctl"
    branch_lab.need()
    branch = branch_lab.Branch()
    try:
        show(branch)
    finally:
        branch.close()


if __name__ == "__main__":
    main()
