// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/slots.h"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

using Slots = std::vector<BackendId>;

std::map<BackendId, double> counts(const Slots& slots) {
  std::map<BackendId, double> count;
  for (const BackendId backend : slots) ++count[backend];
  return count;
}

TEST(Slots, SharesAreTheWeightsInTheOrderOfTheList) {
  const std::vector<Choice> choices = {{7, 1}, {3, 2}, {9, 3}};
  EXPECT_EQ(shares(choices, 100), (Slots{7, 3, 3, 9, 9, 9}));
}

TEST(Slots, NobodyHasNoSlots) {
  EXPECT_TRUE(shares({}, 100).empty());
  EXPECT_TRUE(turns({}, 100).empty());
}

TEST(Slots, WeightsAreTakenInLowestTerms) {
  EXPECT_EQ(shares(std::vector<Choice>{{1, 200}, {2, 300}}, 100), (Slots{1, 1, 2, 2, 2}));
  EXPECT_EQ(shares(std::vector<Choice>{{1, 4'000'000'000}}, 100), Slots{1});
}

// The sequence that nginx gives as the example of its method, for weights 5, 1 and 1: a a b a c a a.
TEST(Slots, TurnsAreThoseOfNginx) {
  EXPECT_EQ(turns(std::vector<Choice>{{0, 5}, {1, 1}, {2, 1}}, 100), (Slots{0, 0, 1, 0, 2, 0, 0}));
}

// In any run of turns each has had its part, but for less than a turn or two.
TEST(Slots, TurnsAreSpreadEvenly) {
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::vector<Choice> choices;
    double sum = 0;
    for (BackendId i = 0; i < 2 + round % 8; ++i) {
      choices.push_back({i, 1 + static_cast<std::uint32_t>(random()) % 30});
      sum += choices.back().weight;
    }
    const Slots slots = turns(choices, 1'000);
    std::map<BackendId, double> had;
    for (std::size_t turn = 0; turn < slots.size(); ++turn) {
      ++had[slots[turn]];
      for (const Choice& choice : choices) {
        const double due = static_cast<double>(turn + 1) * choice.weight / sum;
        ASSERT_LT(std::abs(had[choice.backend] - due), 2.0);
      }
    }
    ASSERT_EQ(counts(slots), counts(shares(choices, 1'000)));
  }
}

TEST(Slots, WeightsThatAreTooManyAreRounded) {
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    constexpr std::size_t kMost = 4'000;
    std::vector<Choice> choices;
    double sum = 0;
    for (BackendId i = 0; i < 40; ++i) {
      choices.push_back({i, 1 + static_cast<std::uint32_t>(random()) % 1'000'000});
      sum += choices.back().weight;
    }
    for (const Slots& slots : {shares(choices, kMost), turns(choices, kMost)}) {
      ASSERT_LE(slots.size(), kMost);
      auto count = counts(slots);
      for (const Choice& choice : choices) {
        const double expected = kMost * choice.weight / sum;
        ASSERT_NEAR(count[choice.backend], expected, 1 + expected * 40 / kMost);
      }
    }
  }
}

TEST(Slots, TheLeastOfWeightsFarApartIsNotForgotten) {
  std::vector<Choice> choices = {{0, 4'000'000'000}};
  for (BackendId i = 1; i < 50; ++i) choices.push_back({i, 1});
  for (const std::size_t most : {50U, 64U, 1'000U}) {
    for (const Slots& slots : {shares(choices, most), turns(choices, most)}) {
      EXPECT_LE(slots.size(), most);
      EXPECT_EQ(counts(slots).size(), choices.size());
    }
  }
}

}  // namespace
}  // namespace millrace::load_balancer
