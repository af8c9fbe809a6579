// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/replay_window.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace millrace::vpn {
namespace {

// RFC 4303 section 3.4.3 and appendix A2.2 word for word, with a set of what has come.
class Model {
 public:
  Model(std::uint64_t size, bool extended) : size_(size), extended_(extended) {}

  std::uint64_t whole(std::uint32_t low) const {
    if (!extended_) return low;
    const std::uint32_t top_high = static_cast<std::uint32_t>(top_ >> 32);
    const std::uint32_t top_low = static_cast<std::uint32_t>(top_);
    const auto least = static_cast<std::uint32_t>(top_low - size_ + 1);
    std::uint32_t high = 0;
    if (top_low >= size_ - 1) {  // case A
      high = low >= least ? top_high : top_high + 1;
    } else {  // case B: the window spans two spaces
      if (low >= least && top_high == 0) return 0;
      high = low >= least ? top_high - 1 : top_high;
    }
    return std::uint64_t{high} << 32 | low;
  }
  bool take(std::uint64_t number) {
    if (number == 0 || (number + size_ <= top_) || seen_.contains(number)) return false;
    seen_.insert(number);
    top_ = std::max(top_, number);
    return true;
  }
  std::uint64_t top() const { return top_; }

 private:
  std::uint64_t size_;
  bool extended_;
  std::uint64_t top_ = 0;
  std::set<std::uint64_t> seen_;
};

class Windows : public ::testing::TestWithParam<std::tuple<unsigned, bool>> {};

INSTANTIATE_TEST_SUITE_P(Each, Windows,
                         ::testing::Combine(::testing::Values(64U, 128U, 1024U, 4096U), ::testing::Bool()));

TEST_P(Windows, AreAsTheStandardHasThem) {
  const auto [size, extended] = GetParam();
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    ReplayWindow window(size, extended);
    Model model(size, extended);
    std::uint64_t next = 1;
    for (unsigned i = 0; i < 4000; ++i) {
      switch (random() % 16) {  // what is sent: in order mostly, sometimes leaps
        case 0:
          next += random() % (3 * size);
          break;
        case 1:
          if (extended) next += (std::uint64_t{1} << 32) - random() % (2 * size) - 1;
          break;
        default:
          ++next;
      }
      const std::uint64_t late = random() % 4 == 0 ? random() % (2 * size) : random() % 4;
      const std::uint64_t sent = next - std::min(next - 1, late);
      if (!extended && sent > 0xffffffffU) break;
      const auto carried = static_cast<std::uint32_t>(sent);
      const std::uint64_t number = window.whole(carried);
      ASSERT_EQ(number, model.whole(carried)) << "after " << model.top();
      const bool may = window.may_come(number);
      const bool taken = model.take(number);
      ASSERT_EQ(may, taken) << number << " after " << model.top();
      ASSERT_EQ(window.take(number), taken);
      ASSERT_EQ(window.highest(), model.top());
    }
  }
}

TEST(ReplayWindow, TakesEachNumberOnceAndNoneThatIsTooOld) {
  ReplayWindow window(64, false);
  EXPECT_FALSE(window.may_come(0));
  EXPECT_TRUE(window.take(1));
  EXPECT_FALSE(window.take(1));
  EXPECT_TRUE(window.take(65));
  EXPECT_TRUE(window.take(2));  // the oldest of the window
  EXPECT_TRUE(window.take(66));
  EXPECT_FALSE(window.may_come(2));
  EXPECT_TRUE(window.may_come(3));
}

TEST(ReplayWindow, AForgedNumberChangesNothingUntilItIsTaken) {
  ReplayWindow window(64, false);
  EXPECT_TRUE(window.take(10));
  EXPECT_TRUE(window.may_come(1'000'000));
  EXPECT_TRUE(window.take(9));
}

TEST(ReplayWindow, OfNoSizeTakesEverythingButZero) {
  ReplayWindow window(0, false);
  EXPECT_TRUE(window.take(7));
  EXPECT_TRUE(window.take(7));
  EXPECT_TRUE(window.take(1));
  EXPECT_FALSE(window.take(0));
  EXPECT_EQ(window.highest(), 7U);
}

TEST(ReplayWindow, CountsOnPast32BitsWhenExtended) {
  ReplayWindow window(64, true);
  EXPECT_TRUE(window.take(0xfffffff0U));
  const std::uint64_t after = window.whole(5);
  EXPECT_EQ(after, 0x100000005U);
  EXPECT_TRUE(window.take(after));
  EXPECT_EQ(window.whole(0xfffffff1U), 0xfffffff1U);  // still in the window
  EXPECT_TRUE(window.take(0xfffffff1U));
}

}  // namespace
}  // namespace millrace::vpn
