// SPDX-License-Identifier: BSD-3-Clause
// What the rules say of a session, when some of them ask for its application. What that means:
//
//   1. A session's application is undecided until it is settled: named (a protocol, perhaps a service carried
//      by it), or other, which is what could not be named. A settled application never changes.
//   2. A rule fits a session when all its conditions but `application` hold. Of the rules that fit, one
//      without `application` is certain; one with it is open while the application is undecided.
//   3. Settled: the first rule that fits and has no `application`, or lists one of the session's names, or
//      lists `other` and it is other, decides. Without one, the default does.
//   4. Undecided: the candidates are the open rules before the first certain one, and that one (or the
//      default). When none is open, the certain one decides, as if no rule asked for an application.
//   5. Else, when none of the candidates accepts, the certain one decides at once: nothing passes.
//   6. Else the session is let in provisionally, as one of the first candidate that accepts: its limits, its
//      log, and the inspection of the first candidate that accepts and has one.
//   7. When the application is settled, the rules are asked again, as in 3, before the packet that settled it
//      passes. What refuses drops it and all later packets of the session; what accepts has the session from
//      then on, its limits on sessions included.
//   8. A change of policy asks again as in 3 or 4; what was settled or seen is kept.
#pragma once

#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

struct Ruling {
  RuleIndex rule;                // decides, or lets it in provisionally; none(): the default
  std::uint16_t inspection = 0;  // as RuleOutcome has it
  bool undecided = false;        // let in provisionally
  bool by_application = false;   // with another application it might be another rule
};

// `first` is the first rule that may match the key, whose application is kUnknown. `settled` is the session
// when its application is settled, else null.
[[nodiscard]] Ruling rule_on(const Policy& policy, const RuleKey& key, RuleIndex first,
                             const Session* settled) noexcept;

}  // namespace millrace::firewall
