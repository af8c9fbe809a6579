// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_listing.h"

#include <boost/json.hpp>

#include "common/appliance/session_page.h"
#include "vnfs/firewall/session_filter.h"
#include "vnfs/firewall/session_json.h"
#include "vnfs/firewall/session_slices.h"

namespace millrace::firewall {
namespace {

// For appliance::list_page().
struct Listed {
  struct Row {
    Session session;
    Tick now;
  };
  const SessionFilter& filter;
  const SessionNames& names;

  [[nodiscard]] static std::uint32_t capacity(core::Worker& worker) {
    return state_of(worker).sessions.flows().capacity();
  }
  [[nodiscard]] std::optional<Row> row(core::Worker& worker, SessionIndex index) const noexcept {
    SessionTable& sessions = state_of(worker).sessions;
    if (!sessions.flows().in_use(index) || !filter.matches(sessions[index])) return std::nullopt;
    return Row{sessions[index], sessions.now()};
  }
  [[nodiscard]] boost::json::object to_json(const Row& row, unsigned worker) const {
    return firewall::to_json(row.session, worker, row.now, names);
  }
};

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
  const SessionNames names{*snapshot.network, static_cast<const Policy&>(*snapshot.policy).timeouts, slots};
  return appliance::list_page(workers, cursor, most, Listed{*filter, names});
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
