// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/api.h"

#include <boost/json.hpp>

#include <fmt/format.h>

#include "common/control/api_routes.h"
#include "common/control/members.h"

namespace millrace::control {
namespace {

http::Response bad_request(const Error& error, const char* kind) {
  const std::string detail =
      error.where.empty() ? error.message() : fmt::format("{}: {}", error.where, error.reason);
  boost::json::object extensions;
  if (!error.where.empty()) extensions[kind] = error.where;
  return http::problem(400, "Bad Request", detail, extensions);
}

}  // namespace

http::Response bad_parameter(const Error& error) { return bad_request(error, "parameter"); }
http::Response bad_member(const Error& error) { return bad_request(error, "member"); }
http::Response conflict(const Error& error) { return http::problem(409, "Conflict", error.message()); }

Result<boost::json::object> read_object(const http::Request& request) {
  auto value = http::parse_json(request.body);
  if (!value) return tl::unexpected(value.error());
  if (!value->is_object()) return failure("read the body", "a JSON object is expected");
  return std::move(value->as_object());
}

Result<void> no_query(const http::Request& request) { return Members::of_query(request.query).finish(); }

void add_api(http::Router& router, Appliance& appliance) {
  add_state_routes(router, appliance);
  add_profile_routes(router, appliance);
  add_session_routes(router, appliance);
  add_inspect_routes(router, appliance);
  add_service_routes(router, appliance);
}

}  // namespace millrace::control
