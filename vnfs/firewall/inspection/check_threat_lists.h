// SPDX-License-Identifier: BSD-3-Clause
// What the threat lists say of a message's parts: names in TLS, HTTP and DNS, URLs, JA3 hashes. Data path.
#pragma once

#include <cstdint>
#include <span>

#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/threat_lists.h"
#include "vnfs/firewall/rule_counters.h"

namespace millrace::firewall::inspection {

// The lists in force, and where a worker counts what they name.
struct ListsInForce {
  const ThreatLists* lists = nullptr;    // null: there are none
  std::span<const std::uint32_t> slots;  // by list
  std::span<RuleCounters> counters;      // by slot
};

struct ListFinding {
  ListHits hits;
  Bytes host;  // that was asked for last, as it was sent; parts of what was given, as is the next
  Bytes path;  // with the query; HTTP only
};

// Only parts that are fresh, and will not become longer, are looked up.
[[nodiscard]] ListFinding check_threat_lists(const ThreatLists& lists, const Parts& parts,
                                             Buffers fresh) noexcept;

}  // namespace millrace::firewall::inspection
