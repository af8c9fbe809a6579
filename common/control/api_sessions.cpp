// SPDX-License-Identifier: BSD-3-Clause
// Routes about sessions: list, flush, export, import.
#include <boost/json.hpp>
#include <utility>

#include "common/control/api_routes.h"
#include "common/control/members.h"
#include "common/control/packet_match.h"

namespace millrace::control {
namespace {

constexpr unsigned kDefaultSessions = 100;
constexpr unsigned kMostSessions = 1000;
constexpr std::size_t kMostImportBytes = std::size_t{1024} * 1024 * 1024;

http::Response list(Appliance& appliance, const http::Request& request) {
  Members query = Members::of_query(request.query);
  const PacketMatch match = read_session_match(query);
  const auto limit = query.number("limit", 1, kMostSessions).value_or(kDefaultSessions);
  const std::string cursor = query.text("cursor").value_or("");
  if (const auto right = query.finish(); !right) return bad_parameter(right.error());

  auto page = appliance.sessions(match, cursor, static_cast<unsigned>(limit));
  if (!page) return bad_parameter(page.error());
  boost::json::array sessions(page->sessions.begin(), page->sessions.end());
  boost::json::value next = nullptr;
  if (!page->next.empty()) next = page->next;
  return http::Response::json(
      200, boost::json::object{{"sessions", std::move(sessions)}, {"next", std::move(next)}});
}

http::Response flush(Appliance& appliance, const http::Request& request) {
  Members query = Members::of_query(request.query);
  const PacketMatch match = read_session_match(query);
  const bool all = query.boolean("all").value_or(false);
  if (const auto right = query.finish(); !right) return bad_parameter(right.error());
  if (matches_all(match) && !all)
    query.refuse("all", "must be true when no filter is given: every session would end");
  if (!matches_all(match) && all) query.refuse("all", "contradicts the filter");
  if (const auto right = query.finish(); !right) return bad_parameter(right.error());

  const auto flushed = appliance.flush_sessions(match);
  if (!flushed) return bad_parameter(flushed.error());
  return http::Response::json(200, boost::json::object{{"flushed", *flushed}});
}

http::Response export_all(Appliance& appliance) {
  return http::Response::stream(200, "application/octet-stream",
                                [next = appliance.export_sessions()]() -> http::Chunk {
                                  auto piece = next();
                                  if (!piece) return tl::unexpected(piece.error());
                                  if (piece->empty()) return std::nullopt;
                                  return std::move(*piece);
                                });
}

http::Response import_all(Appliance& appliance, const http::Request& request) {
  const auto imported = appliance.import_sessions(request.body);
  if (!imported) return http::problem(400, "Bad Request", imported.error().message());
  return http::Response::json(
      200, boost::json::object{{"taken", imported->taken}, {"refused", imported->refused}});
}

}  // namespace

void add_session_routes(http::Router& router, Appliance& appliance) {
  using http::Method;
  using http::Request;
  router
      .on(Method::kGet, "/v1/sessions",
          [&appliance](const Request& request) { return list(appliance, request); })
      .on(Method::kDelete, "/v1/sessions",
          [&appliance](const Request& request) { return flush(appliance, request); })
      .on(Method::kGet, "/v1/sessions/export",
          without_query([&appliance](const Request&) { return export_all(appliance); }))
      .on(Method::kPost, "/v1/sessions/import",
          without_query([&appliance](const Request& request) { return import_all(appliance, request); }),
          {.body_bytes = kMostImportBytes});
}

}  // namespace millrace::control
