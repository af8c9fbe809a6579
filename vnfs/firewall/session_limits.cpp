// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_limits.h"

namespace millrace::firewall {
namespace {

using flow::kNoSource;
using flow::SourceIndex;
using flow::SourceKey;

}  // namespace

std::optional<Drop> SessionLimits::refuse(const net::IpAddress& source, flow::Segment segment,
                                          const RuleOutcome& outcome, std::uint64_t open,
                                          const Protection& protection, Tick now, Entries& entries) noexcept {
  const RuleLimits& limits = outcome.limits;
  const bool by_source = protection.new_sessions_per_source.limits() || protection.sessions_per_source != 0;
  if (limits == RuleLimits{} && !by_source) [[likely]]
    return std::nullopt;

  if (limits.sessions != 0 && open >= share(limits.sessions)) return Drop::kRuleSessionLimit;
  if (by_source) {
    entries.source = sources_.find_or_add({source, segment, SourceKey::kEverywhere});
  }
  if (limits.new_sessions_per_source.limits() || limits.sessions_per_source != 0) {
    entries.rule_source = sources_.find_or_add({source, segment, outcome.slot + 1});
    // The second look-up may have taken the place of the first when there is hardly any room.
    if (entries.rule_source == entries.source) entries.source = kNoSource;
  }
  if (too_many(entries.source, protection.sessions_per_source) ||
      too_many(entries.rule_source, limits.sessions_per_source)) {
    return Drop::kSourceSessionLimit;
  }

  // All rates are asked before the first is charged: what one of them refuses does not count for the others.
  RateBucket& rule = rules_[outcome.slot];
  const std::uint32_t burst =
      limits.new_sessions_burst != 0 ? limits.new_sessions_burst : limits.new_sessions.burst();
  const Pace pace = limits.new_sessions.share(workers_);
  if (pace.limits() && !rule.ready(pace, share(burst), now)) {
    return Drop::kRuleRateLimit;
  }
  if (too_fast(entries.source, protection.new_sessions_per_source, now) ||
      too_fast(entries.rule_source, limits.new_sessions_per_source, now)) {
    return Drop::kSourceRateLimit;
  }
  if (pace.limits()) rule.take(pace);
  const auto charge = [&](SourceIndex entry, const Pace& limit) {
    if (entry != kNoSource && limit.limits()) sources_.rate(entry).take(limit.share(workers_));
  };
  charge(entries.source, protection.new_sessions_per_source);
  charge(entries.rule_source, limits.new_sessions_per_source);
  return std::nullopt;
}

void SessionLimits::opened(Session& session, const Entries& entries) noexcept {
  session.source_slot = entries.source;
  session.rule_source_slot = entries.rule_source;
  sources_.opened(entries.source);
  sources_.opened(entries.rule_source);
}

std::optional<Drop> SessionLimits::refuse_move(Session& session, const net::IpAddress& source,
                                               const RuleOutcome& to, std::uint64_t open, Tick now) noexcept {
  Entries entries;
  // What holds for every source was asked when the session began.
  if (const auto reason = refuse(source, session.segment(), to, open, {}, now, entries)) return reason;
  sources_.ended(session.rule_source_slot);
  session.rule_source_slot = entries.rule_source;
  sources_.opened(entries.rule_source);
  return std::nullopt;
}

void SessionLimits::adopted(Session& session, const net::IpAddress& source, const RuleOutcome& outcome,
                            const Protection& protection) noexcept {
  Entries entries;
  const flow::Segment segment = session.segment();
  if (protection.new_sessions_per_source.limits() || protection.sessions_per_source != 0) {
    entries.source = sources_.find_or_add({source, segment, SourceKey::kEverywhere});
  }
  if (outcome.limits.new_sessions_per_source.limits() || outcome.limits.sessions_per_source != 0) {
    entries.rule_source = sources_.find_or_add({source, segment, outcome.slot + 1});
    if (entries.rule_source == entries.source) entries.source = kNoSource;
  }
  opened(session, entries);
}

void SessionLimits::ended(const Session& session) noexcept {
  sources_.ended(session.source_slot);
  sources_.ended(session.rule_source_slot);
}

}  // namespace millrace::firewall
