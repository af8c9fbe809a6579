// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/session_listing.h"

#include <algorithm>
#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/appliance/table_slices.h"
#include "common/control/profile/text.h"
#include "common/control/protocol.h"
#include "vnfs/nat/bindings_of.h"

namespace millrace::nat {
namespace {

constexpr unsigned kMostPerPage = 10'000;

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
    const auto unknown = [](std::string parameter) {
      return failure("select sessions", "the NAT gateway's sessions are not kept by it",
                     std::move(parameter));
    };
    if (match.interface) return unknown("interface");
    if (match.vlan) return unknown("vlan");
    if (match.outer_vlan) return unknown("outer_vlan");
    if (match.rule) return unknown("rule");
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
  const unsigned port = end.wire_port().host();
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
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
  auto at = appliance::ListingCursor::parse(cursor);
  if (!at || (at->worker != 0 && at->worker >= workers.size())) {
    return failure("list the sessions",
                   control::quote(cursor) + " is not the cursor of a page; begin again without one",
                   "cursor");
  }
  const Timeouts& timeouts = static_cast<const Policy&>(*snapshot.policy).timeouts;
  control::SessionPage page;
  std::vector<Row> found;
  std::size_t left = std::clamp(most, 1U, kMostPerPage);
  found.reserve(left);
  for (; at->worker < workers.size() && left > 0; ++at->worker, at->place = 0) {
    core::Worker& worker = *workers[at->worker];
    const BindingTable& bindings = bindings_of(worker);
    const std::uint32_t capacity = bindings.sessions().capacity();
    found.clear();
    at->place = appliance::visit_slices(worker, at->place, capacity, [&](SessionIndex index) {
      if (!bindings.sessions().in_use(index)) return true;
      const Row row = row_of(bindings, index, bindings.now());
      if (filter->matches(row)) found.push_back(row);
      return found.size() < left;
    });
    for (const Row& row : found)
      page.sessions.emplace_back(to_json(row, at->worker, *snapshot.network, timeouts));
    left -= found.size();
    if (at->place < capacity) break;
  }
  if (at->worker < workers.size()) page.next = at->to_string();
  return page;
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
