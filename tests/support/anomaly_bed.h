// SPDX-License-Identifier: BSD-3-Clause
// Watches and a detector under a clock of their own, and the traffic of good and bad sources for them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/firewall/inspection/anomaly_detector.h"

namespace millrace::testing {

// What becomes of an opening.
struct Fate {
  bool let_in = true;
  bool answered = true;
  std::uint32_t duration_ms = 2000;
  std::uint64_t bytes = 40'000;
};

class AnomalyBed {
 public:
  static constexpr SipKey kSeed = {0x0123456789abcdef, 0xfedcba9876543210};

  // Enough for one model, and quick to look through.
  static constexpr firewall::inspection::HistoryLimits kSmall = {
      .pairs = 1024, .ports = 1024, .services = 512, .domains = 256};

  struct Told {
    std::uint32_t second;
    firewall::inspection::Anomaly anomaly;
  };

  explicit AnomalyBed(unsigned workers, firewall::inspection::AnomalySettings settings = {},
                      firewall::inspection::WatchSettings watch = {}, Tick start = 0,
                      const firewall::inspection::HistoryLimits& limits = kSmall);

  // Sends at so many milliseconds from now; the worker is chosen by `source_port` and the rest, as RSS would.
  void open(std::uint32_t in_ms, const firewall::inspection::Opening& opening, std::uint16_t source_port,
            const Fate& fate);
  void ask(std::uint32_t in_ms, const net::IpAddress& client, std::string name);

  // Each second `traffic` sends what the second brings; then the second passes.
  using Traffic = std::function<void(AnomalyBed&, std::uint32_t second)>;
  void run(std::uint32_t seconds, const Traffic& traffic);

  [[nodiscard]] const std::vector<Told>& raised() const { return raised_; }
  [[nodiscard]] const std::vector<Told>& cleared() const { return cleared_; }
  // The second in which the first of the kind was raised, counted from the start; -1: none was.
  [[nodiscard]] int first(firewall::inspection::AnomalyKind kind) const;
  [[nodiscard]] firewall::inspection::AnomalyDetector& detector() { return detector_; }
  [[nodiscard]] firewall::inspection::TrafficWatch& watch(std::size_t worker) { return *watches_[worker]; }
  [[nodiscard]] Tick now() const { return start_ + static_cast<Tick>(clock_ms_); }

 private:
  enum class What : std::uint8_t { kOpened, kRefused, kEstablished, kEnded, kAsked };
  struct Event {
    std::size_t worker;
    What what;
    bool answered;
    firewall::inspection::Opening opening;
    std::uint32_t duration_ms;
    std::uint64_t bytes;
    std::string name;
  };

  void play(const Event& event);
  void pass_second();

  Tick start_;
  std::vector<std::unique_ptr<firewall::inspection::TrafficWatch>> watches_;
  firewall::inspection::AnomalyDetector detector_;
  std::map<std::uint64_t, std::vector<Event>> events_;  // by millisecond
  std::uint64_t clock_ms_ = 0;
  std::vector<Told> raised_;
  std::vector<Told> cleared_;
};

// Traffic of one kind. `scale`: 1 is little, as for a quick test.
struct TrafficModel {
  std::string_view name;
  std::function<AnomalyBed::Traffic(unsigned scale)> make;
};
// Nothing is to be raised for these.
[[nodiscard]] const std::vector<TrafficModel>& good_traffic();

struct AttackModel {
  std::string_view name;
  firewall::inspection::AnomalyKind kind;
  std::uint32_t within;  // seconds, from its beginning
  std::function<AnomalyBed::Traffic()> make;
};
[[nodiscard]] const std::vector<AttackModel>& attacks();

// 10.0.0.0 + number and so on.
[[nodiscard]] net::IpAddress address_of(std::uint32_t network, std::uint32_t number);

}  // namespace millrace::testing
