// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/domain_list.h"

#include <set>
#include <string>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

TEST(DomainList, LabelsAreWholeOnes) {
  const ThreatLists lists = list_of(kDomain, "example.org\n");
  for (const char* listed : {"example.org", "EXAMPLE.Org", "example.org.", "www.example.org",
                             "a.b.c.example.org", "example.org:8443", "..example.org", "www.example.org.:80"})
    EXPECT_TRUE(has_domain(lists, listed)) << listed;
  for (const char* other :
       {"notexample.org", "org", "example.org.net", "xample.org", "example.com", "", ".", "..",
        "example..org", "example.org..", "example-org", "[example.org]", "example.org:80:80"})
    EXPECT_FALSE(has_domain(lists, other)) << other;
}

TEST(DomainList, AnEntrySaysWhatItIsAbout) {
  const ThreatLists lists = list_of(kDomain,
                                    "=self.test\n*.below.test\n.dot.test\n=both.test\n*.both.test\n*.zip\n"
                                    "192.0.2.1\n");
  EXPECT_TRUE(has_domain(lists, "self.test"));
  EXPECT_FALSE(has_domain(lists, "www.self.test"));
  EXPECT_FALSE(has_domain(lists, "below.test"));
  EXPECT_TRUE(has_domain(lists, "www.below.test"));
  EXPECT_TRUE(has_domain(lists, "dot.test"));
  EXPECT_TRUE(has_domain(lists, "www.dot.test"));
  EXPECT_TRUE(has_domain(lists, "both.test"));
  EXPECT_TRUE(has_domain(lists, "www.both.test"));
  EXPECT_FALSE(has_domain(lists, "zip"));
  EXPECT_TRUE(has_domain(lists, "archive.zip"));
  EXPECT_TRUE(has_domain(lists, "192.0.2.1:8080"));
  EXPECT_FALSE(has_domain(lists, "9.192.0.2.1"));
}

TEST(DomainList, NamesMayBeAsLongAsDnsHasThem) {
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'y');
  ASSERT_EQ(longest.size(), kLongestHostName);
  const ThreatLists lists = list_of(kDomain, longest);
  EXPECT_TRUE(has_domain(lists, longest));
  EXPECT_TRUE(has_domain(lists, longest + "."));
  EXPECT_FALSE(has_domain(lists, longest.substr(1)));
  // Longer than a name may be, and below the listed one all the same.
  EXPECT_TRUE(has_domain(lists, "a." + longest));
  EXPECT_FALSE(has_domain(lists, "a" + longest));
  std::string most = "x";
  for (int i = 1; i < 127; ++i) most += ".x";
  ASSERT_EQ(most.size(), kLongestHostName);
  const ThreatLists deep = list_of(kDomain, most);
  EXPECT_TRUE(has_domain(deep, most));
  EXPECT_FALSE(has_domain(deep, most.substr(2)));
  EXPECT_TRUE(has_domain(deep, "x." + most));
}

TEST(DomainList, FindsWhatANaiveOneFinds) {
  ListRandom random(1);
  for (int round = 0; round < 60; ++round) {
    std::set<std::string> itself;
    std::set<std::string> below;
    std::string text;
    for (std::uint32_t count = 1 + random.below(40); count > 0; --count) {
      const std::string name = random.name(5) + ".test";
      const std::uint32_t kind = random.below(3);
      if (kind != 1) itself.insert(name);
      if (kind != 2) below.insert(name);
      text += (kind == 0 ? "" : kind == 1 ? "*." : "=") + random.mixed_case(name) + "\n";
    }
    const ThreatLists lists = list_of(kDomain, text);
    for (int i = 0; i < 200; ++i) {
      const std::string host = random.name(6) + (random.below(8) == 0 ? "" : ".test");
      bool listed = itself.contains(host);
      for (std::size_t dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1))
        listed = listed || below.contains(host.substr(dot + 1));
      ASSERT_EQ(has_domain(lists, random.mixed_case(host)), listed) << host << " in\n" << text;
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
