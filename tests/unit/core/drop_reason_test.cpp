// SPDX-License-Identifier: BSD-3-Clause
// The lists of drop reasons: what metrics label and operators read.
#include "common/core/drop_reason.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "vnfs/firewall/drops.h"

namespace millrace::core {
namespace {

void expect_well_said(const DropReason& reason) {
  SCOPED_TRACE(std::string(reason.name));
  EXPECT_FALSE(reason.name.empty());
  EXPECT_TRUE(std::all_of(reason.name.begin(), reason.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  }));
  EXPECT_GT(reason.sentence.size(), 10U);
  EXPECT_TRUE(reason.sentence.ends_with('.'));
  EXPECT_GE(reason.sentence.front(), 'A');
  EXPECT_LE(reason.sentence.front(), 'Z');
}

TEST(DropReasons, AreNamedOnceAndSaidInASentence) {
  std::set<std::string_view> names;
  std::set<std::uint8_t> ids;
  const auto check = [&](std::span<const DropReason> reasons) {
    for (const DropReason& reason : reasons) {
      if (reason.id != 0) expect_well_said(reason);
      EXPECT_TRUE(names.insert(reason.name).second) << reason.name << " twice";
      EXPECT_TRUE(ids.insert(reason.id).second) << reason.name << " has another's id";
      EXPECT_LT(reason.id, kMaxDropReasons);
    }
  };
  check(core_drop_reasons());
  check(firewall::drop_reasons());
}

TEST(DropReasons, StandUnderTheirNumber) {
  EXPECT_EQ(core_drop_reasons()[static_cast<std::size_t>(Drop::kTtlExceeded)].name, "ttl_exceeded");
  EXPECT_EQ(core_drop_reasons()[static_cast<std::size_t>(Drop::kShutdown)].name, "shutdown");
  const auto index = static_cast<std::size_t>(firewall::Drop::kTcpNotSyn) - kFirstFunctionReason;
  EXPECT_EQ(firewall::drop_reasons()[index].name, "tcp_not_syn");
}

}  // namespace
}  // namespace millrace::core
