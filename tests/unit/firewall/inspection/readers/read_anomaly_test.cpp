// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/read_anomaly.h"

#include <set>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::firewall::inspection::readers {
namespace {

TEST(ReadAnomaly, EachHasANameOfItsOwnAndASentence) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kReadAnomalies; ++i) {
    const ReadAnomalyFacts& facts = facts_of(static_cast<ReadAnomaly>(i));
    EXPECT_TRUE(names.insert(facts.name).second) << facts.name;
    EXPECT_TRUE(facts.sentence.ends_with('.')) << facts.name;
    EXPECT_EQ(facts.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos);
  }
  EXPECT_EQ(facts_of(ReadAnomaly::kCutOff).name, "cut_off");
  EXPECT_EQ(facts_of(ReadAnomaly::kTlsBadHello).name, "tls_bad_hello");
  EXPECT_EQ(facts_of(ReadAnomaly::kQuicConflict).name, "quic_conflict");
  EXPECT_EQ(facts_of(ReadAnomaly::kDnsPointer).name, "dns_pointer");
  EXPECT_EQ(facts_of(ReadAnomaly::kNul).name, "nul");
  EXPECT_EQ(facts_of(ReadAnomaly::kSmtpMailNotKept).name, "smtp_mail_not_kept");
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
