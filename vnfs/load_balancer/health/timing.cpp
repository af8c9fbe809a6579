// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/timing.h"

#include <boost/asio/steady_timer.hpp>
#include <random>
#include <utility>

namespace millrace::load_balancer::health {
namespace {

class SystemTiming final : public Timing {
 public:
  explicit SystemTiming(boost::asio::io_context& io) : alarm_(io), random_(std::random_device{}()) {}

  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall_now() const override { return std::chrono::system_clock::now(); }
  double chance() override { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }
  void wake_at(SteadyTime time, std::function<void()> wake) override {
    alarm_.expires_at(time);
    // A wait that had already ended when the alarm was moved is told of no error: it is not the latest.
    alarm_.async_wait([this, alive = std::weak_ptr(alive_), mine = ++latest_,
                       call = std::move(wake)](const boost::system::error_code& error) {
      if (!error && !alive.expired() && mine == latest_) call();
    });
  }
  void no_wake() override {
    ++latest_;
    alarm_.cancel();
  }

 private:
  boost::asio::steady_timer alarm_;
  std::mt19937_64 random_;
  std::uint64_t latest_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<Timing> system_timing(boost::asio::io_context& io) {
  return std::make_unique<SystemTiming>(io);
}

}  // namespace millrace::load_balancer::health
