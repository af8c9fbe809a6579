// SPDX-License-Identifier: BSD-3-Clause
// One worker's notes of its flows, for a reader on the control side. Nothing waits for that reader: when it
// is behind, events are lost and counted. What is not asked for by a rule's `log` or by the policy costs a
// test of a flag.
#pragma once

#include <array>

#include "common/base/counter.h"
#include "common/base/event_ring.h"
#include "common/base/page_array.h"
#include "common/core/batch.h"
#include "vnfs/firewall/flow_event.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

// What events have told of a session's totals, by Direction. Means nothing unless the session is `reported`.
struct ReportedCounts {
  std::array<std::uint64_t, 2> packets;
  std::array<std::uint64_t, 2> bytes;
};

// Written by the worker. events() is read by one thread at a time, the counts by any.
class FlowEventLog final : public SessionObserver {
 public:
  static constexpr std::uint32_t kDeniedPerSecond =
      1000;  // a flood of denied packets is not to flood the log

  // `sessions` is the capacity of the table whose sessions it is told of.
  FlowEventLog(std::uint32_t capacity, std::uint32_t sessions, std::uint16_t worker, Tick now)
      : events_(capacity), reported_(sessions), worker_(worker), filled_(now) {}

  // The policy in force from here on.
  void follow(const Policy& policy) noexcept { all_sessions_ = policy.log_all_sessions; }

  // A session was opened and is set up.
  void opened(const Session& session, Tick now) noexcept {
    if (session.has(Session::kLogged)) [[unlikely]]
      note_opened(session, now);
  }
  // A rule of another policy accepts it now.
  void adopted(Session& session, const RuleOutcome& outcome) const noexcept {
    session.flags = static_cast<std::uint8_t>((session.flags & ~Session::kLogged) |
                                              (outcome.log ? Session::kLogged : std::uint8_t{0}));
  }
  // Between batches, of a session that lasts. When the last event of its counts, or its beginning, is an
  // active timeout ago, what came since is told ("Flow Expiration" of RFC 5470); with a full ring,
  // next time.
  void goes_on(SessionIndex index, Session& session, Tick active_timeout, Tick now) noexcept {
    if (active_timeout != 0 && (all_sessions_ || session.has(Session::kLogged)))
      note_updated(index, session, active_timeout, now);
  }
  // The session came from elsewhere, where events have told of so much.
  void take_over(SessionIndex index, const ReportedCounts& reported) noexcept { reported_[index] = reported; }
  [[nodiscard]] const ReportedCounts& reported(SessionIndex index) const noexcept { return reported_[index]; }
  // The packet was dropped, and has its reason, by what the rule says; of a session that was let in until its
  // application is known, with what it is as Session::packed_application() has it.
  void denied(const core::Packet& packet, flow::Segment segment, const RuleOutcome& outcome,
              const Policy& policy, Tick now, std::uint32_t application = 0) noexcept {
    if (outcome.log) [[unlikely]]
      note_denied(packet, segment, outcome.slot, policy.generation, now, application);
  }
  void session_ended(SessionIndex index, const Session& session, SessionEnd why, Tick now) noexcept override {
    if (all_sessions_ || session.has(Session::kLogged)) [[unlikely]]
      note_ended(index, session, why, now);
  }

  [[nodiscard]] EventRing<FlowEvent>& events() noexcept { return events_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return reported_.bytes(); }
  [[nodiscard]] std::uint64_t written() const noexcept { return events_.written(); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return events_.lost(); }
  // Denied packets that were not noted, for the rate limit.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_.read(); }

 private:
  void note_opened(const Session& session, Tick now) noexcept;
  void note_updated(SessionIndex index, Session& session, Tick active_timeout, Tick now) noexcept;
  void note_ended(SessionIndex index, const Session& session, SessionEnd why, Tick now) noexcept;
  void note_denied(const core::Packet& packet, flow::Segment segment, std::uint32_t slot,
                   std::uint16_t generation, Tick now, std::uint32_t application) noexcept;
  [[nodiscard]] FlowEvent of_session(const Session& session, Tick now) const noexcept;
  // The same with its counts.
  [[nodiscard]] FlowEvent account_of(SessionIndex index, const Session& session, Tick now) const noexcept;
  [[nodiscard]] bool may_note_denied(Tick now) noexcept;

  EventRing<FlowEvent> events_;
  PageArray<ReportedCounts> reported_;  // by SessionIndex
  Counter suppressed_;
  std::uint16_t worker_;
  bool all_sessions_ = false;
  std::uint32_t tokens_ = kDeniedPerSecond * 1000;  // thousandths of an event
  Tick filled_;
};

}  // namespace millrace::firewall
