// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_anomaly.h"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection {
namespace {

TEST(HttpAnomaly, EachHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kHttpAnomalies; ++i) {
    const HttpAnomalyFacts& facts = facts_of(static_cast<HttpAnomaly>(i));
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_TRUE(facts.sentence.ends_with('.')) << facts.name;
    EXPECT_EQ(facts.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos);
  }
  EXPECT_EQ(facts_of(HttpAnomaly::kNotHttp).name, "not_http");
  EXPECT_EQ(facts_of(HttpAnomaly::kBadChunkSize).name, "bad_chunk_size");
  EXPECT_EQ(facts_of(HttpAnomaly::kNoRoom).name, "no_room");
}

}  // namespace
}  // namespace millrace::firewall::inspection
