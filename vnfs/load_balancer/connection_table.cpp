// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_table.h"

#include "common/flow/source_table.h"

namespace millrace::load_balancer {
namespace {

// Of a connection whose service is gone, until a packet or the sweep comes to it.
constexpr Timeouts kNobodys{};

}  // namespace

Tick ConnectionTable::timeout_of(const Connection& connection, const Timeouts& timeouts) noexcept {
  using namespace tcp_seen;
  switch (connection.protocol()) {
    case net::protocol::kTcp:
      if (connection.is_closing()) return timeouts.tcp_closing;
      // Where answers do not come by us, the client's word that the handshake is over has to do.
      return (connection.tcp & kAckOut) != 0 ? timeouts.tcp_established : timeouts.tcp_opening;
    case net::protocol::kSctp:
      return timeouts.sctp;
    default:
      return timeouts.udp;
  }
}

Tick ConnectionTable::deadline_of(const Connection& connection, const Timeouts& timeouts) noexcept {
  const Tick idle = connection.last_seen + timeout_of(connection, timeouts);
  const bool header = connection.has(Connection::kHeaderWaits) && connection.told.tries != 0;
  return header && tick_after(idle, connection.told.due) ? connection.told.due : idle;
}

ConnectionIndex ConnectionTable::insert(const flow::FlowLookup& lookup, const Connection& from,
                                        const Timeouts& timeouts, Tick now) noexcept {
  const ConnectionIndex index = table_.insert(lookup);
  if (index == kNoConnection) return index;
  Connection& made = table_[index];
  const flow::FlowKey key = made.key;
  const flow::Ipv6Pair addresses = made.addresses;
  made = from;
  made.key = key;
  made.addresses = addresses;
  SourcePorts::bind(made, index);
  wheel_.schedule(index, now, deadline_of(made, timeouts));
  open_now_.set(table_.size());
  return index;
}

ConnectionIndex ConnectionTable::open(const flow::FlowLookup& lookup, const Connection& begun,
                                      const Timeouts& timeouts, Tick now) noexcept {
  const ConnectionIndex index = insert(lookup, begun, timeouts, now);
  if (index == kNoConnection) return index;
  Connection& made = table_[index];
  if (lookup.sender == flow::Sender::kHigh) made.flags |= Connection::kClientHigh;
  made.created = now;
  opened_.add(1);
  tell([&](ConnectionObserver& observer) { observer.connection_opened(made); });
  return index;
}

ConnectionIndex ConnectionTable::adopt(const flow::FlowLookup& lookup, const Connection& from,
                                       const Timeouts& timeouts, Tick now) noexcept {
  const ConnectionIndex index = insert(lookup, from, timeouts, now);
  if (index == kNoConnection) return index;
  Connection& made = table_[index];
  made.flags &= static_cast<std::uint8_t>(~Connection::kCounted);
  made.client_entry = flow::kNoSource;
  tell([&](ConnectionObserver& observer) { observer.connection_adopted(made); });
  return index;
}

void ConnectionTable::close(ConnectionIndex index, ConnectionEnd why) noexcept {
  tell([&](ConnectionObserver& observer) { observer.connection_ended(table_[index], why); });
  ports_.give_back(table_[index]);
  wheel_.cancel(index);
  table_.erase(index);
  open_now_.set(table_.size());
}

void ConnectionTable::expire(const Policy& policy, Tick now) noexcept {
  now_ = now;
  due_count_ = 0;
  wheel_.advance(now, kExpiriesPerCall, [&](ConnectionIndex index) -> std::optional<Tick> {
    const Connection& connection = table_[index];
    const Service* service = policy.service(connection.service);
    const Timeouts& timeouts = service == nullptr ? kNobodys : service->timeouts;
    const Tick deadline = deadline_of(connection, timeouts);
    if (tick_after(deadline, now)) return deadline;
    const Tick idle = connection.last_seen + timeout_of(connection, timeouts);
    if (tick_after(idle, now)) {
      due_[due_count_++] = index;
      return idle;
    }
    close(index, connection.is_closing() ? ConnectionEnd::kClosed : ConnectionEnd::kTimeout);
    return std::nullopt;
  });
}

}  // namespace millrace::load_balancer
