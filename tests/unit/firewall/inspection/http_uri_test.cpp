// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_uri.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

using namespace std::string_view_literals;

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
std::string text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

struct Uri {
  std::string path;
  std::string authority;
  HttpAnomalySet anomalies;
};
Uri normalize(std::string_view target, bool is_connect = false) {
  Room room(target.size());
  RoomWriter writer(room, target.size());
  Uri uri;
  const HttpUri made = normalize_uri(bytes(target), is_connect, writer, uri.anomalies);
  EXPECT_FALSE(writer.full()) << target;
  uri.path = text(made.path);
  uri.authority = text(made.authority);
  return uri;
}
std::string path(std::string_view target) { return normalize(target).path; }

// RFC 3986 section 5.2.4 has the first two; section 5.4.2 what goes too far up.
TEST(HttpUri, RemovesDotSegments) {
  EXPECT_EQ(path("/a/b/c/./../../g"), "/a/g");
  EXPECT_EQ(path("mid/content=5/../6"), "mid/6");
  EXPECT_EQ(path("/../../../g"), "/g");
  EXPECT_EQ(path("/b/c/.."), "/b/");
  EXPECT_EQ(path("/b/c/."), "/b/c/");
  EXPECT_EQ(path("/b/c/g."), "/b/c/g.");
  EXPECT_EQ(path("/b/c/..g"), "/b/c/..g");
  EXPECT_EQ(path("/..."), "/...");
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path(".."), "");
  EXPECT_TRUE(normalize("/../x").anomalies.has(HttpAnomaly::kAboveRoot));
  EXPECT_TRUE(normalize("/a/../x").anomalies.empty());
  EXPECT_EQ(path("/a?b/../c"), "/a?b/../c") << "a query has no segments";
}

TEST(HttpUri, ResolvesEscapes) {
  EXPECT_EQ(path("/%61%5A%2e?%3d%20+"), "/aZ.?= +");
  EXPECT_EQ(path("/a+b"), "/a+b");
  EXPECT_EQ(path("/%2e%2e/%2E/x"), "/x");
  EXPECT_EQ(path("/a%2fb%5cc%3Fd"), "/a/b/c?d");
  EXPECT_EQ(path("/%u0041%uff21%u4e2d"), "/AA?");
  EXPECT_EQ(path("/%4%zz%"), "/%4%zz%");
  EXPECT_EQ(path("/%2541"), "/%41") << "resolved once";
  EXPECT_EQ(path("/a%00b"), "/a\0b"sv);
  EXPECT_EQ(path("/x#%41"), "/x#%41");
}

TEST(HttpUri, NamesOddEscapes) {
  EXPECT_TRUE(normalize("/%zz").anomalies.has(HttpAnomaly::kBadEscape));
  EXPECT_TRUE(normalize("/?a=100%").anomalies.has(HttpAnomaly::kBadEscape));
  EXPECT_TRUE(normalize("/%2541").anomalies.has(HttpAnomaly::kDoubleEscape));
  EXPECT_FALSE(normalize("/%25zz").anomalies.has(HttpAnomaly::kDoubleEscape));
  EXPECT_TRUE(normalize("/%00").anomalies.has(HttpAnomaly::kEscapedNul));
  EXPECT_TRUE(normalize("/%u0041").anomalies.has(HttpAnomaly::kUnicodeEscape));
  EXPECT_TRUE(normalize("/%c0%af").anomalies.has(HttpAnomaly::kOverlongUtf8));
  EXPECT_TRUE(normalize("/caf%c3%a9?x=%20").anomalies.empty());
}

TEST(HttpUri, MakesOneSlashOfMany) {
  EXPECT_EQ(path("//a///b\\\\c/\\d"), "/a/b/c/d");
  EXPECT_EQ(path("/a/%2f/b"), "/a/b");
  EXPECT_EQ(path("/a//../b"), "/b") << "an empty segment is none";
  EXPECT_EQ(path("/a?b//c\\d"), "/a?b//c\\d");
}

// U+002F in two bytes, which RFC 3629 section 3 forbids.
TEST(HttpUri, ResolvesOverlongUtf8) {
  EXPECT_EQ(path("/..%c0%af..%c0%afetc"), "/etc");
  EXPECT_EQ(path("/%c1%81"), "/A");
  EXPECT_EQ(path("/\xc0"), "/\xc0");
}

TEST(HttpUri, TakesTheAuthorityOffAnAbsoluteForm) {
  EXPECT_EQ(path("http://www.example.org:80/a/../b?c"), "/b?c");
  EXPECT_EQ(normalize("http://www.example.org:80/a").authority, "www.example.org:80");
  EXPECT_EQ(path("HTTPS://a.example"), "/");
  EXPECT_EQ(path("http://a.example?b"), "/?b");
  EXPECT_EQ(path("http://a.example\\b"), "/b");
  EXPECT_EQ(path("ftp://a.example/b"), "ftp:/a.example/b");
  const Uri tunnel = normalize("Example.org:443", true);
  EXPECT_EQ(tunnel.path, "Example.org:443");
  EXPECT_EQ(tunnel.authority, "Example.org:443");
}

TEST(HttpUri, KnowsTheHost) {
  EXPECT_EQ(text(host_of(bytes("Example.ORG:8080"))), "Example.ORG");
  EXPECT_EQ(text(host_of(bytes("example.org."))), "example.org");
  EXPECT_EQ(text(host_of(bytes("good.example@bad.example:1"))), "bad.example");
  EXPECT_EQ(text(host_of(bytes("[2001:db8::1]:80"))), "[2001:db8::1]");
  EXPECT_EQ(text(host_of(bytes("[2001:db8::1"))), "[2001:db8::1");
  EXPECT_EQ(text(host_of(bytes(""))), "");
}

// Each step up leaves one segment; walking back over all of them for each would be seen.
TEST(HttpUri, IsLinear) {
  std::string deep;
  for (unsigned i = 0; i < 8000; ++i) deep += "/a";
  for (unsigned i = 0; i < 8000; ++i) deep += "/..";
  EXPECT_EQ(path(deep), "/");
  std::string flat;
  for (unsigned i = 0; i < 8000; ++i) flat += "/" + std::string(4, 'b') + "/..";
  EXPECT_EQ(path(flat), "/");
}

}  // namespace
}  // namespace millrace::firewall::inspection
