// SPDX-License-Identifier: BSD-3-Clause
// How many sessions may begin and be open: by rule, by source, and by source under one rule.
//
// The limits are the appliance's; each worker holds to its share, the limit divided by the number of workers,
// of numbers rounded up. The flows of one source spread over the workers by their hash, so a limit of a few
// sessions may be met a little early, and is never exceeded by more than the rounding.
#pragma once

#include <optional>
#include <vector>

#include "common/core/batch.h"
#include "common/core/function.h"
#include "common/flow/source_table.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

// One worker's own.
class SessionLimits {
 public:
  SessionLimits(std::uint32_t rule_slots, std::uint32_t sources, const core::WorkerServices& services)
      : workers_(services.workers == 0 ? 1 : services.workers),
        rules_(rule_slots),
        sources_(sources, services.seed) {}

  // The entries that a session about to begin will be counted in.
  struct Entries {
    flow::SourceIndex source = flow::kNoSource;
    flow::SourceIndex rule_source = flow::kNoSource;
  };

  // Why the session that `source` would begin under a rule may not be; otherwise nothing, the rates are
  // charged, and `entries` is set. `open` is how many sessions of the rule there are on this worker.
  [[nodiscard]] std::optional<Drop> refuse(const net::IpAddress& source, flow::Segment segment,
                                           const RuleOutcome& outcome, std::uint64_t open,
                                           const Protection& protection, Tick now, Entries& entries) noexcept;
  void opened(Session& session, const Entries& entries) noexcept;
  // The same for a session that is there and becomes another rule's; when it may not be, nothing is changed.
  [[nodiscard]] std::optional<Drop> refuse_move(Session& session, const net::IpAddress& source,
                                                const RuleOutcome& to, std::uint64_t open, Tick now) noexcept;
  // The same for a session that came from another worker or process: it is counted, whatever the limits.
  void adopted(Session& session, const net::IpAddress& source, const RuleOutcome& outcome,
               const Protection& protection) noexcept;
  void ended(const Session& session) noexcept;

  [[nodiscard]] const flow::SourceTable& sources() const noexcept { return sources_; }

 private:
  [[nodiscard]] std::uint32_t share(std::uint32_t limit) const noexcept {
    return limit / workers_ + (limit % workers_ != 0 ? 1 : 0);
  }
  [[nodiscard]] bool too_many(flow::SourceIndex source, std::uint32_t limit) const noexcept {
    return source != flow::kNoSource && limit != 0 && sources_.open_sessions(source) >= share(limit);
  }
  [[nodiscard]] bool too_fast(flow::SourceIndex source, const Pace& limit, Tick now) noexcept {
    return source != flow::kNoSource && limit.limits() &&
           !sources_.rate(source).ready(limit.share(workers_), share(limit.burst()), now);
  }

  unsigned workers_;
  std::vector<RateBucket> rules_;  // by slot
  flow::SourceTable sources_;
};

}  // namespace millrace::firewall
