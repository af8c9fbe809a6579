// SPDX-License-Identifier: BSD-3-Clause
// More undecided sessions than there is room for, and sessions that stay so for long.
#include "tests/packet/application/application_bed.h"

namespace millrace::testing {
namespace {

constexpr firewall::ApplicationFinderSize kOne{
    .sessions = 1, .memory_bytes = std::size_t{1} << 20, .packets = 16};

// Two undecided connections on one worker.
struct Two {
  explicit Two(ApplicationBed& bed) {
    EXPECT_TRUE(bed.open(first));
    EXPECT_TRUE(bed.open(second));
    EXPECT_TRUE(bed.client_says(first, kHalfBanner));
    EXPECT_EQ(bed.undecided(), 1U);
  }
  ApplicationBed::Talk first{.server_port = 22};
  ApplicationBed::Talk second{.port = 40'001, .server_port = 22};
};

TEST(ApplicationRoom, PacketsWaitUntilThereIsRoomAgain) {
  for_some_shapes([](const Shape& shape) {
    if (shape.workers != 1) return;
    ApplicationBed bed(shape, {.rules = {accept("ssh").application("ssh")}}, kOne);
    Two two(bed);
    EXPECT_EQ(bed.client_sends(bed.client_segment(two.second, "PA", 0).payload(kHalfBanner)), 0U);
    EXPECT_EQ(bed.bed.dropped(Drop::kApplicationOverloaded), 1U);
    EXPECT_TRUE(bed.server_says(two.first, kServerBanner)) << "named: there is room again";
    EXPECT_TRUE(bed.client_says(two.second, kHalfBanner));
    EXPECT_TRUE(bed.server_says(two.second, kServerBanner));
    EXPECT_EQ(bed.rule_sessions("ssh"), 2U);
  });
}

TEST(ApplicationRoom, OrItIsOther) {
  for_some_shapes([](const Shape& shape) {
    if (shape.workers != 1) return;
    ApplicationBed bed(shape,
                       {.rules = {drop("no-ssh").application("ssh"), accept("rest").application("other")},
                        .otherwise = Action::kDrop,
                        .drop_when_no_room = false},
                       kOne);
    Two two(bed);
    EXPECT_TRUE(bed.client_says(two.second, kHalfBanner));
    EXPECT_TRUE(bed.server_says(two.second, kServerBanner));
    EXPECT_EQ(bed.sum([](auto& state) { return state.applications.without_room(); }), 1U);
    EXPECT_FALSE(bed.server_says(two.first, kServerBanner));
  });
}

TEST(ApplicationRoom, ASessionThatEndsGivesItsRoomBack) {
  for_some_shapes([](const Shape& shape) {
    if (shape.workers != 1) return;
    ApplicationBed bed(shape, {.rules = {accept("ssh").application("ssh")}}, kOne);
    Two two(bed);
    EXPECT_EQ(bed.client_sends(bed.client_segment(two.first, "RA", two.first.from_client)), 1U);
    bed.wait(15'000);
    EXPECT_EQ(bed.undecided(), 0U);
    EXPECT_TRUE(bed.client_says(two.second, kHalfBanner));
  });
}

TEST(ApplicationRoom, NobodyIsWaitedForForever) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, {.rules = {accept("ssh").application("ssh")}});
    ApplicationBed::Talk talk{.server_port = 22};
    ASSERT_TRUE(bed.open(talk));
    EXPECT_TRUE(bed.client_says(talk, kHalfBanner));
    bed.wait(29'000);
    EXPECT_EQ(bed.undecided(), 1U);
    bed.wait(5'000);
    EXPECT_EQ(bed.undecided(), 0U);
    EXPECT_EQ(bed.application(), "other");
    EXPECT_FALSE(bed.server_says(talk, kServerBanner));
    EXPECT_EQ(bed.bed.dropped(Drop::kApplication), 1U);
  });
}

}  // namespace
}  // namespace millrace::testing
