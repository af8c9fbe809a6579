// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <memory>
#include <utility>
#include <variant>

#include "vnfs/load_balancer/health/checks.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/tls.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;

struct StartKind {
  Progress& progress;

  asio::awaitable<Outcome> operator()(const TcpCheck&) const { return check_tcp(progress); }
  asio::awaitable<Outcome> operator()(const HttpCheck& check) const { return check_http(progress, check); }
  asio::awaitable<Outcome> operator()(const UdpCheck& check) const { return check_udp(progress, check); }
  asio::awaitable<Outcome> operator()(const DnsCheck& check) const { return check_dns(progress, check); }
  asio::awaitable<Outcome> operator()(const IcmpCheck&) const { return check_icmp(progress); }
  asio::awaitable<Outcome> operator()(const ScriptCheck& check) const {
    return check_script(progress, check);
  }
};

asio::awaitable<void> run_check(std::shared_ptr<Progress> progress, OnOutcome done) {
  co_await asio::post(progress->io, asio::use_awaitable);
  if (progress->abandoned) co_return;
  Outcome outcome;
  try {
    outcome = co_await std::visit(StartKind{*progress}, progress->target.spec.check);
  } catch (const std::exception& error) {
    outcome = not_run(error.what());
  }
  if (!std::exchange(progress->abandoned, true)) done(std::move(outcome));
}

class NetworkCheck final : public RunningCheck {
 public:
  explicit NetworkCheck(std::shared_ptr<Progress> progress) : progress_(std::move(progress)) {}
  NetworkCheck(const NetworkCheck&) = delete;
  NetworkCheck& operator=(const NetworkCheck&) = delete;
  ~NetworkCheck() override { progress_->abandon(); }

  std::string_view awaited() const override { return progress_->awaited; }
  Verdict silence() const override {
    const auto* udp = std::get_if<UdpCheck>(&progress_->target.spec.check);
    return udp != nullptr && !udp->receive ? Verdict::kGood : Verdict::kBad;
  }

 private:
  std::shared_ptr<Progress> progress_;
};

class NetworkChecks final : public Checks {
 public:
  explicit NetworkChecks(asio::io_context& io) : io_(io) {}

  Result<void> prepare(std::span<const Target> targets) override {
    TlsContexts fresh;
    for (const Target& target : targets) {
      const auto* http = std::get_if<HttpCheck>(&target.spec.check);
      if (http == nullptr || !http->tls) continue;
      if (auto added = fresh.add(*http->tls); !added) return added;
    }
    tls_ = std::move(fresh);
    return {};
  }

  std::unique_ptr<RunningCheck> start(const Target& target, OnOutcome done) override {
    auto progress = std::make_shared<Progress>(Progress{.io = io_, .target = target, .tls = {}, .close = {}});
    const auto* http = std::get_if<HttpCheck>(&target.spec.check);
    if (http != nullptr && http->tls) progress->tls = tls_.find(*http->tls);
    asio::co_spawn(io_, run_check(progress, std::move(done)), asio::detached);
    return std::make_unique<NetworkCheck>(std::move(progress));
  }

 private:
  asio::io_context& io_;
  TlsContexts tls_;
};

}  // namespace

std::unique_ptr<Checks> network_checks(asio::io_context& io) { return std::make_unique<NetworkChecks>(io); }

}  // namespace millrace::load_balancer::health
