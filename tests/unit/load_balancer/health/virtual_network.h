// SPDX-License-Identifier: BSD-3-Clause
// A clock that a test moves and backends that do as it says, for what the checker decides.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vnfs/load_balancer/health/checker.h"

namespace millrace::load_balancer::health::test {

using Span = std::chrono::steady_clock::duration;

// Shared by the checker's parts and the test.
struct World {
  SteadyTime now{std::chrono::hours(1)};
  double chance = 0.5;          // no jitter
  std::vector<double> chances;  // taken first, from the back
  std::optional<SteadyTime> alarm;
  std::function<void()> wake;

  struct Begun {
    std::string id;
    SteadyTime at;
  };
  std::vector<Begun> begun;  // every check, in order
  std::map<std::string, OnOutcome> open;
  std::set<std::string> unreadable;  // ids that cannot be prepared
  std::size_t most_open = 0;
  // What becomes of a check at once; nothing: it stays open until the test says.
  std::function<std::optional<Outcome>(const std::string& id)> answer;

  // Lets the time pass, with all that comes due in it.
  void pass(Span time) {
    const SteadyTime end = now + time;
    while (alarm && *alarm <= end) {
      now = std::max(now, *alarm);
      ring();
      settle();
    }
    now = end;
  }
  // The thread was busy for that long, and comes back.
  void stall(Span time) {
    now += time;
    if (alarm && *alarm <= now) ring();
  }
  // Ends a check that is open.
  void end(const std::string& id, Verdict verdict, std::string text) {
    const auto found = open.find(id);
    const OnOutcome done = found->second;
    open.erase(found);
    done({verdict, std::move(text)});
  }

 private:
  void ring() {
    alarm.reset();
    std::exchange(wake, nullptr)();
  }
  // Answers what can be answered at once; each answer may start another check.
  void settle() {
    for (bool again = answer != nullptr; again;) {
      again = false;
      for (const auto& [id, done] : open) {
        if (auto outcome = answer(id)) {
          end(std::string(id), outcome->verdict, outcome->text);
          again = true;
          break;
        }
      }
    }
  }
};

class WorldTiming final : public Timing {
 public:
  explicit WorldTiming(World& world) : world_(world) {}
  SteadyTime now() const override { return world_.now; }
  WallTime wall_now() const override {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(world_.now.time_since_epoch()));
  }
  double chance() override {
    if (world_.chances.empty()) return world_.chance;
    const double next = world_.chances.back();
    world_.chances.pop_back();
    return next;
  }
  void wake_at(SteadyTime time, std::function<void()> wake) override {
    world_.alarm = time;
    world_.wake = std::move(wake);
  }
  void no_wake() override {
    world_.alarm.reset();
    world_.wake = nullptr;
  }

 private:
  World& world_;
};

class WorldCheck final : public RunningCheck {
 public:
  WorldCheck(World& world, std::string id) : world_(world), id_(std::move(id)) {}
  WorldCheck(const WorldCheck&) = delete;
  WorldCheck& operator=(const WorldCheck&) = delete;
  ~WorldCheck() override { world_.open.erase(id_); }
  std::string_view awaited() const override { return "answer"; }

 private:
  World& world_;
  std::string id_;
};

class WorldChecks final : public Checks {
 public:
  explicit WorldChecks(World& world) : world_(world) {}
  Result<void> prepare(std::span<const Target> targets) override {
    for (const Target& target : targets) {
      if (world_.unreadable.contains(target.id)) return failure("read " + target.id, "no such file");
    }
    return {};
  }
  std::unique_ptr<RunningCheck> start(const Target& target, OnOutcome done) override {
    world_.begun.push_back({target.id, world_.now});
    world_.open[target.id] = std::move(done);
    world_.most_open = std::max(world_.most_open, world_.open.size());
    return std::make_unique<WorldCheck>(world_, target.id);
  }

 private:
  World& world_;
};

inline Checker checker_in(World& world, Checker::OnChange on_change = {}, CheckerOptions options = {}) {
  return Checker(std::make_unique<WorldChecks>(world), std::make_unique<WorldTiming>(world),
                 std::move(on_change), options);
}

// Named "b0", "b1", ...; interval 2 s, timeout 1 s, rise 2, fall 3.
inline std::vector<Target> backends(std::size_t count, const Spec& spec = {}) {
  std::vector<Target> made;
  for (std::size_t i = 0; i < count; ++i) {
    made.push_back({"b" + std::to_string(i), *net::IpAddress::parse("192.0.2.1"), 80, spec});
  }
  return made;
}

}  // namespace millrace::load_balancer::health::test
