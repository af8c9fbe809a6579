// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/firewall/inspection/list_kind.h"
#include "vnfs/firewall/inspection/threat_lists.h"

namespace millrace::firewall::inspection {

[[nodiscard]] inline ListAction action_of(const ThreatLists& lists, std::size_t list) noexcept {
  return static_cast<ListAction>(lists.member(list).action);
}

// What becomes of what these lists name: the first of them that does not only tell decides.
[[nodiscard]] inline ListAction verdict_of(const ThreatLists& lists, ListHits hits) noexcept {
  for (; !hits.empty(); hits = hits.rest()) {
    if (const ListAction action = action_of(lists, hits.first()); action != ListAction::kAlert) return action;
  }
  return ListAction::kAlert;
}

}  // namespace millrace::firewall::inspection
