// SPDX-License-Identifier: BSD-3-Clause
// What an operator is to be woken for: raised once, and cleared by itself. Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::vpn {

enum class AlarmKind : std::uint8_t {
  kTunnelDown,            // one that is to be there always is not
  kAuthenticationFailed,  // a peer did not prove who it is, or we to it
  kReplays,               // many packets that had come before, or that were too late
};
[[nodiscard]] std::string_view name_of(AlarmKind kind) noexcept;

struct Alarm {
  std::chrono::steady_clock::time_point since;
  std::string text;  // what it is, and what to do
};

class Alarms {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Key = std::pair<std::string, AlarmKind>;  // of the tunnel of that name
  using Report = std::function<void(std::string_view line, bool raised)>;

  // A tunnel at one look.
  struct Tunnel {
    std::string name;
    bool wanted = false;  // is to be there always
    bool up = false;
    std::uint64_t replayed = 0;          // packets since the look before
    bool authentication_failed = false;  // since the look before
    std::string trouble{};               // the last one; empty: none
  };

  explicit Alarms(Report report) : report_(std::move(report)) {}

  // About once a second. Alarms of tunnels that are not named any more are cleared.
  void look(std::span<const Tunnel> tunnels, Time now);
  [[nodiscard]] const std::map<Key, Alarm>& raised() const noexcept { return raised_; }

  static constexpr std::chrono::seconds kDownTime{10};    // a tunnel takes some time to come
  static constexpr std::uint64_t kReplays = 100;          // packets
  static constexpr std::chrono::seconds kReplayTime{10};  // within
  static constexpr std::chrono::minutes kQuietTime{5};    // without another, and it is over

 private:
  struct Watched {
    Time down_since;
    bool down = false;
    Time replay_begin;
    std::uint64_t replayed = 0;
    Time last_replays;
    Time last_failure;
    bool seen = false;
  };

  void raise(const std::string& tunnel, AlarmKind kind, std::string text, Time now);
  void clear(const std::string& tunnel, AlarmKind kind);

  Report report_;
  std::map<std::string, Watched> watched_;
  std::map<Key, Alarm> raised_;
};

}  // namespace millrace::vpn
