# SPDX-License-Identifier: BSD-3-Clause
"""What kind of NAT the gateway is by the tests of RFC 5780 section 4, as coturn's client and server do them: they are to
find out what each client's rule says. All clients ask at once, for most of them wait for answers that never come."""

import re

import lab
from lab import SERVER4

ALTERNATE4 = "198.51.100.11"
KINDS = ("endpoint_independent", "address_dependent", "address_and_port_dependent")
# STUN's own ports, and a pair of well-known ones, to which mappings last as long as `udp_well_known` says.
PORTS, SHORT_LIVED = (3478, 3479), (800, 801)
SECONDS = 3
# A filter wider than the mapping has no meaning.
PAIRS = [(mapping, filtering) for number, mapping in enumerate(KINDS) for filtering in KINDS[number:]]
CLIENTS = {f"192.0.2.{number}": pair for number, pair in enumerate(PAIRS, 20)}
FOUND = re.compile(r"NAT with (.+) (Mapping|Filtering)!")


def profile(rules):
    text = (lab.ROOT / "vnfs/nat/profiles/quickstart.yaml").read_text()
    lines = "\n".join(f"    - {{source: {client}, pool: public, mapping: {mapping}, filtering: {filtering}}}"
                      for client, (mapping, filtering) in rules.items())
    text, count = re.subn(r"^    - \{source: 192\.0\.2\.0/24.*$", lines, text, flags=re.M)
    if count != 1:
        raise lab.Failed("the quickstart's rule is not where it was")
    return text + f"  timeouts: {{udp_well_known: {SECONDS}s}}\n"


class NatStun(lab.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = lab.Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.run("server", "ip", "route", "delete", "default")
        cls.lab.run("server", "ip", "address", "add", f"{ALTERNATE4}/24", "dev", "eth0")
        for client in CLIENTS:
            cls.lab.run("client", "ip", "address", "add", f"{client}/24", "dev", "eth0")
        for ports in (PORTS, SHORT_LIVED):
            cls.start_turnserver(*ports)
        cls.firewall = lab.Nat(cls.lab, profile(CLIENTS))
        cls.firewall.start()

    @classmethod
    def start_turnserver(cls, port, other):
        name = f"turnserver-{port}"
        cls.lab.start("server", f"{name}.log", "turnserver", "-n", "--no-tls", "--no-dtls", "--no-cli", "--no-auth",
                      "--listening-ip", SERVER4, "--listening-ip", ALTERNATE4, "--listening-port", str(port),
                      "--alt-listening-port", str(other), "--log-file", "stdout", "--userdb",
                      str(cls.lab.folder / f"{name}.db"), "--pidfile", str(cls.lab.folder / f"{name}.pid"))
        for address in (SERVER4, ALTERNATE4):
            for each in (port, other):
                lab.wait(10, f"STUN at {address}:{each}", lambda end=f"{address}:{each} ": end in cls.lab.run(
                    "server", "ss", "--udp", "--listening", "--numeric", "--no-header").stdout)

    def discover(self, client, *options, port=PORTS[0]):
        """Starts coturn's client; call what is returned for what it says."""
        command = ("turnutils_natdiscovery", *options, "-L", client, "-p", str(port), SERVER4)
        return lab.in_background(lambda: self.lab.run("client", *command).stdout)

    def all_say(self, option, found, expected):
        """Whether `found` in what coturn says of each client is `expected` of its mapping and filtering."""
        for client, answer in [(client, self.discover(client, option)) for client in CLIENTS]:
            with self.subTest(client=client, pair=CLIENTS[client]):
                text = answer()
                self.assertIn("No ALG: Mapped == XOR-Mapped", text)
                self.assertEqual(found(text), expected(*CLIENTS[client]), text)

    def kind(self, text):
        found = FOUND.search(text)
        self.assertTrue(found, text)
        return found[1].lower().replace(" ", "_")

    def test_mapping_is_what_the_rule_says(self):
        """RFC 5780 section 4.3."""
        self.all_say("-m", self.kind, lambda mapping, _: mapping)

    def test_filtering_is_what_the_rule_says(self):
        """RFC 5780 section 4.4."""
        self.all_say("-f", self.kind, lambda _, filtering: filtering)

    def test_a_hairpin_is_let_in_as_any_other(self):
        """RFC 5780 section 4.5: to the first socket's outside address and port, which the second never was sent to."""
        self.all_say("-H", lambda text: "Received a request" in text, lambda _, filtering: filtering == KINDS[0])

    def test_a_mapping_lasts_as_long_as_the_profile_says(self):
        """RFC 5780 section 4.6, one answer comes by way of the first request's mapping, which nothing refreshes."""
        waiting = {seconds: self.discover("192.0.2.20", "-t", "-T", str(seconds), port=SHORT_LIVED[0])
                   for seconds in (SECONDS - 2, SECONDS + 2)}
        answers = {seconds: answer().count("RFC 5780 response") for seconds, answer in waiting.items()}
        self.assertEqual(answers, {SECONDS - 2: 2, SECONDS + 2: 1})

    def test_filters_wider_than_the_mapping_are_refused(self):
        for number, mapping in enumerate(KINDS):
            for filtering in KINDS[:number]:
                with self.subTest(mapping=mapping, filtering=filtering):
                    answer = self.firewall.call("PUT", "/v1/profile", profile({"192.0.2.20": (mapping, filtering)}))
                    self.assertNotEqual(answer.status, 200)
                    self.assertIn(f"filtering {filtering} has no meaning with mapping {mapping}", answer.body.decode())


if __name__ == "__main__":
    lab.need("ip", "ethtool", "ss", "turnserver", "turnutils_natdiscovery")
    lab.main()
