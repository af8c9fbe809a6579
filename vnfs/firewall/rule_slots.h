// SPDX-License-Identifier: BSD-3-Clause
// Which counters a rule has: the same for a rule of one name in every policy, so that a reload does not lose
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace millrace::firewall {

// By what name a threat list has a slot; no rule can have it.
inline constexpr std::string_view kListSlot = "threat_list:";
[[nodiscard]] inline std::string list_slot_name(std::string_view list) {
  return std::string(kListSlot).append(list);
}
// The list's name, or nothing where a rule has the slot.
[[nodiscard]] inline std::string_view list_of_slot(std::string_view name) {
  return name.starts_with(kListSlot) ? name.substr(kListSlot.size()) : std::string_view();
}

// From rule name to slot. Locks itself: policies are compiled in the background while the control thread asks
// for names.
class RuleSlots {
 public:
  static constexpr std::uint32_t kDefault = 0;  // the policy's default action; no rule has it
  // A name that no policy has any more keeps its slot until this many policies have been made since: sessions
  // it accepted may still be open. Then another name may have the slot, but only when no slot is fresh.
  static constexpr std::uint64_t kKeptFor = 8;

  explicit RuleSlots(std::uint32_t capacity);
  ~RuleSlots();
  RuleSlots(const RuleSlots&) = delete;
  RuleSlots& operator=(const RuleSlots&) = delete;

  struct Assigned {
    std::vector<std::uint32_t> slots;   // one for each name, in their order
    std::shared_ptr<const void> lease;  // the names are in use as long as it lives; may outlive the registry
  };
  // Slots for the rules of one policy; names do not repeat. When there are too few, an error naming the first
  // rule without one, and nothing has changed. Any thread.
  [[nodiscard]] Result<Assigned> assign(std::span<const std::string> names);

  // The name that has the slot, or had it last; "default" for kDefault, empty when none ever had.
  [[nodiscard]] std::string name(std::uint32_t slot) const;
  [[nodiscard]] std::optional<std::uint32_t> find(std::string_view name) const;

  // Who has each slot from 0 to the highest ever given. `tenancy` differs when a slot went to another name.
  struct Holder {
    std::string name;
    std::uint32_t tenancy = 0;
    bool leased = false;
  };
  [[nodiscard]] std::vector<Holder> holders() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::firewall
