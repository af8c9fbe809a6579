// SPDX-License-Identifier: BSD-3-Clause
// A profile's way into force: read and compiled in the background, swapped on the control thread.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include <spdlog/spdlog.h>

#include "common/appliance/log.h"
#include "common/appliance/runtime.h"

namespace millrace::appliance {

using control::ProfileOutcome;

namespace {

constexpr std::chrono::seconds kLookAtSchedule{30};

}  // namespace

void Runtime::apply_profile(std::string text, std::string file, bool check_only,
                            std::function<void(ProfileOutcome)> done) {
  ask({std::move(text), std::move(file), check_only, std::move(done)});
}

// The running profile, whichever that is when its turn comes, as it was read: its files may have changed
// since, and are a reload's business.
void Runtime::recompile(std::string why) {
  // One that waits its turn sees all that has happened until then.
  if (changes_.size() > 1 && changes_.back().anew_for) return;
  ask({.text = {}, .file = {}, .check_only = false, .done = {}, .anew_for = std::move(why)});
}

void Runtime::ask(Change change) {
  changes_.push_back(std::move(change));
  if (changes_.size() == 1) next_change();
}

// One change at a time, in the order asked: validated and compiled in the background, swapped here.
void Runtime::next_change() {
  if (changes_.empty()) return;
  const auto moment =
      std::make_shared<const Moment>(Moment{.running = profile_,
                                            .numbering = numbering_,
                                            .generation = generation_ + 1,
                                            .draining = draining_,
                                            .workers = static_cast<unsigned>(plane_->workers().size())});
  boost::asio::post(background_, [this, change = changes_.front(), moment] {
    auto prepared = std::make_shared<Prepared>();
    try {
      *prepared = prepare(change, *moment);
    } catch (const std::bad_alloc&) {
      prepared->error = Error{"prepare the profile", "not enough memory", {}};
    } catch (const std::exception& error) {
      prepared->error = Error{"prepare the profile", error.what(), {}};
    }
    boost::asio::post(io_, [this, prepared] {
      const Change current = std::move(changes_.front());
      ProfileOutcome outcome = commit(current, std::move(*prepared));
      if (current.done) current.done(std::move(outcome));
      changes_.erase(changes_.begin());
      next_change();
    });
  });
}

Runtime::Prepared Runtime::prepare(const Change& change, const Moment& moment) {
  const auto began = std::chrono::steady_clock::now();
  Prepared prepared;
  prepared.generation = moment.generation;
  prepared.at = std::time(nullptr);
  prepared.numbering = moment.numbering;
  if (change.anew_for) {
    prepared.loaded = moment.running;
  } else {
    prepared.loaded = vnf_.load(change.text, change.file, control::files_beside(profile_file_));
  }
  if (!prepared.loaded) return prepared;
  const LoadedProfile& next = **prepared.loaded;
  if (next.common.transparent() != moment.running->common.transparent()) {
    prepared.error =
        Error{"take the profile",
              "an appliance that runs does not change between routed and transparent forwarding; "
              "start it anew with this profile",
              "forwarding"};
    return prepared;
  }
  auto plan = make_plan(next.common, prepared.numbering,
                        [this](std::string_view name) { return plane_->port(name); });
  if (!plan) {
    prepared.error = plan.error();
    return prepared;
  }
  vnf_.shape(next, moment.draining, plan->skeleton);
  auto policy = vnf_.compile(next, {.network = plan->skeleton,
                                    .generation = moment.generation,
                                    .draining = moment.draining,
                                    .workers = moment.workers,
                                    .most_workers = plane_->most_workers(),
                                    .now = prepared.at});
  if (!policy) {
    prepared.error = policy.error();
    return prepared;
  }
  prepared.plan = std::move(*plan);
  prepared.policy = std::move(*policy);
  prepared.compile_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count();
  return prepared;
}

std::vector<std::string> Runtime::needs_restart(const control::Profile& next) const {
  const control::Profile& now = at_start_->common;
  std::vector<std::string> keys;
  const auto ports_alike = [](const control::Port& a, const control::Port& b) {
    return *a.name == *b.name && *a.device == *b.device && a.mtu == b.mtu && a.queues == b.queues &&
           a.offloads == b.offloads;
  };
  if (!std::equal(now.ports.begin(), now.ports.end(), next.ports.begin(), next.ports.end(), ports_alike)) {
    keys.emplace_back("ports");
  }
  if (now.dataplane.sessions != next.dataplane.sessions) keys.emplace_back("dataplane.sessions");
  if (now.dataplane.memory_bytes != next.dataplane.memory_bytes) keys.emplace_back("dataplane.memory");
  if (now.dataplane.burst != next.dataplane.burst) keys.emplace_back("dataplane.burst");
  if (now.dataplane.idle != next.dataplane.idle) keys.emplace_back("dataplane.idle");
  if (now.dataplane.workers != next.dataplane.workers) keys.emplace_back("dataplane.workers");
  if (now.name != next.name) keys.emplace_back("name");
  return keys;
}

// The policy and what the kernel is to know of the network, both or none.
Result<void> Runtime::put_in_force(Prepared& prepared) {
  const auto before = plane_->snapshot().policy;
  generation_ = prepared.generation;
  numbering_ = std::move(prepared.numbering);
  plane_->stage_policy(prepared.policy->policy);
  auto applied = twin_->apply(std::move(*prepared.plan));
  if (applied) return {};
  // The old policy goes on; what the kernel took of the new plan is undone by the old one.
  auto again =
      make_plan(profile_->common, numbering_, [this](std::string_view name) { return plane_->port(name); });
  plane_->stage_policy(before);
  if (again) vnf_.shape(*profile_, draining_, again->skeleton);
  if (!again || !twin_->apply(std::move(*again))) plane_->publish_policy(before);
  return applied;
}

ProfileOutcome Runtime::commit(const Change& change, Prepared prepared) {
  ProfileOutcome outcome;
  outcome.compile_ms = prepared.compile_ms;
  if (!prepared.loaded) {
    outcome.diagnostics = prepared.loaded.error();
  } else if (prepared.error) {
    outcome.error = prepared.error;
  } else {
    outcome.notes = std::move(prepared.policy->notes);
    outcome.needs_restart = needs_restart((*prepared.loaded)->common);
    if (!change.check_only) {
      if (auto applied = put_in_force(prepared); !applied) outcome.error = applied.error();
    }
  }
  outcome.accepted = outcome.diagnostics.empty() && !outcome.error;
  outcome.generation = generation_;
  if (outcome.accepted && !change.check_only) {
    const auto before = std::exchange(profile_, *prepared.loaded);
    if (vnf_.needs_other_workers(*before, *profile_)) {
      if (auto replaced = replace_workers(workers()); !replaced)
        outcome.notes.push_back(replaced.error().message());
    }
    compiled_at_ = prepared.at;
    look_at_schedule();
    if (!change.anew_for) set_log_level(profile_->common.telemetry.log);
    if (auto opened = vnf_.open_logs(*profile_, plane_->snapshot()); !opened) {
      outcome.notes.push_back(opened.error().message());
    }
  }
  if (!outcome.accepted && change.anew_for) look_at_schedule_later(kLookAtSchedule);
  report(change, outcome);
  return outcome;
}

// Of a check only the one who asked is told.
void Runtime::report(const Change& change, const ProfileOutcome& outcome) const {
  if (change.anew_for) {
    if (outcome.accepted) {
      spdlog::info("the policy was compiled anew for {}, generation {}", *change.anew_for,
                   outcome.generation);
    } else {
      spdlog::error("could not take {} into account, the old policy goes on: {}", *change.anew_for,
                    outcome.error ? outcome.error->message() : outcome.diagnostics.to_string());
    }
    return;
  }
  if (change.check_only) return;
  if (!outcome.accepted) {
    spdlog::warn("profile {} was refused; the running one goes on", change.file);
    std::vector<std::string> wrong;
    for (const control::Diagnostic& one : outcome.diagnostics.entries()) wrong.push_back(one.to_string());
    if (outcome.error) wrong.push_back(outcome.error->message());
    return log_lines(wrong);
  }
  spdlog::info("profile {} is in force, generation {}, prepared in {:.0f} ms", change.file,
               outcome.generation, outcome.compile_ms);
  log_lines(outcome.notes);
  for (const std::string& key : outcome.needs_restart) spdlog::warn("{} takes effect at the next start", key);
}

// Rules with a schedule come into force and go out of it by the clock on the wall, which may be set at any
// time: so it is looked at again and again, not only when the next boundary should have come.
void Runtime::look_at_schedule() {
  const auto seconds = vnf_.seconds_to_next_change(*profile_, compiled_at_);
  schedule_timer_.cancel();
  if (!seconds) return;
  const std::time_t now = std::time(nullptr);
  const std::time_t due = compiled_at_ + static_cast<std::time_t>(*seconds);
  if (now >= due || now < compiled_at_) return recompile("a schedule");
  look_at_schedule_later(std::min(std::chrono::seconds(due - now), kLookAtSchedule));
}

void Runtime::look_at_schedule_later(std::chrono::seconds after) {
  schedule_timer_.expires_after(after);
  schedule_timer_.async_wait([this](const auto& error) {
    if (!error) look_at_schedule();
  });
}

}  // namespace millrace::appliance
