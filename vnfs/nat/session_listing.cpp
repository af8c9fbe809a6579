// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/session_listing.h"

#include <algorithm>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/session_page.h"
#include "common/control/endpoint_text.h"
#include "common/control/protocol.h"
#include "vnfs/nat/bindings_of.h"

namespace millrace::nat {
namespace {

// A session with what its mapping and its subscriber say of it.
struct Row {
  Session session;
  Endpoint inside;
  net::IpAddress inside_address;
  std::uint16_t domain = 0;
  Tick now = 0;
};

// Which sessions an operator means.
class Filter {
 public:
  [[nodiscard]] static Result<Filter> of(const control::PacketMatch& match) {
    auto selected = appliance::select_by_addresses_only(match, "the NAT gateway's sessions");
    if (!selected) return tl::unexpected(std::move(selected.error()));
    return Filter(match);
  }

  [[nodiscard]] bool matches(const Row& row) const noexcept {
    const Session& session = row.session;
    if (match_.protocol && *match_.protocol != session.protocol()) return false;
    const net::IpAddress outside = session.outside().ipv4();
    const net::IpAddress remote = session.remote().ipv4();
    const auto ours = [&](const std::optional<net::Prefix>& prefix) {
      return !prefix || prefix->contains(row.inside_address) || prefix->contains(outside);
    };
    const auto theirs = [&](const std::optional<net::Prefix>& prefix) {
      return !prefix || prefix->contains(remote);
    };
    const bool addresses = (ours(match_.source) && theirs(match_.destination)) ||
                           (theirs(match_.source) && ours(match_.destination));
    const auto port = [&](Endpoint end) { return end.wire_port().host() == match_.port; };
    return addresses &&
           (!match_.port || port(row.inside) || port(session.outside()) || port(session.remote()));
  }

 private:
  explicit Filter(const control::PacketMatch& match) : match_(match) {}
  control::PacketMatch match_;
};

Row row_of(const BindingTable& bindings, SessionIndex index, Tick now) noexcept {
  Row row;
  row.session = bindings.session(index);
  const Mapping& mapping = bindings.mapping(row.session.mapping);
  const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
  row.inside = row.session.tuple[0].source();
  row.inside_address = subscriber.address;
  row.domain = subscriber.domain;
  row.now = now;
  return row;
}

std::string text_of(const net::IpAddress& address, Endpoint end) {
  return control::endpoint_text(address, end.wire_port().host());
}

std::string_view state_name(const Session& session) noexcept {
  using namespace tcp_seen;
  if (session.protocol() != net::protocol::kTcp) return "open";
  if ((session.tcp & kReset) != 0) return "reset";
  if ((session.tcp & kFins) == kFins) return "closed";
  if ((session.tcp & kFins) != 0) return "closing";
  return (session.tcp & kSyns) == kSyns ? "established" : "opening";
}

boost::json::object to_json(const Row& row, unsigned worker, const core::Network& network,
                            const Timeouts& timeouts) {
  const Session& session = row.session;
  return {{"protocol", control::protocol_name(session.protocol())},
          {"inside", text_of(row.inside_address, row.inside)},
          {"outside", text_of(session.outside().ipv4(), session.outside())},
          {"remote", text_of(session.remote().ipv4(), session.remote())},
          {"opened_from", session.has(Session::kInwardFirst) ? "outside" : "inside"},
          {"state", state_name(session)},
          {"idle_s", (row.now - session.last_seen) / 1000},
          {"timeout_s", BindingTable::timeout_of(session, timeouts) / 1000},
          {"bytes", boost::json::object{{"out", session.bytes[0]}, {"in", session.bytes[1]}}},
          {"domain", row.domain < network.domains.size() ? network.domains[row.domain].name : ""},
          {"worker", worker}};
}

// For appliance::list_page().
struct Listed {
  using Row = nat::Row;
  const Filter& filter;
  const core::Snapshot& snapshot;

  [[nodiscard]] static std::uint32_t capacity(core::Worker& worker) {
    return bindings_of(worker).sessions().capacity();
  }
  [[nodiscard]] std::optional<Row> row(core::Worker& worker, SessionIndex index) const noexcept {
    const BindingTable& bindings = bindings_of(worker);
    if (!bindings.sessions().in_use(index)) return std::nullopt;
    const Row row = row_of(bindings, index, bindings.now());
    return filter.matches(row) ? std::optional(row) : std::nullopt;
  }
  [[nodiscard]] boost::json::object to_json(const Row& row, unsigned worker) const {
    const Timeouts& timeouts = static_cast<const Policy&>(*snapshot.policy).timeouts;
    return nat::to_json(row, worker, *snapshot.network, timeouts);
  }
};

}  // namespace

std::uint64_t count_sessions(appliance::Workers workers) {
  std::uint64_t count = 0;
  for (core::Worker* worker : workers) count += bindings_of(*worker).open_sessions();
  return count;
}

Result<control::SessionPage> list_sessions(appliance::Workers workers, const core::Snapshot& snapshot,
                                           const control::PacketMatch& match, std::string_view cursor,
                                           unsigned most) {
  const auto filter = Filter::of(match);
  if (!filter) return tl::unexpected(filter.error());
  return appliance::list_page(workers, cursor, most, Listed{*filter, snapshot});
}

Result<std::uint64_t> flush_sessions(appliance::Workers workers, const core::Snapshot& /*snapshot*/,
                                     const control::PacketMatch& match,
                                     const std::function<void()>& between) {
  constexpr std::uint32_t kAtOnce = WorkerState::kEvents / 4;
  const auto filter = Filter::of(match);
  if (!filter) return tl::unexpected(filter.error());
  std::uint64_t flushed = 0;
  for (core::Worker* worker : workers) {
    BindingTable& bindings = bindings_of(*worker);
    const auto flush = [&](SessionIndex index) {
      if (!bindings.sessions().in_use(index) || !filter->matches(row_of(bindings, index, bindings.now())))
        return true;
      // The port rests as after any other end.
      bindings.close_session(index, SessionEnd::kFlushed, 1, bindings.now());
      ++flushed;
      return true;
    };
    const std::uint32_t capacity = bindings.sessions().capacity();
    for (std::uint32_t at = 0; at < capacity; between())
      at = appliance::visit_slices(*worker, at, std::min(capacity, at + kAtOnce), flush);
  }
  return flushed;
}

}  // namespace millrace::nat
