// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/check_threat_lists.h"
#include "vnfs/firewall/inspection/evidence.h"
#include "vnfs/firewall/inspection/list_verdict.h"

namespace millrace::firewall::inspection {

void Inspector::ask_lists(Case& now) noexcept {
  const Evidence& evidence = now.evidence;
  const Subject& subject = evidence.subject;
  const ThreatLists& lists = *evidence.lists.lists;
  const ListFinding found = check_threat_lists(lists, *subject.parts, subject.fresh);
  if (found.hits.empty()) return;
  const ListAction action = verdict_of(lists, found.hits);
  const bool blocks = action != ListAction::kAlert;
  InspectionEvent event = event_of(evidence.session, now.by, subject.side, subject.now, evidence.tsc);
  describe_message(now, event);
  event.kind = EventKind::kListed;
  event.outcome = blocks ? Outcome::kBlocked : Outcome::kAllowed;
  event.host.set(found.host);
  event.target.set(found.path);
  event.ja3.set((*subject.parts)[Buffer::kJa3Hash]);
  for (ListHits hits = found.hits; !hits.empty(); hits = hits.rest()) {
    const std::size_t list = hits.first();
    event.list_slot = evidence.lists.slots[list];
    event.list_kind = lists.member(list).list->kind();
    event.severity = lists.member(list).severity;
    RuleCounters& counters = evidence.lists.counters[event.list_slot];
    counters.hits.add(1);
    counters.last_hit.set(evidence.tsc);
    static_cast<void>(events_.push(event));
  }
  if (!blocks || now.judgement.what != What::kPass) return;
  now.judgement.what = action == ListAction::kReject ? What::kReject : What::kDrop;
  now.judgement.listed = true;
}

}  // namespace millrace::firewall::inspection
