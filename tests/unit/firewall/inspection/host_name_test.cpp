// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/host_name.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

constexpr SipKey kSeed = {7, 9};

std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::string split(std::string_view host) {
  const SplitHost parts = split_host(bytes_of(host));
  return text_of(parts.name) + "|" + text_of(parts.port);
}

std::vector<std::string> suffixes(std::string_view host, std::size_t most = kMostHostLabels) {
  const HostSuffixes found(bytes_of(host), kSeed, most);
  std::vector<std::string> all;
  for (std::size_t i = 0; i < found.count(); ++i)
    all.push_back((found.is_whole(i) ? "=" : "") + text_of(found.text(i)));
  return all;
}

std::string url_host(std::string_view host) { return text_of(UrlHost(bytes_of(host)).text()); }

using Texts = std::vector<std::string>;

TEST(HostName, IsSplitFromItsPort) {
  EXPECT_EQ(split("example.org"), "example.org|");
  EXPECT_EQ(split("example.org."), "example.org|");
  EXPECT_EQ(split("example.org:8080"), "example.org|8080");
  EXPECT_EQ(split("example.org.:8080"), "example.org|8080");
  EXPECT_EQ(split("example.org:"), "example.org|");
  EXPECT_EQ(split("example.org:65535"), "example.org|65535");
  EXPECT_EQ(split("example.org:123456"), "example.org:123456|");
  EXPECT_EQ(split("example.org:8o"), "example.org:8o|");
  EXPECT_EQ(split("[2001:db8::1]:8080"), "[2001:db8::1]|8080");
  EXPECT_EQ(split("[2001:db8::80]"), "[2001:db8::80]|");
  EXPECT_EQ(split("2001:db8::80"), "2001:db8::80|");
  EXPECT_EQ(split("80"), "80|");
  EXPECT_EQ(split(":80"), "|80");
  EXPECT_EQ(split("."), "|");
  EXPECT_EQ(split(""), "|");
}

TEST(HostName, SuffixesBeginWithLabels) {
  EXPECT_EQ(suffixes("www.Example.ORG"), (Texts{"org", "example.org", "=www.example.org"}));
  EXPECT_EQ(suffixes("www.example.org.", 2), (Texts{"org", "example.org"}));
  EXPECT_EQ(suffixes("org"), Texts{"=org"});
  EXPECT_EQ(suffixes("a..b"), (Texts{"b", ".b", "=a..b"}));
  EXPECT_EQ(suffixes(".b"), (Texts{"b"}));
  EXPECT_EQ(suffixes(""), Texts());
  EXPECT_EQ(suffixes("."), Texts());
}

TEST(HostName, HashesAreOfTheLabelsAlone) {
  const HostSuffixes one(bytes_of("www.example.org"), kSeed);
  const HostSuffixes other(bytes_of("MAIL.EXAMPLE.ORG."), kSeed);
  const HostSuffixes joined(bytes_of("wwwexample.org"), kSeed);
  EXPECT_EQ(one.hash(0), other.hash(0));
  EXPECT_EQ(one.hash(1), other.hash(1));
  EXPECT_NE(one.hash(2), other.hash(2));
  EXPECT_NE(one.hash(1), joined.hash(1));
  EXPECT_NE(one.hash(1), HostSuffixes(bytes_of("example.org"), {7, 10}).hash(1));
}

TEST(HostName, OfOneThatIsTooLongTheEndCounts) {
  const std::string end = ".example.org";
  const std::string longest = std::string(kLongestHostName - end.size(), 'a') + end;
  EXPECT_EQ(suffixes(longest).back(), "=" + longest);
  EXPECT_EQ(suffixes("b" + longest).back(), "example.org");
  EXPECT_EQ(suffixes("b." + longest).back(), longest);
  // No more labels than a name has, however many there seem to be.
  std::string dots(70'000, '.');
  EXPECT_EQ(suffixes(dots).size(), kMostHostLabels);
  for (std::size_t i = 0; i < dots.size(); i += 2) dots[i] = 'x';
  const auto many = suffixes(dots);
  ASSERT_EQ(many.size(), kMostHostLabels);
  EXPECT_EQ(many.back().size(), 2 * kMostHostLabels - 1);
}

TEST(HostName, HostsOfUrlsHaveOneForm) {
  EXPECT_EQ(url_host("Example.ORG"), "example.org");
  EXPECT_EQ(url_host("example.org.:80"), "example.org");
  EXPECT_EQ(url_host("example.org:443"), "example.org");
  EXPECT_EQ(url_host("EXAMPLE.org:8443"), "example.org:8443");
  EXPECT_EQ(url_host("192.0.2.1:1"), "192.0.2.1:1");
  EXPECT_EQ(url_host("[2001:DB8:0:0::1]:80"), url_host("[2001:db8::1]"));
  EXPECT_NE(url_host("[2001:db8::1]"), url_host("[2001:db8::2]"));
  EXPECT_NE(url_host("[2001:db8::1]:81"), url_host("[2001:db8::1]"));
  EXPECT_EQ(url_host("[2001:db8::g]"), "");
  EXPECT_EQ(url_host("[]"), "");
  EXPECT_EQ(url_host("["), "[");
  EXPECT_EQ(url_host(":80"), "");
  EXPECT_EQ(url_host(std::string(kLongestHostName, 'a') + ":12345").size(), kLongestHostName + 6);
  EXPECT_EQ(url_host(std::string(kLongestHostName + 1, 'a')), "");
}

}  // namespace
}  // namespace millrace::firewall::inspection
