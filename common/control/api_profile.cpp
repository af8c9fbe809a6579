// SPDX-License-Identifier: BSD-3-Clause
// Routes about the profile: read it, validate another, swap.
#include <boost/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "common/control/api_routes.h"
#include "common/control/members.h"

namespace millrace::control {
namespace {

constexpr std::size_t kMostProfileBytes = std::size_t{64} << 20;

http::Response refused(const Diagnostics& diagnostics) {
  boost::json::array errors;
  for (const Diagnostic& one : diagnostics.entries()) {
    boost::json::object error{{"file", one.file}, {"message", one.message}};
    if (one.at.known()) {
      error["line"] = one.at.line;
      error["column"] = one.at.column;
    }
    errors.emplace_back(std::move(error));
  }
  const std::size_t count = errors.size();
  return http::problem(
      400, "Profile refused",
      fmt::format("{} error{} in the profile; the running one goes on", count, count == 1 ? "" : "s"),
      {{"errors", std::move(errors)}});
}

http::Response answer(const ProfileOutcome& outcome, bool check_only) {
  if (!outcome.accepted) {
    if (!outcome.diagnostics.empty()) return refused(outcome.diagnostics);
    return conflict(outcome.error.value_or(Error{"apply the profile", "refused without a reason", {}}));
  }
  return http::Response::json(
      200, boost::json::object{{"applied", !check_only},
                               {"generation", outcome.generation},
                               {"notes", boost::json::value_from(outcome.notes)},
                               {"needs_restart", boost::json::value_from(outcome.needs_restart)},
                               {"compile_ms", outcome.compile_ms}});
}

void apply(Appliance& appliance, const http::Request& request, const http::Responder& reply) {
  Members query = Members::of_query(request.query);
  const bool check_only = query.boolean("check").value_or(false);
  std::string file = query.text("file").value_or("profile");
  if (const auto right = query.finish(); !right) return reply(bad_parameter(right.error()));
  appliance.apply_profile(
      request.body, std::move(file), check_only,
      [reply, check_only](const ProfileOutcome& outcome) { reply(answer(outcome, check_only)); });
}

}  // namespace

void add_profile_routes(http::Router& router, Appliance& appliance) {
  router
      .on(http::Method::kGet, "/v1/profile", without_query([&appliance](const http::Request&) {
            return http::Response::text(200, appliance.profile_text(), "application/yaml");
          }))
      .on_async(http::Method::kPut, "/v1/profile",
                [&appliance](const http::Request& request, const http::Responder& reply) {
                  apply(appliance, request, reply);
                },
                {.body_bytes = kMostProfileBytes});
}

}  // namespace millrace::control
