# SPDX-License-Identifier: BSD-3-Clause
"""Random rule sets, each in two languages: the firewall's profile and nftables with conntrack."""

import ipaddress

MARKER_PORT = 65000
NETWORKS = {4: ("10.1.0.0/16", "10.2.0.0/16"), 6: ("2001:db8:a::/48", "2001:db8:b::/48")}  # behind left, behind right
GATEWAYS = {4: ("192.0.2.10", "198.51.100.10"), 6: ("2001:db8:1::10", "2001:db8:2::10")}
OWN = {4: ("192.0.2.1", "198.51.100.1"), 6: ("2001:db8:1::1", "2001:db8:2::1")}
PREFIX = {4: 24, 6: 64}
INTERFACES = ("trust", "untrust")  # also zones, one each
DEVICES = ("left0", "right0")  # what the kernel's router calls them
MACS = ("02:00:00:00:0a:01", "02:00:00:00:0b:01")  # of the gateways
PORTS = (22, 53, 80, 443, 1000, 1001, 1002, 5060, 8080, 33000)
GENERIC = 99
FLAG_BITS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
ICMP_NAMES = {4: {8: "echo-request", 13: None}, 6: {128: "echo-request"}}


class Universe:
    """The hosts and ports that a rule set and its packets share, so that they meet."""

    def __init__(self, rng):
        self.hosts = {}
        for family, networks in NETWORKS.items():
            self.hosts[family] = []
            for network in networks:
                net = ipaddress.ip_network(network)
                size = 16 if family == 4 else 40
                self.hosts[family].append([str(net[rng.randrange(1, 2**size - 1)]) for _ in range(6)])

    def prefix(self, rng, family, side):
        host = ipaddress.ip_address(rng.choice(self.hosts[family][side]))
        shortest, longest = (14, 32) if family == 4 else (40, 128)
        length = rng.choice((shortest, shortest + 2, longest - 8, longest - 1, longest, rng.randint(shortest, longest)))
        return str(ipaddress.ip_network((host, length), strict=False))


class Rule:
    def __init__(self, rng, universe, name):
        self.name = name
        self.family = rng.choice((4, 4, 6, 6, None))
        self.action = rng.choices(("accept", "drop", "reject"), (55, 25, 20))[0]
        self.zone_from = rng.choice((None, None, 0, 1))
        self.zone_to = rng.choice((None, None, None, 0, 1))
        self.interface = rng.choice((None, None, None, None, 0, 1))
        self.source = self.addresses(rng, universe)
        self.destination = self.addresses(rng, universe)
        self.services = self.choose_services(rng, self.family)
        with_ports = self.services and all(kind in ("tcp", "udp") for kind, *_ in self.services)
        self.source_ports = None
        if with_ports and rng.random() < 0.2:
            low = rng.randint(20000, 50000)
            self.source_ports = (low, low + rng.randint(100, 15000))
        self.flags = None
        if self.services and all(kind == "tcp" for kind, *_ in self.services) and rng.random() < 0.3:
            looked_at = rng.sample(FLAG_BITS, rng.randint(1, 4))
            self.flags = ([flag for flag in looked_at if flag == "syn" or rng.random() < 0.2], looked_at)
        self.dscp = rng.choice((0, 10, 46)) if rng.random() < 0.15 else None

    def addresses(self, rng, universe):
        """[(negated, text)] of the rule's family; empty for any."""
        if self.family is None or rng.random() < 0.3:
            return []
        side = rng.choice((0, 1))
        entries = [(False, universe.prefix(rng, self.family, side)) for _ in range(rng.randint(1, 3))]
        kind = rng.random()
        if kind < 0.25:  # all but these
            return [(True, text) for _, text in entries]
        if kind < 0.5:  # these but that
            entries.append((True, universe.prefix(rng, self.family, side)))
        elif kind < 0.6:  # a range
            first = ipaddress.ip_address(rng.choice(universe.hosts[self.family][side]))
            entries.append((False, f"{first}-{first + rng.randint(0, 5000)}"))
        return entries

    @staticmethod
    def choose_services(rng, family):
        kinds = ["tcp", "tcp", "udp", "generic"] + ["icmp"] * (family != 6) + ["icmpv6"] * (family != 4)
        services = []
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            kind = rng.choice(kinds)
            if kind in ("tcp", "udp"):
                low = rng.choice(PORTS)
                high = rng.choice((low, low, low + rng.randint(1, 1000)))
                services.append((kind, low, high) if rng.random() < 0.8 else (kind,))
            elif kind == "generic":
                services.append((kind,))
            else:
                types = (8, 13) if kind == "icmp" else (128,)
                services.append((kind, rng.choice(types)) if rng.random() < 0.6 else (kind,))
        return services

    # --- as the firewall's profile says it ---

    def profile(self):
        parts = [f"name: {self.name}"]
        for key, side in (("from", self.zone_from), ("to", self.zone_to)):
            if side is not None:
                parts.append(f"{key}: zone-{INTERFACES[side]}")
        if self.interface is not None:
            parts.append(f"interface: {INTERFACES[self.interface]}")
        for key, entries in (("source", self.source), ("destination", self.destination)):
            if entries:
                parts.append(f"{key}: [" + ", ".join(f'"{"!" * no}{text}"' for no, text in entries) + "]")
        if self.services:
            parts.append("service: [" + ", ".join(map(self.profile_service, self.services)) + "]")
        if self.source_ports:
            parts.append(f"source_port: {self.source_ports[0]}-{self.source_ports[1]}")
        if self.flags:
            on, looked_at = self.flags
            parts.append(f'tcp_flags: "{",".join(on) or "none"}/{",".join(looked_at)}"')
        if self.dscp is not None:
            parts.append(f"dscp: {self.dscp}")
        return "    - {" + ", ".join(parts) + f", action: {self.action}}}"

    @staticmethod
    def profile_service(service):
        kind, *rest = service
        if kind == "generic":
            return f"proto/{GENERIC}"
        if not rest:
            return kind
        if kind in ("tcp", "udp"):
            return f"{kind}/{rest[0]}" if rest[0] == rest[1] else f"{kind}/{rest[0]}-{rest[1]}"
        return f"{kind}/{rest[0]}"

    # --- as nftables says it: one rule for each family and service ---

    def nft(self):
        lines = []
        families = (4, 6) if self.family is None else (self.family,)
        for family in families:
            for no_other in self.families_a_negation_leaves(family):
                match = self.nft_match(no_other, with_addresses=no_other == family)
                services = self.services or [None]
                lines += [line for service in services if (line := self.nft_rule(no_other, match, service))]
        return lines

    def families_a_negation_leaves(self, family):
        """The other family too where nothing but "!" of this one is said: those are all other addresses."""
        if self.family is None:
            return (family,)
        only_negated = all(entry[0] for entry in self.source) and all(entry[0] for entry in self.destination)
        return (4, 6) if only_negated else (family,)

    def nft_match(self, family, with_addresses):
        ip = "ip" if family == 4 else "ip6"
        parts = [f"meta nfproto ipv{family}"]
        if self.zone_from is not None:
            parts.append(f"iifname {DEVICES[self.zone_from]}")
        if self.interface is not None:
            parts.append(f"iifname {DEVICES[self.interface]}")
        if self.zone_to is not None:
            parts.append(f"oifname {DEVICES[self.zone_to]}")
        if with_addresses:
            for word, entries in (("saddr", self.source), ("daddr", self.destination)):
                within = [text for no, text in entries if not no]
                without = [text for no, text in entries if no]
                if len(within) == 1:
                    parts.append(f"{ip} {word} {within[0]}")
                elif within:
                    # Overlapping elements are merged by the kernel's interval set: it is asked to.
                    parts.append(f"{ip} {word} @{self.set_name(family, word)}")
                parts += [f"{ip} {word} != {text}" for text in without]
        if self.dscp is not None:
            parts.append(f"{ip} dscp {self.dscp}")
        return " ".join(parts)

    def set_name(self, family, word):
        return f"{self.name.replace('-', '_')}_{word}_{family}"

    def nft_sets(self):
        sets = []
        for word, entries in (("saddr", self.source), ("daddr", self.destination)):
            within = [text for no, text in entries if not no]
            if len(within) > 1:
                sets.append(f"  set {self.set_name(self.family, word)} {{ type ipv{self.family}_addr; flags interval; "
                            f"auto-merge; elements = {{ {', '.join(within)} }} }}")
        return sets

    def nft_rule(self, family, match, service):
        parts = [match]
        if service is not None:
            kind, *rest = service
            if kind in ("tcp", "udp"):
                parts.append(f"meta l4proto {kind}")
                if rest:
                    parts.append(f"th dport {rest[0]}-{rest[1]}" if rest[0] != rest[1] else f"th dport {rest[0]}")
                if self.source_ports:
                    parts.append(f"th sport {self.source_ports[0]}-{self.source_ports[1]}")
                if self.flags:
                    on, looked_at = self.flags
                    mask, value = (sum(1 << FLAG_BITS.index(flag) for flag in flags) for flags in (looked_at, on))
                    parts.append(f"tcp flags & {mask:#x} == {value:#x}")
            elif kind == "generic":
                parts.append(f"meta l4proto {GENERIC}")
            elif (kind == "icmp") != (family == 4):
                return None  # an ICMP of the other family
            else:
                parts.append(f"meta l4proto {'icmp' if kind == 'icmp' else 'ipv6-icmp'}")
                if rest:
                    parts.append(f"{kind} type {rest[0]}")
        # What is compared is whether a packet arrives: a rejected one does not, as a dropped one.
        parts.append("accept" if self.action == "accept" else "drop")
        return "    " + " ".join(parts)


def make_rules(rng, universe):
    return [Rule(rng, universe, f"rule-{number}") for number in range(rng.randint(10, 30))]


def profile(rules, devices):
    neighbors = "\n".join(
        f'  - {{interface: {INTERFACES[side]}, address: "{GATEWAYS[family][side]}", mac: "{MACS[side]}"}}'
        for family in (4, 6) for side in (0, 1))
    routes = "\n".join(f'  - {{to: "{NETWORKS[family][side]}", via: "{GATEWAYS[family][side]}"}}'
                       for family in (4, 6) for side in (0, 1))
    interfaces = "\n".join(
        f"  {name}: {{port: {name}-port, address: [" +
        ", ".join(f'"{OWN[family][side]}/{PREFIX[family]}"' for family in (4, 6)) + "]}"
        for side, name in enumerate(INTERFACES))
    ports = "\n".join(f'  {name}-port: {{device: "{devices[side]}"}}' for side, name in enumerate(INTERFACES))
    zones = "\n".join(f"    zone-{name}: [{name}]" for name in INTERFACES)
    lines = "\n".join(rule.profile() for rule in rules)
    return f"""vnf: firewall
name: oracle
dataplane: {{workers: 1, sessions: 64k}}
ports:
{ports}
interfaces:
{interfaces}
routes:
{routes}
neighbors:
{neighbors}
firewall:
  zones:
{zones}
  default: drop
  rules:
    - {{name: marker, service: udp/{MARKER_PORT}, source_port: {MARKER_PORT}, action: accept}}
{lines}
"""


def ruleset(rules):
    sets = "\n".join(line for rule in rules for line in rule.nft_sets())
    lines = "\n".join(line for rule in rules for line in rule.nft())
    return f"""flush ruleset
table inet oracle {{
{sets}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    udp dport {MARKER_PORT} udp sport {MARKER_PORT} accept
    ct state invalid drop
    ct state established,related accept
{lines}
  }}
}}
"""
