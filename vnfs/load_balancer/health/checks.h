// SPDX-License-Identifier: BSD-3-Clause
// How a check is put to the network: the border between the checker, which decides when, and the kinds of
// checks, which know how. Control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "common/base/result.h"
#include "vnfs/load_balancer/health/status.h"
#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

// A check under way. Destroying it ends it: what it has open is closed at once, and its outcome is told to
// nobody.
class RunningCheck {
 public:
  virtual ~RunningCheck() = default;

  // What it waits for, as a person would say it: "connection", "TLS handshake", "answer".
  [[nodiscard]] virtual std::string_view awaited() const = 0;
  // What no answer in time means. Bad, but for a check that takes silence for an answer.
  [[nodiscard]] virtual Verdict silence() const { return Verdict::kBad; }
};

// Called once, never before start() has returned; the RunningCheck may be destroyed by the call.
using OnOutcome = std::function<void(Outcome)>;

class Checks {
 public:
  virtual ~Checks() = default;

  // Reads the files that the targets name. On failure everything is as it was.
  [[nodiscard]] virtual Result<void> prepare(std::span<const Target> targets) = 0;
  // Has no time limit of its own. One descriptor at a time. The target was among the prepared ones.
  [[nodiscard]] virtual std::unique_ptr<RunningCheck> start(const Target& target, OnOutcome done) = 0;
};

// On real sockets and processes, on the thread of `io`, which must outlive it and its checks.
[[nodiscard]] std::unique_ptr<Checks> network_checks(boost::asio::io_context& io);

}  // namespace millrace::load_balancer::health
