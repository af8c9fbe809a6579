# SPDX-License-Identifier: BSD-3-Clause
import unittest

import rfc
from tree import Tree

SCENARIOS = """
std::vector<Scenario> spoken() {
  add("no route v4", plain);
  add("type " + std::to_string(type) + " from a router");
  scenario("waits " + ends.name);
  add("a title that does not fit "
      "a line");
}
std::vector<Scenario> silent() {
  add("nothing");
}
MILLRACE_SCENARIOS(IcmpErrors, spoken());
MILLRACE_SCENARIOS(IcmpSilence, silent());
"""
PAGE = """# RFC 791: Internet Protocol

| clause | requirement | where | test |
| --- | --- | --- | --- |
| 3.1 | the checksum is right | `common/net/parse.cpp` | `Parse.FindsEveryHeader`, `IcmpErrors: no route v4` |
| 3.2 | a thing | `common/net/parse.cpp` | none of its own |
| 3.3 | another | not done | too dear |
| 3.4 | a third | does not apply | hosts only |
"""
INDEX = """# RFCs

| RFC | title | tested | untested | not done | does not apply |
| --- | --- | --- | --- | --- | --- |
| [791](791.md) | Internet Protocol | 1 | 1 | 1 | 1 |
| all | 1 pages | 1 | 1 | 1 | 1 |

| RFC | why it has no page |
| --- | --- |
| 2597 | names of code points |
"""
TEXTS = {
    "docs/rfc/791.md": PAGE,
    "docs/rfc/README.md": INDEX,
    "common/net/parse.cpp": "// RFC 791 section 3.1.\n",
    "vnfs/firewall/types.cpp": "// RFC 791, 2597.\n",
    "tests/unit/net/parse_test.cpp": "TEST(Parse, FindsEveryHeader) {}\nTEST_P(Other, Case) {}\n",
    "tests/packet/icmp_test.cpp": SCENARIOS,
    "tests/peer/traffic_test.py": "class Traffic:\n    def test_web_page(self):\n",
}


class Rfc(unittest.TestCase):
    def found(self, **changed):
        texts = dict(TEXTS)
        for path, text in changed.items():
            texts[{"page": "docs/rfc/791.md", "index": "docs/rfc/README.md", "code": "common/net/parse.cpp"}[path]] = text
        return rfc.check(Tree(texts))

    def test_good(self):
        self.assertEqual(self.found(), [])

    def test_names_of_tests(self):
        tests = rfc.Tests(Tree(TEXTS))
        for name in ("Parse.FindsEveryHeader", "Other.Case", "IcmpErrors: no route v4", "IcmpErrors: waits",
                     "IcmpErrors: type … from a router", "IcmpErrors: a title that does not fit a line",
                     "IcmpSilence: nothing", "peer/traffic: test_web_page"):
            self.assertTrue(tests.knows(name), name)
        for name in ("Parse.Gone", "Parse", "IcmpErrors: nothing", "IcmpErrors: no route", "IcmpErrors: type … of a router",
                     "Gone: nothing", "peer/traffic: test_gone", "peer/gone: test_web_page"):
            self.assertFalse(tests.knows(name), name)

    def test_bad_rows(self):
        for before, after, finding in (
                ("`common/net/parse.cpp` | `Parse", "`common/net/gone.cpp` | `Parse", "no file common/net/gone.cpp"),
                ("`Parse.FindsEveryHeader`", "`Parse.Gone`", "no test Parse.Gone"),
                ("no route v4", "no route v6", "no test IcmpErrors: no route v6"),
                ("`common/net/parse.cpp` | none", "somewhere | none", "no file that satisfies it"),
                ("too dear", "", "none of them empty"),
                ("# RFC 791:", "# RFC 792:", "the heading is not"),
                ("| where |", "| file |", "no table of")):
            text = PAGE.replace(before, after)
            self.assertNotEqual(text, PAGE)
            self.assertIn(finding, "\n".join(self.found(page=text)))

    def test_a_citation_needs_a_page_or_a_reason(self):
        for code in ("// RFC 9999\n", "// RFC 791, RFC 9999 section 3\n", "// RFC 791 and 9999\n", "// as of RFC\n// 9999.\n"):
            (finding,) = self.found(code=code)
            self.assertIn("cites RFC 9999", finding)
        self.assertEqual(self.found(code="// RFC 791 section 9999\n"), [])

    def test_reasons_do_not_go_stale(self):
        (finding,) = self.found(index=INDEX + "| 2598 | another |\n")
        self.assertIn("RFC 2598 is cited nowhere", finding)
        (finding,) = self.found(index=INDEX + "| 791 | no need |\n")
        self.assertIn("RFC 791 has a page", finding)

    def test_counts(self):
        wrong = INDEX.replace("Internet Protocol | 1 | 1", "Internet Protocol | 2 | 0")
        (finding,) = self.found(index=wrong)
        self.assertIn("| [791](791.md) | Internet Protocol | 1 | 1 | 1 | 1 |", finding)
        self.assertEqual(rfc.fixed(Tree({**TEXTS, "docs/rfc/README.md": wrong})), INDEX)


if __name__ == "__main__":
    unittest.main()
