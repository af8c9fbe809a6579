// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_lists.h"

#include <string>
#include <vector>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

TEST(ThreatLists, EmptyOnesFindNothing) {
  for (const ThreatLists& lists :
       {ThreatLists(), lists_of({list_file(kAddress, ""), list_file(kDomain, "# none\n"),
                                 list_file(kUrl, "\n\n"), list_file(kJa3, ";\n")})}) {
    EXPECT_FALSE(has_address(lists, "192.0.2.1"));
    EXPECT_FALSE(has_address(lists, "2001:db8::1"));
    EXPECT_FALSE(has_domain(lists, "example.org"));
    EXPECT_FALSE(has_url(lists, "example.org", "/"));
    EXPECT_FALSE(has_ja3(lists, std::string(32, '0')));
  }
}

TEST(ThreatLists, AHitHasAllListsInTheirOrder) {
  std::vector<ThreatListFile> files = {
      list_file(kDomain, "a.test\n", "first"), list_file(kAddress, "192.0.2.1\n", "addresses"),
      list_file(kDomain, "b.test\n", "second"), list_file(kDomain, "www.a.test\n", "third")};
  files[2].action = 3;
  files[2].severity = 200;
  const ThreatLists lists = lists_of(files);
  const ListHits hits = lists.find_domain(bytes_of("www.a.test"));
  ASSERT_EQ(hits.count(), 2U);
  EXPECT_EQ(lists.name(hits.first()), "first");
  EXPECT_EQ(lists.name(hits.rest().first()), "third");
  EXPECT_TRUE(hits.rest().rest().empty());
  EXPECT_TRUE(hits.has(3));
  EXPECT_FALSE(hits.has(2));
  const ListHits other = lists.find_domain(bytes_of("b.test"));
  ASSERT_EQ(other.count(), 1U);
  EXPECT_EQ(lists.member(other.first()).action, 3);
  EXPECT_EQ(lists.member(other.first()).severity, 200);
  EXPECT_EQ(lists.name(lists.find_address(*net::IpAddress::parse("192.0.2.1")).first()), "addresses");
  EXPECT_EQ(lists.name(4), "");
}

TEST(ThreatLists, ThereMayBeSixtyFour) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < ListHits::kMostLists; ++i)
    texts.push_back("all.test\nn" + std::to_string(i) + ".test\n");
  std::vector<ThreatListFile> files;
  for (const std::string& text : texts) files.push_back(list_file(kDomain, text));
  const ThreatLists lists = lists_of(files);
  ListHits hits = lists.find_domain(bytes_of("all.test"));
  EXPECT_EQ(hits.count(), 64U);
  for (std::size_t i = 0; i < 64; ++i, hits = hits.rest()) EXPECT_EQ(hits.first(), i);
  EXPECT_TRUE(hits.empty());
  EXPECT_EQ(lists.find_domain(bytes_of("n63.test")).first(), 63U);
  files.push_back(files.front());
  EXPECT_FALSE(load_threat_lists(files, kListSeed));
}

}  // namespace
}  // namespace millrace::firewall::inspection
