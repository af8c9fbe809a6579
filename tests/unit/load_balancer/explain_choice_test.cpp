// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/explain_choice.h"

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

using health::State;
using health::Verdict;

health::WallTime at(std::int64_t seconds) { return health::WallTime(std::chrono::seconds(seconds)); }

TEST(ExplainChoice, TheLastTimeABackendWentDownIsTold) {
  health::Status status;
  status.state = State::kDown;
  status.last = {.verdict = Verdict::kBad, .text = "no answer within 1 s"};
  status.history = {{at(1'000), State::kUp, State::kDown, "HTTP 500"},
                    {at(2'000), State::kDown, State::kUp, "HTTP 200"},
                    {at(1'795'738'934), State::kUp, State::kDown, "connection refused"}};
  // date -u -d @1795738934
  EXPECT_EQ(describe_down(&status), "down since 2026-11-27T00:22:14Z: connection refused");
}

TEST(ExplainChoice, AsMuchAsIsKnownOfOneThatIsDown) {
  EXPECT_EQ(describe_down(nullptr), "down");
  health::Status status;
  status.last.text = "HTTP 200";
  status.state = State::kUp;  // it is ejected
  EXPECT_EQ(describe_down(&status), "down");
  status.state = State::kDown;
  status.last.text = "no answer within 1 s";
  EXPECT_EQ(describe_down(&status), "down: no answer within 1 s");
}

}  // namespace
}  // namespace millrace::load_balancer
