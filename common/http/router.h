// SPDX-License-Identifier: BSD-3-Clause
// Which handler answers which request.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/http/message.h"

namespace millrace::http {

// Runs on the server's thread and must be quick: every client waits meanwhile. An exception becomes 500.
using Handler = std::function<Response(const Request&)>;
// For slow work: start it elsewhere and reply from there. The request is valid only during the call.
using AsyncHandler = std::function<void(const Request&, Responder)>;
// Looks at a request before its body is read; an answer refuses it. Tokens and peer identity are checked
// here.
using Guard = std::function<std::optional<Response>(const Request&)>;

struct RouteOptions {
  std::optional<std::size_t> body_bytes;  // in place of the server's limit
};

struct Route {
  Method method;
  Handler handler;  // exactly one of the two
  AsyncHandler async_handler;
  RouteOptions options;
};

// Filled at start, then only read. A pattern is "/v1/sessions/{id}": a variable stands for one segment, which
// is not empty. Where two patterns fit, the one with a literal further left wins: "/v1/sessions/export" over
// "/v1/sessions/{id}". No slash is added or forgiven at the end.
class Router {
 public:
  // Throws std::logic_error for a malformed pattern and for a route declared twice.
  Router& on(Method method, std::string_view pattern, Handler handler, RouteOptions options = {});
  Router& on_async(Method method, std::string_view pattern, AsyncHandler handler, RouteOptions options = {});
  // Guards are asked in the order added, also about paths that do not exist.
  Router& guard(Guard guard);

  // The route, with request.variables filled, or the answer that needs no handler: a guard's, 404, 405,
  // OPTIONS. HEAD finds GET. The route is valid as long as the router.
  [[nodiscard]] std::variant<const Route*, Response> resolve(Request& request) const;

 private:
  struct Part {
    std::string text;  // the literal, or the variable's name
    bool variable = false;
  };
  struct Path {
    std::string pattern;
    std::vector<Part> parts;
    std::vector<Route> routes;
  };

  void add(std::string_view pattern, Route route);
  [[nodiscard]] const Path* find(const std::vector<std::string>& segments) const;

  std::vector<Path> paths_;
  std::vector<Guard> guards_;
};

}  // namespace millrace::http
