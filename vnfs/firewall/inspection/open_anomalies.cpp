// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/open_anomalies.h"

#include <algorithm>

namespace millrace::firewall::inspection {

AnomalyName name_of(const Suspicion& suspicion) {
  const ActivitySubject& subject = suspicion.record->subject;
  std::uint64_t detail = 0;
  if (suspicion.kind == AnomalyKind::kDnsTunnel) detail = subject.domain_hash;
  if (suspicion.kind == AnomalyKind::kSynFlood || suspicion.kind == AnomalyKind::kBruteForce)
    detail = std::uint64_t{subject.protocol} << 16 | subject.port;
  return {suspicion.kind, subject.who.first, subject.who.second, subject.who.rest, detail};
}

void OpenAnomalies::refresh(Open& open, const Suspicion& suspicion, std::uint32_t second, Tick now) const {
  // What did nothing new keeps the numbers of when it last did.
  if (suspicion.touched != second) return;
  const Tick began = open.anomaly.began;
  const double strongest = std::max(open.anomaly.strength, suspicion.strength);
  const Severity severity = open.anomaly.severity;
  open.anomaly = describe(suspicion, ipv6_source_bits_);
  open.anomaly.severity = std::max(severity, open.anomaly.severity);
  open.anomaly.strength = strongest;
  open.anomaly.began = began;
  open.anomaly.last = now;
  open.last_second = second;
}

bool OpenAnomalies::make_room(double strength, std::size_t most, AnomalyChanges& changes) {
  if (open_.size() < most) return true;
  ++untold_;
  const auto weakest = std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
    return a.second.anomaly.strength < b.second.anomaly.strength;
  });
  if (weakest == open_.end() || weakest->second.anomaly.strength >= strength) return false;
  changes.cleared.push_back(std::move(weakest->second.anomaly));
  open_.erase(weakest);
  return true;
}

AnomalyChanges OpenAnomalies::update(const std::vector<Suspicion>& found, const AnomalySettings& settings,
                                     std::uint32_t second, Tick now) {
  AnomalyChanges changes;
  for (const Suspicion& suspicion : found) {
    const AnomalyName name = name_of(suspicion);
    const auto known = open_.find(name);
    if (known != open_.end()) {
      refresh(known->second, suspicion, second, now);
      continue;
    }
    // What did nothing of late is not told anew, even where a long window still shows it.
    if (suspicion.strength < 1 || second - suspicion.touched > 1) continue;
    if (!make_room(suspicion.strength, settings.most_open, changes)) continue;
    Open open{.anomaly = describe(suspicion, ipv6_source_bits_), .last_second = second};
    open.anomaly.began = open.anomaly.last = now;
    changes.raised.push_back(open.anomaly);
    open_.emplace(name, std::move(open));
  }
  for (auto at = open_.begin(); at != open_.end();) {
    if (second - at->second.last_second < settings.clear_after_s) {
      ++at;
      continue;
    }
    changes.cleared.push_back(std::move(at->second.anomaly));
    at = open_.erase(at);
  }
  return changes;
}

std::vector<Anomaly> OpenAnomalies::list() const {
  std::vector<Anomaly> all;
  all.reserve(open_.size());
  for (const auto& [name, open] : open_) all.push_back(open.anomaly);
  return all;
}

}  // namespace millrace::firewall::inspection
