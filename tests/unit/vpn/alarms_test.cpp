// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/alarms.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::vpn {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class AlarmTest : public ::testing::Test {
 protected:
  void look(std::chrono::milliseconds later, std::vector<Alarms::Tunnel> tunnels) {
    now_ += later;
    alarms_.look(tunnels, now_);
  }
  [[nodiscard]] bool raised(AlarmKind kind) const { return alarms_.raised().contains({"hq", kind}); }

  Alarms::Time now_{1h};
  std::vector<std::string> said_;
  Alarms alarms_{
      [this](std::string_view line, bool up) { said_.push_back((up ? "+" : "-") + std::string(line)); }};
};

TEST_F(AlarmTest, ATunnelThatIsToBeThereIsMissedAfterAMoment) {
  const Alarms::Tunnel down{.name = "hq", .wanted = true, .trouble = "192.0.2.2 does not answer"};
  look(0s, {down});
  look(9s, {down});
  EXPECT_THAT(said_, IsEmpty());
  look(1s, {down});
  EXPECT_THAT(said_, ElementsAre("+alarm tunnel_down of hq: 192.0.2.2 does not answer"));
  look(1s, {down});
  EXPECT_THAT(said_, SizeIs(1)) << "an alarm is raised once";
  look(1s, {{.name = "hq", .wanted = true, .up = true}});
  EXPECT_THAT(said_, ElementsAre(HasSubstr("+"), "-alarm tunnel_down of hq is over"));
  EXPECT_THAT(alarms_.raised(), IsEmpty());
  look(1s, {down});
  look(9s, {down});
  EXPECT_THAT(alarms_.raised(), IsEmpty()) << "the time begins anew";
}

TEST_F(AlarmTest, ATunnelThatThePeerMakesMayBeDown) {
  for (int i = 0; i < 20; ++i) look(1s, {{.name = "hq"}});
  EXPECT_THAT(said_, IsEmpty());
}

TEST_F(AlarmTest, AFailedProofIsToldUntilThereWasNoneForAWhile) {
  look(1s, {{.name = "hq", .authentication_failed = true, .trouble = "wrong"}});
  EXPECT_THAT(said_, ElementsAre("+alarm authentication_failed of hq: wrong"));
  look(4min, {{.name = "hq", .authentication_failed = true, .trouble = "wrong again"}});
  EXPECT_EQ(alarms_.raised().begin()->second.text, "wrong again");
  look(4min, {{.name = "hq"}});
  EXPECT_TRUE(raised(AlarmKind::kAuthenticationFailed));
  look(1min, {{.name = "hq"}});
  EXPECT_FALSE(raised(AlarmKind::kAuthenticationFailed));
}

TEST_F(AlarmTest, ManyReplaysInAShortTimeAreAnAlarmAndAFewAreNot) {
  for (int i = 0; i < 100; ++i) look(1s, {{.name = "hq", .up = true, .replayed = 9}});
  EXPECT_FALSE(raised(AlarmKind::kReplays));
  look(1s, {{.name = "hq", .up = true, .replayed = 100}});
  EXPECT_TRUE(raised(AlarmKind::kReplays));
  look(6min, {{.name = "hq", .up = true}});
  EXPECT_FALSE(raised(AlarmKind::kReplays));
}

TEST_F(AlarmTest, ATunnelThatTheProfileForgetsHasNoAlarm) {
  look(1s, {{.name = "hq", .authentication_failed = true, .trouble = "wrong"}});
  look(1s, {});
  EXPECT_THAT(alarms_.raised(), IsEmpty());
  EXPECT_THAT(said_, SizeIs(2));
}

}  // namespace
}  // namespace millrace::vpn
