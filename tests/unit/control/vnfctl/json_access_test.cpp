// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/json_access.h"

#include <cmath>

#include <gtest/gtest.h>

namespace millrace::vnfctl {
namespace {

TEST(JsonAccess, ReadsWhatIsThereAndForgivesWhatIsNot) {
  const auto value = boost::json::parse(R"({"a": {"b": 3, "t": "x", "n": null}, "list": [1], "yes": true})");
  EXPECT_EQ(text_at(value, "a.b"), "3");
  EXPECT_EQ(text_at(value, "a.t"), "x");
  EXPECT_EQ(text_at(value, "a.n"), "-");
  EXPECT_EQ(text_at(value, "a.c.d"), "-");
  EXPECT_EQ(number_at(value, "a.b"), 3);
  EXPECT_EQ(number_at(value, "a.t"), 0);
  EXPECT_TRUE(flag_at(value, "yes"));
  EXPECT_FALSE(flag_at(value, "a"));
  EXPECT_EQ(array_at(value, "list").size(), 1U);
  EXPECT_TRUE(array_at(value, "a").empty());
  EXPECT_EQ(text_at(boost::json::value(5), "a"), "-");
}

TEST(JsonAccess, PrettyIsTheSameJson) {
  const auto value =
      boost::json::parse(R"({"a": [], "b": {}, "c": [1, {"d": "\"\n"}], "e": null, "f": [[2]]})");
  const std::string text = pretty(value);
  EXPECT_EQ(boost::json::parse(text), value);
  EXPECT_EQ(pretty(boost::json::parse(R"({"a": [1, 2]})")), "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n");
}

TEST(JsonAccess, NumbersAreIntegersWhereTheyCanBe) {
  EXPECT_EQ(boost::json::serialize(json_number(1200)), "1200");
  EXPECT_EQ(json_number(0.5), boost::json::value(0.5));
  EXPECT_TRUE(json_number(std::nan("")).is_null());
  EXPECT_TRUE(json_number(HUGE_VAL).is_null());
  EXPECT_TRUE(json_number(1e300).is_double());
}

}  // namespace
}  // namespace millrace::vnfctl
