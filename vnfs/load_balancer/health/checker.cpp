// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/checker.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

namespace millrace::load_balancer::health {
namespace {

using std::chrono::milliseconds;
using Span = std::chrono::steady_clock::duration;

// The first checks of n new targets are spread over n times this, and at most over their interval.
constexpr milliseconds kFirstCheckSpread{10};
// A thread that comes later than this to a deadline was busy with something else.
constexpr milliseconds kLate{50};
// Between two checks of one target, whatever its interval.
constexpr milliseconds kShortestGap{1};

Span part_of(Span whole, double share) {
  return Span(std::llround(static_cast<double>(whole.count()) * share));
}

std::string in_words(milliseconds time) {
  const auto count = time.count();
  return count % 1000 == 0 ? fmt::format("{} s", count / 1000) : fmt::format("{} ms", count);
}

}  // namespace

struct Checker::Entry {
  Target target;
  Status status;
  std::unique_ptr<RunningCheck> running;
  SteadyTime started;                   // of the check that runs
  SteadyTime wanted;                    // its place in the agenda
  std::optional<std::uint64_t> ticket;  // its place among those that wait
  bool forgiven = false;                // a late thread, in this check
};

Checker::Checker(boost::asio::io_context& io, OnChange on_change, CheckerOptions options)
    : Checker(network_checks(io), system_timing(io), std::move(on_change), options) {}

Checker::Checker(std::unique_ptr<Checks> checks, std::unique_ptr<Timing> timing, OnChange on_change,
                 CheckerOptions options)
    : checks_(std::move(checks)),
      timing_(std::move(timing)),
      on_change_(std::move(on_change)),
      options_(options) {
  options_.most_running = std::max<std::size_t>(options_.most_running, 1);
}

Checker::~Checker() { stop(); }

Result<void> Checker::set(std::span<const Target> targets) {
  std::unordered_set<std::string_view> wanted;
  std::vector<const Target*> fresh;
  for (const Target& target : targets) {
    if (!wanted.insert(target.id).second) {
      return failure("set health checks", "two targets have the id " + target.id);
    }
    const auto known = entries_.find(target.id);
    if (known == entries_.end() || known->second->target != target) fresh.push_back(&target);
  }
  if (auto prepared = checks_->prepare(targets); !prepared) return prepared;

  std::vector<Entry*> gone;
  for (const auto& [id, entry] : entries_) {
    if (!wanted.contains(id)) gone.push_back(entry.get());
  }
  for (const Target* target : fresh) {
    if (const auto known = entries_.find(target->id); known != entries_.end()) {
      gone.push_back(known->second.get());
    }
  }
  for (Entry* entry : gone) remove(*entry);

  std::vector<Entry*> added;
  added.reserve(fresh.size());
  for (const Target* target : fresh) added.push_back(&add(*target));
  if (!options_.held) spread_first_checks(added);
  start_waiting();  // in the places of those that are gone
  set_alarm();
  return {};
}

void Checker::release() {
  if (!std::exchange(options_.held, false)) return;
  std::vector<Entry*> all;
  all.reserve(entries_.size());
  for (const auto& [id, entry] : entries_) all.push_back(entry.get());
  spread_first_checks(all);
  set_alarm();
}

const Status* Checker::status(std::string_view id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second->status;
}

void Checker::stop() {
  timing_->no_wake();
  agenda_.clear();
  waiting_.clear();
  entries_.clear();
  running_ = 0;
}

Checker::Entry& Checker::add(const Target& target) {
  auto entry = std::make_unique<Entry>();
  entry->target = target;
  return *entries_.emplace(target.id, std::move(entry)).first->second;
}

void Checker::spread_first_checks(std::span<Entry* const> fresh) {
  const SteadyTime now = timing_->now();
  const Span spread = kFirstCheckSpread * static_cast<std::int64_t>(fresh.size());
  for (Entry* entry : fresh) {
    entry->wanted = now + part_of(std::min<Span>(spread, entry->target.spec.interval), timing_->chance());
    agenda_.emplace(entry->wanted, entry);
  }
}

void Checker::remove(Entry& entry) {
  agenda_.erase({entry.wanted, &entry});
  if (entry.ticket) waiting_.erase(*entry.ticket);
  if (entry.running) --running_;
  entries_.erase(entries_.find(entry.target.id));
}

void Checker::start(Entry& entry) {
  entry.started = timing_->now();
  entry.wanted = entry.started + entry.target.spec.timeout;
  entry.forgiven = false;
  agenda_.emplace(entry.wanted, &entry);
  ++running_;
  entry.running =
      checks_->start(entry.target, [this, &entry](Outcome outcome) { finish(entry, std::move(outcome)); });
}

void Checker::finish(Entry& entry, Outcome outcome) {
  entry.running.reset();
  --running_;
  agenda_.erase({entry.wanted, &entry});

  const SteadyTime now = timing_->now();
  const Spec& spec = entry.target.spec;
  const double stray = spec.jitter / 100.0 * (2 * timing_->chance() - 1);
  entry.wanted = std::max(entry.started + part_of(spec.interval, 1 + stray), now + kShortestGap);
  agenda_.emplace(entry.wanted, &entry);

  const auto latency = std::chrono::duration_cast<std::chrono::microseconds>(now - entry.started);
  const bool changed = record(entry.status, std::move(outcome), spec, timing_->wall_now(), latency);
  start_waiting();
  set_alarm();
  if (!changed || !on_change_) return;
  // Copies, because the listener may take the target away.
  const std::string id = entry.target.id;
  const Status status = entry.status;
  on_change_(id, status);
}

void Checker::end_late(Entry& entry) {
  const SteadyTime now = timing_->now();
  const milliseconds timeout = entry.target.spec.timeout;
  const Span late = now - entry.wanted;
  if (late > kLate && !entry.forgiven) {
    entry.forgiven = true;
    entry.wanted = now + std::min<Span>(late, timeout);
    agenda_.emplace(entry.wanted, &entry);
    return;
  }
  finish(entry, {entry.running->silence(),
                 fmt::format("no {} within {}", entry.running->awaited(), in_words(timeout))});
}

void Checker::start_waiting() {
  while (running_ < options_.most_running && !waiting_.empty()) {
    Entry& entry = *waiting_.begin()->second;
    waiting_.erase(waiting_.begin());
    entry.ticket.reset();
    start(entry);
  }
}

void Checker::look_at_agenda() {
  // What ends may set other targets, so nothing is kept across a step.
  const SteadyTime now = timing_->now();
  while (!agenda_.empty() && agenda_.begin()->first <= now) {
    Entry& entry = *agenda_.begin()->second;
    agenda_.erase(agenda_.begin());
    if (entry.running) {
      end_late(entry);
    } else {
      entry.ticket = next_ticket_++;
      waiting_.emplace(*entry.ticket, &entry);
    }
  }
  start_waiting();
  set_alarm();
}

void Checker::set_alarm() {
  if (agenda_.empty()) {
    timing_->no_wake();
  } else {
    timing_->wake_at(agenda_.begin()->first, [this] { look_at_agenda(); });
  }
}

}  // namespace millrace::load_balancer::health
