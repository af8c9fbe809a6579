// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule_slots.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>

namespace millrace::firewall {

struct RuleSlots::State {
  struct Slot {
    std::string name;
    std::uint32_t tenancy = 0;
    std::uint32_t leases = 0;
    std::uint64_t gone_since = 0;  // policies made before its last lease ended
  };

  std::uint32_t capacity = 0;
  mutable std::mutex mutex;
  std::vector<Slot> slots;  // [0] is the default's
  std::unordered_map<std::string, std::uint32_t> by_name;
  std::uint64_t policies = 0;

  void release(const std::vector<std::uint32_t>& held) {
    const std::lock_guard lock(mutex);
    for (const std::uint32_t slot : held) {
      if (--slots[slot].leases == 0) slots[slot].gone_since = policies;
    }
  }

  // Slots another name may take now, the one gone longest last.
  [[nodiscard]] std::vector<std::uint32_t> reusable(const std::vector<std::uint32_t>& wanted) const {
    std::vector<bool> kept(slots.size());
    for (const std::uint32_t slot : wanted) kept[slot] = true;
    std::vector<std::uint32_t> found;
    for (std::uint32_t slot = 1; slot < slots.size(); ++slot) {
      const Slot& one = slots[slot];
      if (one.leases == 0 && !kept[slot] && policies - one.gone_since >= kKeptFor) found.push_back(slot);
    }
    std::ranges::stable_sort(found, std::ranges::greater{},
                             [&](std::uint32_t s) { return slots[s].gone_since; });
    return found;
  }

  std::uint32_t give(const std::string& name, std::vector<std::uint32_t>& spare) {
    auto slot = static_cast<std::uint32_t>(slots.size());
    if (slot < capacity) {
      slots.emplace_back();
    } else {
      slot = spare.back();
      spare.pop_back();
      by_name.erase(slots[slot].name);
      ++slots[slot].tenancy;
    }
    slots[slot].name = name;
    by_name[name] = slot;
    return slot;
  }
};

RuleSlots::RuleSlots(std::uint32_t capacity) : state_(std::make_shared<State>()) {
  state_->capacity = std::max<std::uint32_t>(capacity, 1);
  state_->slots.push_back({.name = "default"});
}

RuleSlots::~RuleSlots() = default;

Result<RuleSlots::Assigned> RuleSlots::assign(std::span<const std::string> names) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  ++state.policies;

  std::vector<std::uint32_t> known;
  for (const std::string& name : names) {
    if (const auto found = state.by_name.find(name); found != state.by_name.end())
      known.push_back(found->second);
  }
  std::vector<std::uint32_t> spare;
  std::size_t fresh = state.capacity - state.slots.size();
  if (names.size() - known.size() > fresh) spare = state.reusable(known);
  if (std::size_t left = fresh + spare.size(); names.size() - known.size() > left) {
    for (const std::string& name : names) {
      if (state.by_name.contains(name) || left-- > 0) continue;
      return failure(fmt::format("give rule {} its counters", name),
                     fmt::format("all {} places for rules are taken; use fewer rules, or keep their names",
                                 state.capacity - 1));
    }
  }

  Assigned assigned;
  for (const std::string& name : names) {
    const auto found = state.by_name.find(name);
    const std::uint32_t slot = found != state.by_name.end() ? found->second : state.give(name, spare);
    ++state.slots[slot].leases;
    assigned.slots.push_back(slot);
  }
  assigned.lease = std::shared_ptr<const void>(
      state_.get(), [held = assigned.slots, kept = state_](const void*) { kept->release(held); });
  return assigned;
}

std::string RuleSlots::name(std::uint32_t slot) const {
  const std::lock_guard lock(state_->mutex);
  return slot < state_->slots.size() ? state_->slots[slot].name : std::string();
}

std::optional<std::uint32_t> RuleSlots::find(std::string_view name) const {
  const std::lock_guard lock(state_->mutex);
  if (const auto found = state_->by_name.find(std::string(name)); found != state_->by_name.end())
    return found->second;
  if (name == state_->slots[kDefault].name) return kDefault;
  return std::nullopt;
}

std::vector<RuleSlots::Holder> RuleSlots::holders() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Holder> holders;
  for (const State::Slot& slot : state_->slots)
    holders.push_back({slot.name, slot.tenancy, slot.leases != 0});
  holders[kDefault].leased = true;
  return holders;
}

}  // namespace millrace::firewall
