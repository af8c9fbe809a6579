// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/anomaly_bed.h"

#include <algorithm>
#include <utility>

#include "common/flow/key.h"

namespace millrace::testing {

using namespace firewall::inspection;

AnomalyBed::AnomalyBed(unsigned workers, AnomalySettings settings, WatchSettings watch, Tick start,
                       const HistoryLimits& limits)
    : start_(start), detector_(std::move(settings), limits, watch.ipv6_source_bits, kSeed, start) {
  std::vector<TrafficWatch*> all;
  for (unsigned i = 0; i < workers; ++i) {
    watches_.push_back(std::make_unique<TrafficWatch>(watch, kSeed, start));
    all.push_back(watches_.back().get());
  }
  detector_.set_watches(std::move(all));
}

void AnomalyBed::open(std::uint32_t in_ms, const Opening& opening, std::uint16_t source_port,
                      const Fate& fate) {
  constexpr std::uint64_t kRoundTrip = 40;
  const std::hash<net::IpAddress> hash;
  const std::uint64_t flow =
      flow::hash_words(hash(opening.source) ^ source_port, hash(opening.destination) ^ opening.port, 0x5eed);
  Event event{.worker = flow % watches_.size(),
              .what = fate.let_in ? What::kOpened : What::kRefused,
              .answered = fate.answered,
              .opening = opening,
              .duration_ms = fate.duration_ms,
              .bytes = fate.bytes,
              .name = {}};
  std::uint64_t at = clock_ms_ + in_ms;
  events_[at].push_back(event);
  if (!fate.let_in) return;
  at += kRoundTrip;
  event.what = What::kEstablished;
  if (fate.answered) events_[at].push_back(event);
  at += fate.duration_ms;
  event.what = What::kEnded;
  events_[at].push_back(event);
}

void AnomalyBed::ask(std::uint32_t in_ms, const net::IpAddress& client, std::string name) {
  events_[clock_ms_ + in_ms].push_back(
      {.worker = std::hash<std::string>{}(name) % watches_.size(),
       .what = What::kAsked,
       .answered = true,
       .opening = {.source = client, .destination = {}, .port = 53, .protocol = 17, .segment = {}},
       .duration_ms = 0,
       .bytes = 0,
       .name = std::move(name)});
}

void AnomalyBed::play(const Event& event) {
  TrafficWatch& watch = *watches_[event.worker];
  switch (event.what) {
    case What::kOpened:
      return watch.opened(event.opening);
    case What::kRefused:
      return watch.refused(event.opening);
    case What::kEstablished:
      return watch.established(event.opening);
    case What::kEnded:
      return watch.ended(event.opening, event.answered, event.bytes, event.duration_ms);
    case What::kAsked:
      return watch.asked(event.opening.source, event.opening.segment,
                         {reinterpret_cast<const std::uint8_t*>(event.name.data()), event.name.size()});
  }
}

void AnomalyBed::pass_second() {
  const std::uint64_t end = clock_ms_ + 1000;
  const auto later = events_.lower_bound(end);
  for (auto at = events_.begin(); at != later; ++at)
    for (const Event& event : at->second) play(event);
  events_.erase(events_.begin(), later);
  clock_ms_ = end;
  for (auto& watch : watches_) watch->turn(now());
  AnomalyChanges changes = detector_.poll(now());
  const auto second = static_cast<std::uint32_t>(clock_ms_ / 1000);
  for (Anomaly& anomaly : changes.raised) raised_.push_back({second, std::move(anomaly)});
  for (Anomaly& anomaly : changes.cleared) cleared_.push_back({second, std::move(anomaly)});
}

void AnomalyBed::run(std::uint32_t seconds, const Traffic& traffic) {
  for (std::uint32_t i = 0; i < seconds; ++i) {
    traffic(*this, static_cast<std::uint32_t>(clock_ms_ / 1000));
    pass_second();
  }
}

int AnomalyBed::first(AnomalyKind kind) const {
  const auto found = std::find_if(raised_.begin(), raised_.end(),
                                  [&](const Told& told) { return told.anomaly.kind == kind; });
  return found == raised_.end() ? -1 : static_cast<int>(found->second);
}

net::IpAddress address_of(std::uint32_t network, std::uint32_t number) {
  return net::Ipv4Address{be32(network + number)};
}

}  // namespace millrace::testing
