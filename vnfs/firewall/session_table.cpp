// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_table.h"

#include <algorithm>

namespace millrace::firewall {

Tick timeout_of(const Timeouts& timeouts, std::uint8_t protocol, flow::TcpState state,
                bool replied) noexcept {
  using flow::TcpState;
  switch (protocol) {
    case net::protocol::kTcp:
      if (state == TcpState::kEstablished) return timeouts.tcp_established;
      if (state < TcpState::kEstablished) return timeouts.tcp_embryonic;
      // Long enough for the last segments to be sent again, short enough that ended connections do not fill
      // the table.
      if (state == TcpState::kTimeWait) return std::min<Tick>(timeouts.tcp_transitory, 30'000);
      if (state == TcpState::kClosed) return std::min<Tick>(timeouts.tcp_transitory, 10'000);
      return timeouts.tcp_transitory;
    case net::protocol::kUdp:
      return replied ? timeouts.udp : timeouts.udp_unreplied;
    case net::protocol::kIcmp:
    case net::protocol::kIcmpv6:
      return timeouts.icmp;
    case net::protocol::kSctp:
      return replied ? timeouts.sctp_established : timeouts.sctp_transitory;
    default:
      return timeouts.other;
  }
}

namespace {
Tick timeout_of(const Timeouts& timeouts, const Session& session) noexcept {
  return timeout_of(timeouts, session.key.protocol(), session.tcp_state, session.has(Session::kReplied));
}

// Half-open or finished.
bool can_be_spared(const Session& session) noexcept {
  if (session.key.protocol() != net::protocol::kTcp) return !session.has(Session::kReplied);
  return session.tcp_state < flow::TcpState::kEstablished || session.tcp_state >= flow::TcpState::kTimeWait;
}
}  // namespace

void SessionTable::link_expendable(SessionIndex index) noexcept {
  Session& session = table_[index];
  session.flags |= Session::kExpendable;
  session.older = newest_;
  session.newer = kNoSession;
  (newest_ == kNoSession ? oldest_ : table_[newest_].newer) = index;
  newest_ = index;
  expendable_.add(1);
}

void SessionTable::unlink_expendable(SessionIndex index) noexcept {
  Session& session = table_[index];
  if (!session.has(Session::kExpendable)) return;
  session.flags = static_cast<std::uint8_t>(session.flags & ~Session::kExpendable);
  (session.older == kNoSession ? oldest_ : table_[session.older].newer) = session.newer;
  (session.newer == kNoSession ? newest_ : table_[session.newer].older) = session.older;
  expendable_.set(expendable_.read() - 1);
}

SessionIndex SessionTable::open(const flow::FlowLookup& lookup, const Timeouts& timeouts, Tick now) noexcept {
  SessionIndex index = table_.insert(lookup);
  if (index == kNoSession) {
    if (oldest_ == kNoSession) return kNoSession;
    evicted_.add(1);
    close(oldest_, SessionEnd::kEvicted, now);
    index = table_.insert(lookup);
    if (index == kNoSession) return kNoSession;
  }
  Session& session = table_[index];
  if (lookup.sender == flow::Sender::kHigh) session.flags |= Session::kInitiatorHigh;
  session.created = session.last_seen = now;
  session.id = ++next_id_;
  link_expendable(index);
  wheel_.schedule(index, now, now + timeout_of(timeouts, session));
  opened_.add(1);
  open_now_.set(table_.size());
  return index;
}

SessionIndex SessionTable::adopt(const flow::FlowLookup& lookup, const Session& from,
                                 const Timeouts& timeouts, Tick now) noexcept {
  if (table_.find(lookup) != kNoSession) return kNoSession;
  const SessionIndex index = table_.insert(lookup);
  if (index == kNoSession) return kNoSession;
  Session& session = table_[index];
  session = from;
  session.flags = static_cast<std::uint8_t>(session.flags & ~Session::kExpendable);
  session.source_slot = session.rule_source_slot = 0;
  // What was seen of it stays behind: the rules say anew whether it is looked into, from here on. Blocked is
  // blocked.
  if (session.naming == Naming::kUndecided || session.unruled != 0) session.generation = 0;
  if (session.naming == Naming::kUndecided) session.application = 0;
  if (session.inspection != Session::kBlocked) {
    if (session.inspection != 0) session.generation = 0;
    session.inspection = 0;
  }
  session.mark_inspected();
  if (from.id == 0) session.id = ++next_id_;
  if (can_be_spared(session)) link_expendable(index);
  wheel_.schedule(index, now, session.last_seen + timeout_of(timeouts, session));
  open_now_.set(table_.size());
  return index;
}

void SessionTable::confirm(SessionIndex index) noexcept { unlink_expendable(index); }

void SessionTable::close(SessionIndex index, SessionEnd why, Tick now) noexcept {
  for (std::size_t i = 0; i < observer_count_; ++i)
    observers_[i]->session_ended(index, table_[index], why, now);
  unlink_expendable(index);
  wheel_.cancel(index);
  table_.erase(index);
  open_now_.set(table_.size());
}

void SessionTable::finish(SessionIndex index, const Timeouts& timeouts, Tick now) noexcept {
  if (!table_[index].has(Session::kExpendable)) link_expendable(index);
  wheel_.schedule(index, now, now + timeout_of(timeouts, table_[index]));
}

void SessionTable::expire(const Timeouts& timeouts, Tick now) noexcept {
  now_ = now;
  wheel_.advance(now, kExpiriesPerCall, [&](SessionIndex index) -> std::optional<Tick> {
    const Session& session = table_[index];
    const Tick deadline = session.last_seen + timeout_of(timeouts, session);
    if (tick_after(deadline, now)) return deadline;
    const auto state = session.tcp_state;
    const bool finished = state == flow::TcpState::kTimeWait || state == flow::TcpState::kClosed;
    close(index, finished ? SessionEnd::kClosed : SessionEnd::kTimeout, now);
    return std::nullopt;
  });
}

}  // namespace millrace::firewall
