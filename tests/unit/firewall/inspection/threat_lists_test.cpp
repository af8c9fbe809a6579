// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_lists.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/unit/firewall/inspection/threat_list_bed.h"

namespace millrace::firewall::inspection {
namespace {

using enum ListKind;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t end) { return engine_() % end; }
  // Of few words, so that names meet.
  std::string name(std::uint32_t most_labels) {
    static constexpr std::array kWords = {"a", "b", "example", "org", "xn--bcher-kva", "1", "a-b", "_t"};
    std::string made = kWords[below(kWords.size())];
    for (std::uint32_t labels = below(most_labels); labels > 0; --labels)
      made += std::string(".") + kWords[below(kWords.size())];
    return made;
  }
  std::string path() {
    std::string made = "/";
    for (std::uint32_t length = below(6); length > 0; --length) made += "ab/?"[below(4)];
    return made;
  }
  std::string mixed_case(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z' && below(2) == 0) c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

 private:
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> engine_;
};

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
  Random random(1);
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
  Random random(2);
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

TEST(AddressList, BothFamiliesByAddressPrefixAndRange) {
  const ThreatLists lists =
      list_of(kAddress,
              "192.0.2.1\n198.51.100.0/24\n203.0.113.5-203.0.113.9\n203.0.113.8-203.0.113.20\n"
              "2001:db8:1::/48\n2001:db8:2::7\n255.255.255.255\n0.0.0.0\n"
              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124\n");
  for (const char* listed :
       {"192.0.2.1", "198.51.100.0", "198.51.100.255", "203.0.113.5", "203.0.113.9", "203.0.113.20",
        "2001:db8:1::", "2001:db8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:2::7", "255.255.255.255", "0.0.0.0",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"})
    EXPECT_TRUE(has_address(lists, listed)) << listed;
  for (const char* other :
       {"192.0.2.0", "192.0.2.2", "198.51.99.255", "198.51.101.0", "203.0.113.4", "203.0.113.21",
        "2001:db8:0:ffff:ffff:ffff:ffff:ffff", "2001:db8:2::", "::", "::c000:201", "0.0.0.1"})
    EXPECT_FALSE(has_address(lists, other)) << other;
  EXPECT_EQ(lists.member(0).list->size(), 8U);  // two ranges overlap
}

TEST(AddressList, FindsWhatANaiveOneFinds) {
  Random random(3);
  for (int round = 0; round < 40; ++round) {
    std::vector<net::Prefix> prefixes;
    std::string text;
    for (std::uint32_t count = 1 + random.below(60); count > 0; --count) {
      net::IpAddress address = net::Ipv4Address{be32(0xc0000200U + random.below(256))};
      if (random.below(2) == 0) {
        net::Ipv6Address v6{{0x20, 0x01}};
        v6.bytes[15] = static_cast<std::uint8_t>(random.below(256));
        address = v6;
      }
      prefixes.push_back(net::Prefix::of(address, address.bits() - random.below(5)));
      text += prefixes.back().to_string() + "\n";
    }
    const ThreatLists lists = list_of(kAddress, text);
    for (std::uint32_t i = 0; i < 512; ++i) {
      net::Ipv6Address v6{{0x20, 0x01}};
      v6.bytes[15] = static_cast<std::uint8_t>(i);
      const net::IpAddress address =
          i < 256 ? net::IpAddress(net::Ipv4Address{be32(0xc0000200U + i)}) : net::IpAddress(v6);
      const bool listed =
          std::ranges::any_of(prefixes, [&](const net::Prefix& prefix) { return prefix.contains(address); });
      ASSERT_EQ(!lists.find_address(address).empty(), listed) << address.to_string() << " in\n" << text;
    }
  }
}

TEST(Ja3List, ThirtyTwoDigitsOfEitherCase) {
  const ThreatLists lists =
      list_of(kJa3, "e7d705a3286e19ea42f587b344ee6865\nE7EAC09A3B9AC5A2C6A2E6B7E7C4F0D1\n");
  EXPECT_TRUE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6865"));
  EXPECT_TRUE(has_ja3(lists, "E7D705A3286E19EA42F587B344EE6865"));
  EXPECT_TRUE(has_ja3(lists, "e7eac09a3b9ac5a2c6a2e6b7e7c4f0d1"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6864"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee686"));
  EXPECT_FALSE(has_ja3(lists, "e7d705a3286e19ea42f587b344ee6865a"));
  EXPECT_FALSE(has_ja3(lists, "g7d705a3286e19ea42f587b344ee6865"));
  EXPECT_FALSE(has_ja3(lists, ""));
}

TEST(Ja3List, HoldsMany) {
  Random random(4);
  std::set<std::string> listed;
  std::string text;
  const auto digits = [&] {
    std::string made;
    for (int i = 0; i < 32; ++i) made += "0123456789abcdef"[i < 30 ? i % 16 : random.below(16)];
    return made;
  };
  for (int i = 0; i < 150; ++i) text += *listed.insert(digits()).first + "\n";
  const ThreatLists lists = list_of(kJa3, text);
  EXPECT_EQ(lists.member(0).list->size(), listed.size());
  for (int i = 0; i < 500; ++i) {
    const std::string asked = digits();
    EXPECT_EQ(has_ja3(lists, asked), listed.contains(asked));
  }
}

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
