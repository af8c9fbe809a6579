// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_listing.h"

#include <boost/json.hpp>

#include "common/control/profile/text.h"
#include "vnfs/firewall/session_filter.h"
#include "vnfs/firewall/session_json.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

constexpr unsigned kMostPerPage = 10'000;

}  // namespace

std::uint64_t count_sessions(appliance::Workers workers) {
  std::uint64_t count = 0;
  for (core::Worker* worker : workers) count += state_of(*worker).sessions.open_now();
  return count;
}

Result<control::SessionPage> list_sessions(appliance::Workers workers, const core::Snapshot& snapshot,
                                           const RuleSlots& slots, const control::PacketMatch& match,
                                           std::string_view cursor, unsigned most) {
  const auto filter = SessionFilter::of(match, *snapshot.network, slots);
  if (!filter) return tl::unexpected(filter.error());
  auto at = appliance::ListingCursor::parse(cursor);
  if (!at || (at->worker != 0 && at->worker >= workers.size())) {
    return failure("list the sessions",
                   control::quote(cursor) + " is not the cursor of a page; begin again without one",
                   "cursor");
  }

  const SessionNames names{*snapshot.network, static_cast<const Policy&>(*snapshot.policy).timeouts, slots};
  control::SessionPage page;
  std::vector<Session> found;
  std::size_t left = std::clamp(most, 1U, kMostPerPage);
  found.reserve(left);
  for (; at->worker < workers.size() && left > 0; ++at->worker, at->place = 0) {
    core::Worker& worker = *workers[at->worker];
    found.clear();
    Tick now = 0;
    at->place = visit_sessions(worker, at->place, [&](WorkerState& state, SessionIndex index) {
      const Session& session = state.sessions[index];
      now = state.sessions.now();
      if (filter->matches(session)) found.push_back(session);
      return found.size() < left;
    });
    for (const Session& session : found) page.sessions.emplace_back(to_json(session, at->worker, now, names));
    left -= found.size();
    if (at->place < state_of(worker).sessions.flows().capacity()) break;
  }
  if (at->worker < workers.size()) page.next = at->to_string();
  return page;
}

Result<std::uint64_t> flush_sessions(appliance::Workers workers, const core::Snapshot& snapshot,
                                     const RuleSlots& slots, const control::PacketMatch& match) {
  const auto filter = SessionFilter::of(match, *snapshot.network, slots);
  if (!filter) return tl::unexpected(filter.error());
  std::uint64_t flushed = 0;
  for (core::Worker* worker : workers) {
    visit_sessions(*worker, 0, [&](WorkerState& state, SessionIndex index) {
      if (filter->matches(state.sessions[index])) {
        state.sessions.close(index, SessionEnd::kFlushed, state.sessions.now());
        ++flushed;
      }
      return true;
    });
  }
  return flushed;
}

}  // namespace millrace::firewall
