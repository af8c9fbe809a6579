// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly_detector.h"

#include <algorithm>
#include <utility>

namespace millrace::firewall::inspection {
namespace {

// So that the time of no record is less than a window after 0.
constexpr std::uint32_t kFirstSecond = 2 * kWindowSeconds.back();

bool names_a_source(AnomalyKind kind) {
  return kind != AnomalyKind::kSynFlood && kind != AnomalyKind::kUdpFlood;
}

void note_example(ActivityRecord& record, const Activity& activity) {
  record.last_other = activity.other;
  record.last_port = activity.port;
}

}  // namespace

AnomalyDetector::AnomalyDetector(AnomalySettings settings, const HistoryLimits& limits,
                                 std::uint8_t ipv6_source_bits, const SipKey& seed, Tick now)
    : settings_(std::move(settings)),
      ipv6_source_bits_(ipv6_source_bits),
      histories_(limits, seed),
      open_(ipv6_source_bits),
      polled_(now),
      clock_ms_(std::uint64_t{kFirstSecond} * 1000),
      began_(kFirstSecond),
      last_second_(kFirstSecond) {}

void AnomalyDetector::take_in(const WatchPage& page, std::uint32_t second) {
  page.pairs.for_each([&](const Activity& seen) {
    const ActivitySubject subject{
        .who = seen.who, .other = seen.other, .domain_hash = 0, .port = 0, .protocol = 0};
    note_example(histories_.pairs.add(subject, seen.counts, seen.distinct, second), seen);
  });
  const auto by_port = [&](ActivityHistory& history, const Activity& seen) {
    const ActivitySubject subject{
        .who = seen.who, .other = {}, .domain_hash = 0, .port = seen.port, .protocol = seen.protocol};
    note_example(history.add(subject, seen.counts, seen.distinct, second), seen);
  };
  page.ports.for_each([&](const Activity& seen) { by_port(histories_.ports, seen); });
  page.services.for_each([&](const Activity& seen) { by_port(histories_.services, seen); });
  page.domains.for_each([&](const NameActivity& seen) {
    const ActivitySubject subject{
        .who = seen.who, .other = {}, .domain_hash = seen.domain_hash, .port = 0, .protocol = 0};
    ActivityRecord& record = histories_.domains.add(subject, seen.counts, seen.distinct, second);
    record.domain_length = seen.domain_length;
    record.domain = seen.domain;
  });
}

AnomalyChanges AnomalyDetector::poll(Tick now) {
  clock_ms_ += static_cast<Tick>(now - polled_);
  polled_ = now;
  const auto second = static_cast<std::uint32_t>(clock_ms_ / 1000);
  for (TrafficWatch* watch : watches_) {
    const WatchPage* const page = watch->take();
    if (page == nullptr) continue;
    take_in(*page, second);
    watch->give_back();
  }
  if (second == last_second_) return {};
  const auto found = rules_.judge(histories_, settings_, second, second - last_second_, began_);
  last_second_ = second;
  block(found, second, now);
  return open_.update(found, settings_, second, now);
}

bool AnomalyDetector::may_block(const flow::SourceKey& source) const {
  const net::IpAddress address = source.address();
  const net::Prefix network{address, address.is_v4() ? std::uint8_t{32} : ipv6_source_bits_};
  return std::none_of(settings_.never_block.begin(), settings_.never_block.end(),
                      [&](const net::Prefix& never) { return never.overlaps(network); });
}

// That a long window still shows what a source did is no reason to block it anew, nor is a single opening
// that goes unanswered.
AnomalyDetector::Standing AnomalyDetector::standing_of(const Suspicion& suspicion) const {
  constexpr double kPartOfAnAnomaly = 0.1;
  Standing standing{.window = suspicion.window,
                    .strength = suspicion.strength,
                    .measure = suspicion.measure,
                    .went_on = true};
  const auto found = standings_.find(name_of(suspicion));
  if (found == standings_.end() || found->second.strength < 1) return standing;
  const Standing& before = found->second;
  if (suspicion.window != before.window) {
    standing.went_on = suspicion.window < before.window;
    return standing;
  }
  const double an_anomaly = suspicion.measure / suspicion.strength;
  standing.went_on = suspicion.measure >= before.measure + kPartOfAnAnomaly * an_anomaly;
  if (!standing.went_on) standing.measure = std::min(before.measure, suspicion.measure);
  return standing;
}

void AnomalyDetector::block(const std::vector<Suspicion>& found, std::uint32_t second, Tick now) {
  blocks_changed_ |= std::erase_if(blocks_, [&](const auto& entry) {
                       return !tick_after(entry.second.block.until, now);
                     }) != 0;
  std::map<AnomalyName, Standing> standings;
  for (const Suspicion& suspicion : found) {
    const Standing standing = standings[name_of(suspicion)] = standing_of(suspicion);
    const std::uint32_t seconds = settings_.of(suspicion.kind).block_for_s;
    const flow::SourceKey& source = suspicion.record->subject.who;
    if (seconds == 0 || suspicion.strength < 1 || second - suspicion.touched > 1 || !standing.went_on ||
        !names_a_source(suspicion.kind) || !may_block(source))
      continue;
    const SourceName name{source.first, source.second, source.rest};
    // From where workers' clocks stop telling before from after.
    constexpr std::uint32_t kMostSeconds = 14 * 86400;
    const Blocked made{.block = {.source = source, .until = now + std::min(seconds, kMostSeconds) * 1000},
                       .kind = suspicion.kind};
    if (const auto known = blocks_.find(name); known != blocks_.end()) {
      if (!tick_after(made.block.until, known->second.block.until)) continue;
      known->second = made;
    } else if (blocks_.size() < settings_.most_blocked) {
      blocks_.emplace(name, made);
    } else {
      continue;
    }
    blocks_changed_ = true;
  }
  standings_ = std::move(standings);
}

bool AnomalyDetector::lift(const flow::SourceKey& source) {
  const bool was_blocked = blocks_.erase({source.first, source.second, source.rest}) != 0;
  blocks_changed_ |= was_blocked;
  return was_blocked;
}

std::vector<Blocked> AnomalyDetector::blocks() const {
  std::vector<Blocked> all;
  all.reserve(blocks_.size());
  for (const auto& [name, blocked] : blocks_) all.push_back(blocked);
  return all;
}

}  // namespace millrace::firewall::inspection
