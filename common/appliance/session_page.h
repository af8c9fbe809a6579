// SPDX-License-Identifier: BSD-3-Clause
// A page of Vnf::sessions(), from the workers' tables one after the other. Control thread.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "common/appliance/table_slices.h"
#include "common/appliance/vnf.h"
#include "common/control/profile/text.h"

namespace millrace::appliance {

inline constexpr unsigned kMostSessionsPerPage = 10'000;

// An error when sessions are selected by what the VNF keeps of none. `whose`: "the NAT gateway's sessions".
[[nodiscard]] inline Result<void> select_by_addresses_only(const control::PacketMatch& match,
                                                           std::string_view whose) {
  const auto unknown = [&](std::string parameter) {
    return failure("select sessions", std::string(whose) + " are not kept by it", std::move(parameter));
  };
  if (match.interface) return unknown("interface");
  if (match.vlan) return unknown("vlan");
  if (match.outer_vlan) return unknown("outer_vlan");
  if (match.rule) return unknown("rule");
  return {};
}

// `Table` is what the VNF knows of its own:
//   Row                                       what it takes of a session from the worker's thread
//   std::uint32_t capacity(core::Worker&)
//   std::optional<Row> row(core::Worker&, std::uint32_t place)
//                                             nothing where no session is or none that is meant; on the
//                                             worker's thread, allocates nothing
//   boost::json::object to_json(const Row&, unsigned worker)
template <class Table>
[[nodiscard]] Result<control::SessionPage> list_page(Workers workers, std::string_view cursor, unsigned most,
                                                     const Table& table) {
  auto at = ListingCursor::parse(cursor);
  if (!at || (at->worker != 0 && at->worker >= workers.size())) {
    return failure("list the sessions",
                   control::quote(cursor) + " is not the cursor of a page; begin again without one",
                   "cursor");
  }
  control::SessionPage page;
  std::vector<typename Table::Row> found;
  std::size_t left = std::clamp(most, 1U, kMostSessionsPerPage);
  found.reserve(left);
  for (; at->worker < workers.size() && left > 0; ++at->worker, at->place = 0) {
    core::Worker& worker = *workers[at->worker];
    const std::uint32_t capacity = table.capacity(worker);
    found.clear();
    at->place = visit_slices(worker, at->place, capacity, [&](std::uint32_t place) {
      if (const auto row = table.row(worker, place)) found.push_back(*row);
      return found.size() < left;
    });
    for (const auto& row : found) page.sessions.emplace_back(table.to_json(row, at->worker));
    left -= found.size();
    if (at->place < capacity) break;
  }
  if (at->worker < workers.size()) page.next = at->to_string();
  return page;
}

}  // namespace millrace::appliance
