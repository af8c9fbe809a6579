// SPDX-License-Identifier: BSD-3-Clause
// What one worker tells its TrafficWatch of packets and sessions. Where nothing is watched each call is one
// test.
#pragma once

#include <memory>
#include <optional>

#include "common/core/batch.h"
#include "vnfs/firewall/inspection/traffic_watch.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

// The worker's own, but for what traffic_watch.h gives others.
class SessionWatch final : public SessionObserver {
 public:
  // Without settings there is no watch, whatever policies say. `seed` is secret and the same for all workers.
  SessionWatch(const std::optional<inspection::WatchSettings>& settings, std::uint64_t seed, Tick now);

  // The policy in force from here on.
  void follow(const Policy& policy) noexcept { watch_ = policy.watched ? made_.get() : nullptr; }
  // Once each round of the worker's loop.
  void turn(Tick now) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      watch_->turn(now);
  }

  // The packet opens a session, or was a SYN that got a cookie.
  void opened(const core::Packet& packet, flow::Segment segment) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      note_opened(packet, segment);
  }
  // The initiator of a session that is no TCP connection says something more.
  void continued(const core::Packet& packet, flow::Segment segment) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      note_query(packet, segment);
  }
  // It would have opened one.
  void refused(const core::Packet& packet, flow::Segment segment) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      note_refused(packet, segment);
  }
  // The responder answers for the first time; TCP: the handshake is complete.
  void answered(const Session& session) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      note_answered(session);
  }
  // A TCP connection is closed or reset, and stays only for late segments.
  void finished(const Session& session) noexcept {
    if (watch_ != nullptr) [[unlikely]]
      note_ended(session);
  }
  void session_ended(SessionIndex /*index*/, const Session& session, SessionEnd /*why*/,
                     Tick /*now*/) noexcept override {
    if (watch_ != nullptr && session.tcp_state < flow::TcpState::kTimeWait) note_ended(session);
  }

  [[nodiscard]] bool is_watching() const noexcept { return watch_ != nullptr; }
  // Null: there is none.
  [[nodiscard]] inspection::TrafficWatch* watch() const noexcept { return made_.get(); }

 private:
  void note_opened(const core::Packet& packet, flow::Segment segment) noexcept;
  void note_query(const core::Packet& packet, flow::Segment segment) noexcept;
  void note_refused(const core::Packet& packet, flow::Segment segment) noexcept;
  void note_answered(const Session& session) noexcept;
  void note_ended(const Session& session) noexcept;

  std::unique_ptr<inspection::TrafficWatch> made_;
  inspection::TrafficWatch* watch_ = nullptr;  // while the policy has traffic watched
};

}  // namespace millrace::firewall
