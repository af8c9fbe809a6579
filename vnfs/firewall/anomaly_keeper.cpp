// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/anomaly_keeper.h"

#include <boost/json.hpp>
#include <chrono>
#include <random>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "vnfs/firewall/compile_anomalies.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

using inspection::Anomaly;
using inspection::AnomalyChange;
using inspection::AnomalyChanges;
using inspection::AnomalyKind;
using inspection::Block;
using inspection::Blocked;
using inspection::BlockList;
using inspection::Severity;

constexpr Tick kBetweenAnomalyLooks = 1000;

std::uint64_t random_word() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

// As OpenAnomalies tells them apart.
std::string name_of_open(const Anomaly& anomaly) {
  const bool of_port = anomaly.kind == AnomalyKind::kSynFlood || anomaly.kind == AnomalyKind::kBruteForce;
  return fmt::format("{} {} {} {} {}", name(anomaly.kind), anomaly.subject.to_string(),
                     anomaly.segment.number(), of_port ? anomaly.port : 0, anomaly.domain);
}

}  // namespace

void AnomalyKeeper::begin(std::function<Tick()> tick, std::function<void()> synchronize) {
  tick_ = std::move(tick);
  synchronize_ = std::move(synchronize);
}

void AnomalyKeeper::follow(const std::string& appliance, const profile::Section& profile,
                           const core::Network& network) {
  appliance_ = appliance;
  domains_.clear();
  for (const core::Domain& domain : network.domains) domains_.push_back(domain.name);
  if (!tick_) return;
  if (!profile.anomalies) {
    if (detector_ == nullptr) return;
    detector_ = nullptr;
    told_.clear();
    publish_blocks();
    return;
  }
  auto settings = anomaly_settings(*profile.anomalies, profile);
  const std::uint8_t bits = profile.anomalies->ipv6_source;
  if (detector_ != nullptr && bits == ipv6_source_bits_) {
    detector_->set_settings(std::move(settings));
    return;
  }
  ipv6_source_bits_ = bits;
  told_.clear();
  looked_ = tick_();
  detector_ = std::make_unique<inspection::AnomalyDetector>(
      std::move(settings), inspection::HistoryLimits{}, bits, SipKey{random_word(), random_word()}, looked_);
  publish_blocks();
}

void AnomalyKeeper::look(appliance::Workers workers) {
  if (detector_ == nullptr || static_cast<Tick>(tick_() - looked_) < kBetweenAnomalyLooks) return;
  looked_ = tick_();
  std::vector<inspection::TrafficWatch*> watches;
  evicted_ = 0;
  for (core::Worker* worker : workers) {
    inspection::TrafficWatch* const watch = state_of(*worker).watch.watch();
    if (watch == nullptr) continue;
    evicted_ += watch->evicted();
    watches.push_back(watch);
  }
  detector_->set_watches(std::move(watches));
  const AnomalyChanges changes = detector_->poll(looked_);
  detector_->set_watches({});  // workers may be gone at the next look
  for (const Anomaly& anomaly : changes.cleared) {
    told_.erase(name_of_open(anomaly));
    tell(anomaly, AnomalyChange::kOver);
  }
  for (const Anomaly& anomaly : changes.raised) {
    told_[name_of_open(anomaly)] = anomaly.severity;
    ++raised_[std::string(name(anomaly.kind))];
    tell(anomaly, AnomalyChange::kRaised);
  }
  tell_worse();
  if (detector_->blocks_changed()) publish_blocks();
}

void AnomalyKeeper::tell_worse() {
  for (const Anomaly& anomaly : detector_->open()) {
    const auto told = told_.find(name_of_open(anomaly));
    if (told == told_.end() || told->second >= anomaly.severity) continue;
    told->second = anomaly.severity;
    tell(anomaly, AnomalyChange::kWorse);
  }
}

void AnomalyKeeper::tell(const Anomaly& anomaly, AnomalyChange change) {
  switch (change) {
    case AnomalyChange::kRaised:
      spdlog::warn("anomaly {}, {}: {}", name(anomaly.kind), name(anomaly.severity), anomaly.sentence);
      break;
    case AnomalyChange::kWorse:
      spdlog::warn("anomaly {} is {} now: {}", name(anomaly.kind), name(anomaly.severity), anomaly.sentence);
      break;
    case AnomalyChange::kOver:
      spdlog::info("anomaly {} is over: {}", name(anomaly.kind), anomaly.sentence);
      break;
  }
  write_event_(to_eve_line(anomaly, change, context(), appliance_));
}

// Workers that saw the old list may read it until they have seen the new one.
void AnomalyKeeper::publish_blocks() {
  std::vector<Block> blocks;
  if (detector_ != nullptr) {
    for (const Blocked& blocked : detector_->blocks()) blocks.push_back(blocked.block);
  }
  const auto before =
      blocked_->replace(std::make_unique<const BlockList>(blocks, ipv6_source_bits_, random_word()));
  synchronize_();
}

Result<void> AnomalyKeeper::lift(std::string_view source) {
  const auto prefix = net::Prefix::parse(source);
  if (!prefix)
    return failure("lift a block", fmt::format("'{}' is no source; give an address or a prefix", source),
                   "name");
  bool lifted = false;
  if (detector_ != nullptr) {
    for (const Blocked& blocked : detector_->blocks()) {
      const net::IpAddress address = blocked.block.source.address();
      const net::Prefix network{address, address.is_v4() ? std::uint8_t{32} : ipv6_source_bits_};
      if (prefix->overlaps(network)) lifted = detector_->lift(blocked.block.source) || lifted;
    }
    if (detector_->blocks_changed()) publish_blocks();
  }
  if (!lifted) return failure("lift a block", fmt::format("{} is not blocked", source));
  spdlog::info("{} is blocked no longer: an operator has lifted it", source);
  return {};
}

inspection::AnomalyContext AnomalyKeeper::context() const {
  return {.now = now(),
          .wall = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()),
          .domains = domains_};
}

boost::json::object AnomalyKeeper::report() const {
  boost::json::array anomalies;
  boost::json::array blocks;
  if (detector_ != nullptr) {
    for (const Anomaly& anomaly : detector_->open()) anomalies.emplace_back(to_json(anomaly, context()));
    for (const Blocked& blocked : detector_->blocks())
      blocks.emplace_back(to_json(blocked, ipv6_source_bits_, context()));
  }
  return {{"watched", detector_ != nullptr},
          {"anomalies", std::move(anomalies)},
          {"blocks", std::move(blocks)},
          {"untold", detector_ == nullptr ? 0 : detector_->untold()}};
}

std::vector<control::Metric> AnomalyKeeper::metrics() const {
  if (detector_ == nullptr) return {};
  using Type = control::Metric::Type;
  control::Metric open{"anomalies", "Anomalies that are open.", Type::kGauge, {}};
  control::Metric raised{"anomalies_total", "Anomalies ever raised.", Type::kCounter, {}};
  std::map<std::pair<AnomalyKind, Severity>, double> counts;
  for (const Anomaly& anomaly : detector_->open()) counts[{anomaly.kind, anomaly.severity}] += 1;
  for (const auto& [what, count] : counts) {
    open.samples.push_back(
        {.labels = {{"kind", std::string(name(what.first))}, {"severity", std::string(name(what.second))}},
         .value = count});
  }
  for (std::size_t kind = 0; kind < inspection::kAnomalyKinds; ++kind) {
    const std::string word(name(static_cast<AnomalyKind>(kind)));
    const auto found = raised_.find(word);
    const auto count = found == raised_.end() ? 0 : found->second;
    raised.samples.push_back({.labels = {{"kind", word}}, .value = static_cast<double>(count)});
  }
  const auto single = [](std::string name, std::string help, Type type, std::uint64_t value) {
    return control::Metric{
        std::move(name), std::move(help), type, {{.labels = {}, .value = static_cast<double>(value)}}};
  };
  return {
      std::move(open), std::move(raised),
      single("anomalies_untold_total", "Anomalies for which there was no room among the open ones.",
             Type::kCounter, detector_->untold()),
      single("blocked_sources", "Sources that an anomaly has blocked now.", Type::kGauge,
             blocked_->get().size()),
      single("watch_evicted_total", "Sources and services that gave way to others before they were counted.",
             Type::kCounter, evicted_)};
}

}  // namespace millrace::firewall
