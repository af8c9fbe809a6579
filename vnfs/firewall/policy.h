// SPDX-License-Identifier: BSD-3-Clause
// Everything the profile decides about packets, in the form the stages use. Immutable; swapped whole.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/core/function.h"
#include "common/flow/tcp.h"
#include "vnfs/firewall/inspection/block_list.h"
#include "vnfs/firewall/inspection/inspection.h"
#include "vnfs/firewall/inspection/threat_lists.h"
#include "vnfs/firewall/rule.h"
#include "vnfs/firewall/rule_matcher.h"

namespace millrace::firewall {

enum class ReversePath : std::uint8_t { kOff, kLoose, kStrict };

// Milliseconds without a packet after which a session ends.
struct Timeouts {
  Tick tcp_established = 3'600'000;
  Tick tcp_transitory = 240'000;
  Tick tcp_embryonic = 30'000;
  Tick udp = 120'000;
  Tick udp_unreplied = 30'000;
  Tick icmp = 30'000;
  Tick sctp_established = 3'600'000;
  Tick sctp_transitory = 60'000;
  Tick other = 600'000;
};

// Source limits, like those of rules, are the appliance's: a worker holds to its share (session_limits.h).
struct Protection {
  std::uint32_t syn_cookies_above = 0;  // half-open connections begun per second on a worker; 0 = never
  Pace new_sessions_per_source{};
  std::uint32_t sessions_per_source = 0;
  ReversePath reverse_path = ReversePath::kOff;
};

// What a worker does when a rule has matched; the rest of the rule only matters to the matcher.
struct RuleOutcome {
  Action action = Action::kDrop;
  bool log = false;
  std::uint32_t slot = 0;  // its counters, the same for a rule of this name in every policy
  RuleLimits limits;
  std::uint16_t inspection = 0;  // one more than its number; 0: its sessions are not looked into
  bool asks_application = false;
};

struct Policy final : core::Policy {
  std::uint16_t generation =
      1;  // differs from one policy to the next; sessions keep the one that accepted them
  std::vector<ZoneId> zone_of;  // by InterfaceId
  RuleMatcher matcher;
  std::vector<RuleOutcome> outcomes;  // by RuleIndex
  RuleOutcome otherwise;              // when no rule matches
  std::vector<std::shared_ptr<const inspection::Inspection>> inspections;
  std::shared_ptr<const inspection::ThreatLists> threat_lists;  // null: there are none
  std::vector<std::uint32_t> list_slots;                        // their counters, as of rules
  Timeouts timeouts;
  flow::TcpSettings tcp;
  Protection protection;
  bool asks_applications = false;  // some rule does
  bool drop_when_no_room = true;   // to find an application out; else it is one that could not be named
  bool draining = false;
  std::shared_ptr<const inspection::BlockDirectory> blocked_sources;  // null: none can be
  bool watched = false;           // what sources do is counted, for anomalies to be found
  bool log_all_sessions = false;  // tell of every session that ends, not only of those whose rule logs
  Tick active_timeout = 0;        // ms after which a session that goes on is told of again; 0 = never

  // For people: explain, listings, reports. The data path reads none of it.
  struct Listing {
    std::string schedule;  // empty: always in force
    bool active = true;    // its schedule had it in force when the policy was made; else the matcher skips it
    RuleIndex shadowed_by{};  // none() when no rule before it covers it
  };
  struct ListFile {
    std::string path;
    std::time_t modified = 0;
  };
  std::vector<ListFile> list_files;  // of the threat lists
  std::vector<Rule> rules;
  std::vector<Listing> listings;               // by RuleIndex; may be empty
  std::shared_ptr<const void> counters_lease;  // the rules' slots are in use as long as the policy lives
  std::vector<AddressSet> sets;
  std::vector<std::string> zone_names;
  std::vector<std::string> interface_names;

  [[nodiscard]] ZoneId zone(core::InterfaceId interface) const noexcept {
    return interface.value() < zone_of.size() ? zone_of[interface.value()] : ZoneId::none();
  }
  [[nodiscard]] const RuleOutcome& outcome(RuleIndex rule) const noexcept {
    return rule.valid() ? outcomes[rule.value()] : otherwise;
  }
};

// The idle time a session in this state is given.
[[nodiscard]] Tick timeout_of(const Timeouts& timeouts, std::uint8_t protocol, flow::TcpState state,
                              bool replied) noexcept;

}  // namespace millrace::firewall
