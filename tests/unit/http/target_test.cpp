// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Target, SplitsThePathBeforeDecodingIt) {
  EXPECT_THAT(parse_target("/")->segments, IsEmpty());
  EXPECT_THAT(parse_target("/v1/health")->segments, ElementsAre("v1", "health"));
  EXPECT_THAT(parse_target("/v1/a%2Fb%20c")->segments, ElementsAre("v1", "a/b c"));
  EXPECT_THAT(parse_target("/v1/")->segments, ElementsAre("v1", ""));
  EXPECT_THAT(parse_target("/v1//x")->segments, ElementsAre("v1", "", "x"));
  EXPECT_THAT(parse_target("//")->segments, ElementsAre("", ""));
  EXPECT_THAT(parse_target("/a+b")->segments, ElementsAre("a+b"));
}

TEST(Target, AcceptsTheFormsOfRfc9112) {
  EXPECT_THAT(parse_target("http://vnf/v1/health")->segments, ElementsAre("v1", "health"));
  EXPECT_THAT(parse_target("HTTPS://vnf:8443?a=b")->query.get("a"), "b");
  EXPECT_THAT(parse_target("http://vnf")->segments, IsEmpty());
  EXPECT_TRUE(parse_target("*")->asterisk);
  for (const char* bad :
       {"", "v1", "?a=b", "vnf:80", "ftp://vnf/", "http://", "http:///v1", "/v1#part", "/a b", "/caf\xc3\xa9",
        "/%", "/%4", "/%zz", "/%00", "/a?b=%0", "/..", "/a/./b", "/%2e%2E/x"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(Target, ReadsTheQueryAsAForm) {
  const auto target =
      parse_target("/s?filter=(eq,ip,10.0.0.1)&note=a+b%2Bc&flag&filter=second&&empty=&x=y=z?");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->query.all("filter"), ElementsAre("(eq,ip,10.0.0.1)", "second"));
  EXPECT_EQ(target->query.get("note"), "a b+c");
  EXPECT_TRUE(target->query.contains("flag"));
  EXPECT_EQ(target->query.get("empty", "otherwise"), "");
  EXPECT_EQ(target->query.get("absent", "otherwise"), "otherwise");
  EXPECT_EQ(target->query.get("x"), "y=z?");
  EXPECT_FALSE(target->query.contains("Flag"));
  EXPECT_EQ(target->query.size(), 6U);
}

TEST(PercentEncoding, IsUndoneByDecoding) {
  EXPECT_EQ(percent_encode("a b/c?d=\xc3\xa9~"), "a%20b%2Fc%3Fd%3D%C3%A9~");
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_decode(percent_encode(all), true), all);
}

}  // namespace
}  // namespace millrace::http
