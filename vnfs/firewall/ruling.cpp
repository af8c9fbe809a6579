// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/ruling.h"

#include <algorithm>

namespace millrace::firewall {
namespace {

RuleIndex match_settled(const Policy& policy, RuleKey key, const Session& session) noexcept {
  const dpi::Application named = session.named();
  key.application = session.naming == Naming::kNamed ? named.protocol : kOtherApplication;
  const RuleIndex rule = policy.matcher.match(key);
  if (named.service == dpi::ApplicationId::kUnknown) return rule;
  key.application = named.service;
  return std::min(rule, policy.matcher.match(key));  // none() comes after all rules
}

Ruling rule_provisionally(const Policy& policy, const RuleKey& key) noexcept {
  Ruling ruling;
  ruling.by_application = true;
  RuleIndex certain;
  // True when nothing more is of interest.
  const auto weigh = [&](RuleIndex rule) noexcept {
    const RuleOutcome& outcome = policy.outcome(rule);
    if (outcome.action == Action::kAccept) {
      if (!ruling.undecided) ruling.rule = rule;
      ruling.undecided = true;
      if (ruling.inspection == 0) ruling.inspection = outcome.inspection;
    }
    return ruling.undecided && (ruling.inspection != 0 || policy.inspections.empty());
  };
  bool done = false;
  policy.matcher.each_match(key, [&](RuleIndex rule) noexcept {
    done = weigh(rule);
    if (!policy.outcome(rule).asks_application) {
      certain = rule;
      done = true;
    }
    return !done;
  });
  if (!done) static_cast<void>(weigh(RuleIndex::none()));
  if (!ruling.undecided) ruling.rule = certain;
  return ruling;
}

}  // namespace

Ruling rule_on(const Policy& policy, const RuleKey& key, RuleIndex first, const Session* settled) noexcept {
  const auto certainly = [&](RuleIndex rule, bool by_application) noexcept {
    return Ruling{
        .rule = rule, .inspection = policy.outcome(rule).inspection, .by_application = by_application};
  };
  if (!first.valid() || !policy.outcome(first).asks_application) [[likely]]
    return certainly(first, false);
  if (settled != nullptr) return certainly(match_settled(policy, key, *settled), true);
  return rule_provisionally(policy, key);
}

}  // namespace millrace::firewall
