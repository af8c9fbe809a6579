// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/event_reader.h"

#include <algorithm>

#include "common/control/flow_log/event_clock.h"
#include "common/flow/segment.h"
#include "vnfs/firewall/inspection/http_anomaly.h"
#include "vnfs/firewall/inspection/notable.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"

namespace millrace::firewall::inspection {
namespace {

std::string name_of(const std::vector<std::string>& names, std::uint32_t number) {
  if (number < names.size() && !names[number].empty()) return names[number];
  return "#" + std::to_string(number);
}

}  // namespace

EventRecord EventReader::to_record(const InspectionEvent& event) const {
  EventRecord record;
  record.event = event;
  record.time = control::EventClock::now(tsc_per_second_).at(event.tsc);
  record.rule = name_of(names_.rules, event.rule_slot);
  record.ingress = name_of(names_.interfaces, event.ingress);
  record.domain = name_of(names_.domains, flow::Segment::from_number(event.segment).domain_id());
  if (const auto about = find_(event.inspection)) {
    record.inspection = about->name;
    const auto& set = about->set;
    if (event.kind == EventKind::kAlert && event.signature < set->signatures().size())
      record.signature = std::shared_ptr<const Signature>(set, &set->about(event.signature));
  }
  if (event.kind == EventKind::kListed) {
    record.list = name_of(names_.lists, event.list_slot);
  } else if (event.kind != EventKind::kAlert) {
    const auto tell = [&record](const auto& facts) {
      record.reason = facts.name;
      record.sentence = facts.sentence;
    };
    if (event.kind == EventKind::kUnseen || event.speech == Speech::kUnknown) {
      tell(facts_of(static_cast<Notable>(event.reason)));
    } else if (event.speech == Speech::kHttp) {
      tell(facts_of(static_cast<HttpAnomaly>(event.reason)));
    } else {
      tell(readers::facts_of(static_cast<readers::ReadAnomaly>(event.reason)));
    }
  }
  return record;
}

unsigned EventReader::poll(InspectionEvents& events) {
  constexpr std::size_t kAtOnce = 64;
  events_.resize(kAtOnce);
  unsigned total = 0;
  while (total < kMostPerPoll) {
    const std::size_t count = events.pop(events_);
    if (count == 0) break;
    total += static_cast<unsigned>(count);
    records_.clear();
    for (std::size_t i = 0; i < count; ++i) records_.push_back(to_record(events_[i]));
    if (sink_ != nullptr) sink_->write(records_);
    for (EventRecord& record : records_) last_.push_back(std::move(record));
    while (last_.size() > kRemembered) last_.pop_front();
  }
  return total;
}

}  // namespace millrace::firewall::inspection
