// SPDX-License-Identifier: BSD-3-Clause
// The clocks and the chance that checks hang on; tests bring their own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include "vnfs/load_balancer/health/status.h"

namespace millrace::load_balancer::health {

using SteadyTime = std::chrono::steady_clock::time_point;

class Timing {
 public:
  virtual ~Timing() = default;

  [[nodiscard]] virtual SteadyTime now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;
  // At least 0, less than 1.
  [[nodiscard]] virtual double chance() = 0;
  // Calls `wake` at that time or soon after, never before this has returned. There is one alarm: setting it
  // again moves it.
  virtual void wake_at(SteadyTime time, std::function<void()> wake) = 0;
  virtual void no_wake() = 0;
};

// The system's clocks, and an alarm on the thread of `io`, which must outlive it.
[[nodiscard]] std::unique_ptr<Timing> system_timing(boost::asio::io_context& io);

}  // namespace millrace::load_balancer::health
