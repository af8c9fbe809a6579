// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/url_list.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

TEST(UrlList, TheHostHasOneFormAndThePathIsAsItIs) {
  const ThreatLists lists = list_of(kUrl,
                                    "http://Example.org/Bad/File.exe\n"
                                    "https://192.0.2.1:8080/bin.sh?x=1\n"
                                    "ftp://user:pw@host.test\n"
                                    "plain.test/no-scheme#fragment\n"
                                    "http://[2001:DB8::0:1]:443/six\n"
                                    "http://query.test?a=http://b/c\n");
  EXPECT_TRUE(has_url(lists, "example.org", "/Bad/File.exe"));
  EXPECT_TRUE(has_url(lists, "EXAMPLE.ORG.:443", "/Bad/File.exe"));
  EXPECT_FALSE(has_url(lists, "example.org:8080", "/Bad/File.exe"));
  EXPECT_FALSE(has_url(lists, "www.example.org", "/Bad/File.exe"));
  EXPECT_FALSE(has_url(lists, "example.org", "/bad/file.exe"));
  EXPECT_FALSE(has_url(lists, "example.org", "/Bad/File.exe?"));
  EXPECT_FALSE(has_url(lists, "example.org", "/Bad/File.ex"));
  EXPECT_FALSE(has_url(lists, "example.org/Bad", "/File.exe"));
  EXPECT_FALSE(has_url(lists, "example.org", ""));
  EXPECT_FALSE(has_url(lists, "", "/Bad/File.exe"));
  EXPECT_FALSE(has_url(lists, "example.org", "Bad/File.exe"));
  EXPECT_TRUE(has_url(lists, "192.0.2.1:8080", "/bin.sh?x=1"));
  EXPECT_FALSE(has_url(lists, "192.0.2.1", "/bin.sh?x=1"));
  EXPECT_TRUE(has_url(lists, "host.test", "/"));
  EXPECT_TRUE(has_url(lists, "plain.test", "/no-scheme"));
  EXPECT_TRUE(has_url(lists, "[2001:db8::1]", "/six"));
  EXPECT_TRUE(has_url(lists, "[2001:0db8:0:0:0:0:0:1]:80", "/six"));
  EXPECT_FALSE(has_url(lists, "[2001:db8::2]", "/six"));
  EXPECT_FALSE(has_url(lists, "2001:db8::1", "/six"));
  EXPECT_TRUE(has_url(lists, "query.test", "/?a=http://b/c"));
}

TEST(UrlList, AStarAtTheEndIsAPrefix) {
  const ThreatLists lists = list_of(kUrl,
                                    "http://one.test/a/*\nhttp://all.test/*\nhttp://star.test/*/x\n"
                                    "http://six.test:81/p*\nhttp://one.test/a/b/*\nhttp://one.test/c\n");
  EXPECT_EQ(lists.member(0).list->size(), 5U);  // one lies within another
  EXPECT_TRUE(has_url(lists, "one.test", "/a/"));
  EXPECT_TRUE(has_url(lists, "one.test", "/a/b/c?d"));
  EXPECT_FALSE(has_url(lists, "one.test", "/a"));
  EXPECT_FALSE(has_url(lists, "one.test", "/b/"));
  EXPECT_TRUE(has_url(lists, "one.test", "/c"));
  EXPECT_FALSE(has_url(lists, "one.test", "/cc"));
  EXPECT_TRUE(has_url(lists, "all.test", "/"));
  EXPECT_TRUE(has_url(lists, "all.test:80", "/" + std::string(70'000, 'z')));
  EXPECT_FALSE(has_url(lists, "all.test:81", "/"));
  EXPECT_FALSE(has_url(lists, "www.all.test", "/"));
  EXPECT_TRUE(has_url(lists, "star.test", "/*/x"));
  EXPECT_FALSE(has_url(lists, "star.test", "/a/x"));
  EXPECT_TRUE(has_url(lists, "six.test:81", "/pq"));
}

TEST(UrlList, FindsWhatANaiveOneFinds) {
  ListRandom random(2);
  for (int round = 0; round < 60; ++round) {
    std::set<std::string> whole;
    std::vector<std::string> prefixes;
    std::string text;
    for (std::uint32_t count = 1 + random.below(40); count > 0; --count) {
      const std::string url = random.name(2) + random.path();
      const bool is_prefix = random.below(3) == 0;
      if (is_prefix)
        prefixes.push_back(url);
      else
        whole.insert(url);
      text += "http://" + url + (is_prefix ? "*\n" : "\n");
    }
    const ThreatLists lists = list_of(kUrl, text);
    for (int i = 0; i < 200; ++i) {
      const std::string host = random.name(2);
      const std::string path = random.path();
      const std::string url = host + path;
      const bool listed = whole.contains(url) || std::ranges::any_of(prefixes, [&](const auto& prefix) {
                            return url.starts_with(prefix);
                          });
      ASSERT_EQ(has_url(lists, random.mixed_case(host), path), listed) << url << " in\n" << text;
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
