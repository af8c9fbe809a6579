// SPDX-License-Identifier: BSD-3-Clause
// The API's routes by topic, and what their handlers share. Private to the API.
#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/control/appliance.h"
#include "common/http/message.h"
#include "common/http/router.h"

namespace millrace::control {

void add_state_routes(http::Router& router, Appliance& appliance);
void add_profile_routes(http::Router& router, Appliance& appliance);
void add_session_routes(http::Router& router, Appliance& appliance);
void add_inspect_routes(http::Router& router, Appliance& appliance);
void add_service_routes(http::Router& router, Appliance& appliance);

// 400, naming Error::where as what is wrong: "parameter" of a query, "member" of a body.
[[nodiscard]] http::Response bad_parameter(const Error& error);
[[nodiscard]] http::Response bad_member(const Error& error);
// 409: the request is right, the appliance cannot.
[[nodiscard]] http::Response conflict(const Error& error);

// The body as a JSON object.
[[nodiscard]] Result<boost::json::object> read_object(const http::Request& request);

// Refuses any query parameter: for calls that take none.
[[nodiscard]] Result<void> no_query(const http::Request& request);

// A handler behind the check that no query was given.
template <class Handle>
[[nodiscard]] http::Handler without_query(Handle handle) {
  return [handle = std::move(handle)](const http::Request& request) -> http::Response {
    if (const auto none = no_query(request); !none) return bad_parameter(none.error());
    return handle(request);
  };
}

}  // namespace millrace::control
