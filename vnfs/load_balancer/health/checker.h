// SPDX-License-Identifier: BSD-3-Clause
// Checks the health of many targets on one thread: decides when each is looked at, cuts off what takes too
// long, and keeps what came of it.
//
//   Checker checker(io, [](const std::string& id, const Status& status) { ... });
//   checker.set(targets);   // again after every change of the pool
//
// A check starts an interval after the one before it started, give or take the jitter, never while the one
// before it runs. At most `most_running` run at a time, a descriptor each; the rest wait in the order in
// which they became due, and their time does not count yet. The first checks of targets that are set
// together, or were held, are spread over the interval, a few targets over a few hundredths of a second.
//
// The timeout is the checker's, whatever the kind of check: who sends a byte now and then gains nothing. When
// the thread itself was busy and comes late to a deadline, the check is given the lost time once, because
// its answer may be waiting to be read.
//
// Everything happens on the thread that runs the io_context, on_change too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/result.h"
#include "vnfs/load_balancer/health/checks.h"
#include "vnfs/load_balancer/health/status.h"
#include "vnfs/load_balancer/health/target.h"
#include "vnfs/load_balancer/health/timing.h"

namespace millrace::load_balancer::health {

struct CheckerOptions {
  std::size_t most_running = 256;  // at least 1
  bool held = false;               // no check starts before release()
};

class Checker {
 public:
  // Told of each change of state. May call set() and stop(); may not destroy the checker. What it is given is
  // its own only until then.
  using OnChange = std::function<void(const std::string& id, const Status& status)>;

  // `io` must outlive the checker.
  Checker(boost::asio::io_context& io, OnChange on_change, CheckerOptions options = {});
  // With another network, another time.
  Checker(std::unique_ptr<Checks> checks, std::unique_ptr<Timing> timing, OnChange on_change,
          CheckerOptions options = {});
  ~Checker();
  Checker(const Checker&) = delete;
  Checker& operator=(const Checker&) = delete;

  // From now on exactly these. A target that was there and is the same in every value keeps its state and its
  // turn; a changed one begins anew, its check in progress is dropped; one that is not named is forgotten.
  // Fails on two targets with one id and on a file of authorities that cannot be read, and then changes
  // nothing.
  [[nodiscard]] Result<void> set(std::span<const Target> targets);

  // Of a checker that was held, whose targets are all unknown until then.
  void release();

  // Null for an id that is not set. Valid until the next set() or stop().
  [[nodiscard]] const Status* status(std::string_view id) const;

  // Drops everything; set() starts afresh.
  void stop();

  [[nodiscard]] std::size_t running() const noexcept { return running_; }
  // Due, without a place to run in.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  struct Entry;

  Entry& add(const Target& target);
  void spread_first_checks(std::span<Entry* const> fresh);
  void remove(Entry& entry);
  void start(Entry& entry);
  void finish(Entry& entry, Outcome outcome);
  void end_late(Entry& entry);
  void start_waiting();
  void look_at_agenda();
  void set_alarm();

  std::unique_ptr<Checks> checks_;
  std::unique_ptr<Timing> timing_;
  OnChange on_change_;
  CheckerOptions options_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  // When each entry wants to be looked at: its start, or the deadline of what runs.
  std::set<std::pair<SteadyTime, Entry*>> agenda_;
  std::map<std::uint64_t, Entry*> waiting_;  // by ticket
  std::uint64_t next_ticket_ = 0;
  std::size_t running_ = 0;
};

}  // namespace millrace::load_balancer::health
