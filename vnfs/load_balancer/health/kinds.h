// SPDX-License-Identifier: BSD-3-Clause
// The kinds of checks, a coroutine each. Private to health: others use checks.h. None looks at the time,
// since the checker cuts off what takes too long. What they read is bounded.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "vnfs/load_balancer/health/status.h"
#include "vnfs/load_balancer/health/target.h"

namespace millrace::load_balancer::health {

// What a coroutine shares with the one who may cut it off, who may be gone before it is.
struct Progress {
  boost::asio::io_context& io;
  Target target;
  std::shared_ptr<boost::asio::ssl::context> tls;  // of an HTTPS check
  std::string_view awaited = "answer";
  std::function<void()> close;  // what is open; empty when nothing is
  bool abandoned = false;

  // Ends what is awaited; the outcome will be of no interest.
  void abandon() {
    abandoned = true;
    if (close) std::exchange(close, nullptr)();
  }
};

// For the life of what a check has open.
class WhileOpen {
 public:
  template <class Close>
  WhileOpen(Progress& progress, Close close) : progress_(progress) {
    progress_.close = std::move(close);
  }
  WhileOpen(const WhileOpen&) = delete;
  WhileOpen& operator=(const WhileOpen&) = delete;
  ~WhileOpen() { progress_.close = nullptr; }

 private:
  Progress& progress_;
};

// The progress outlives the coroutine.
boost::asio::awaitable<Outcome> check_tcp(Progress& progress);
boost::asio::awaitable<Outcome> check_http(Progress& progress, const HttpCheck& check);
boost::asio::awaitable<Outcome> check_udp(Progress& progress, const UdpCheck& check);
boost::asio::awaitable<Outcome> check_dns(Progress& progress, const DnsCheck& check);
boost::asio::awaitable<Outcome> check_icmp(Progress& progress);
boost::asio::awaitable<Outcome> check_script(Progress& progress, const ScriptCheck& check);

[[nodiscard]] inline Outcome good(std::string text) { return {Verdict::kGood, std::move(text)}; }
[[nodiscard]] inline Outcome bad(std::string text) { return {Verdict::kBad, std::move(text)}; }
[[nodiscard]] inline Outcome not_run(std::string text) { return {Verdict::kNotRun, std::move(text)}; }

}  // namespace millrace::load_balancer::health
