// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/slots.h"

#include <algorithm>
#include <numeric>

namespace millrace::load_balancer {
namespace {

// The weights in lowest terms, or rounded to ones whose sum is at most `most`; none becomes zero.
std::vector<Choice> reduced(std::span<const Choice> choices, std::size_t most) {
  std::vector<Choice> small(choices.begin(), choices.end());
  std::uint32_t divisor = 0;
  std::uint64_t sum = 0;
  for (const Choice& choice : small) divisor = std::gcd(divisor, choice.weight);
  for (Choice& choice : small) {
    choice.weight /= std::max(divisor, 1U);
    sum += choice.weight;
  }
  if (sum <= most) return small;
  // One for each, and the rest in proportion.
  for (Choice& choice : small)
    choice.weight =
        static_cast<std::uint32_t>(1 + std::uint64_t{choice.weight} * (most - small.size()) / sum);
  return small;
}

}  // namespace

std::vector<BackendId> shares(std::span<const Choice> choices, std::size_t most) {
  std::vector<BackendId> slots;
  for (const Choice& choice : reduced(choices, most))
    slots.insert(slots.end(), choice.weight, choice.backend);
  return slots;
}

std::vector<BackendId> turns(std::span<const Choice> choices, std::size_t most) {
  const std::vector<Choice> small = reduced(choices, most);
  std::int64_t sum = 0;
  for (const Choice& choice : small) sum += choice.weight;
  std::vector<std::int64_t> due(small.size());
  std::vector<BackendId> slots;
  for (std::int64_t turn = 0; turn < sum; ++turn) {
    for (std::size_t i = 0; i < small.size(); ++i) due[i] += small[i].weight;
    const auto next = static_cast<std::size_t>(std::ranges::max_element(due) - due.begin());
    due[next] -= sum;
    slots.push_back(small[next].backend);
  }
  return slots;
}

}  // namespace millrace::load_balancer
