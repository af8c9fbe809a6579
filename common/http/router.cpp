// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/router.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace millrace::http {
namespace {

// Allow, as RFC 9110 section 15.5.6 asks of a 405.
std::string allowed_methods(const std::vector<Route>& routes) {
  std::string allowed;
  for (const Route& route : routes) {
    allowed += to_string(route.method);
    allowed += ", ";
    if (route.method == Method::kGet) allowed += "HEAD, ";
  }
  return allowed + "OPTIONS";
}

const Route* find_method(const std::vector<Route>& routes, Method method) {
  const auto found = std::find_if(routes.begin(), routes.end(),
                                  [method](const Route& route) { return route.method == method; });
  return found == routes.end() ? nullptr : &*found;
}

Response options(const std::vector<Route>& routes) {
  Response response = Response::empty();
  response.headers.set("Allow", allowed_methods(routes));
  return response;
}

}  // namespace

Router& Router::on(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
  add(pattern, Route{method, std::move(handler), {}, options});
  return *this;
}

Router& Router::on_async(Method method, std::string_view pattern, AsyncHandler handler,
                         RouteOptions options) {
  add(pattern, Route{method, {}, std::move(handler), options});
  return *this;
}

Router& Router::guard(Guard guard) {
  guards_.push_back(std::move(guard));
  return *this;
}

void Router::add(std::string_view pattern, Route route) {
  const auto refuse = [pattern](std::string_view why) {
    throw std::logic_error(fmt::format("route \"{}\": {}", pattern, why));
  };
  if (!pattern.starts_with('/')) refuse("a pattern starts with a slash");
  if (route.method == Method::kHead || route.method == Method::kOptions) {
    refuse("HEAD and OPTIONS are answered by the router");
  }

  Path path{std::string(pattern), {}, {}};
  for (std::string_view rest = pattern.substr(1); !rest.empty();) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    const bool variable = segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
    const std::string_view text = variable ? segment.substr(1, segment.size() - 2) : segment;
    if (text.empty() || text.find_first_of("{}") != std::string_view::npos) refuse("a malformed segment");
    path.parts.push_back({std::string(text), variable});
  }

  auto known = std::find_if(paths_.begin(), paths_.end(), [&path](const Path& other) {
    return std::equal(path.parts.begin(), path.parts.end(), other.parts.begin(), other.parts.end(),
                      [](const Part& a, const Part& b) {
                        return a.variable == b.variable && (a.variable || a.text == b.text);
                      });
  });
  if (known == paths_.end()) {
    known = paths_.insert(paths_.end(), std::move(path));
  } else if (known->pattern != pattern) {
    refuse(fmt::format("the same path is called \"{}\" elsewhere", known->pattern));
  }
  if (find_method(known->routes, route.method) != nullptr) refuse("declared twice for one method");
  known->routes.push_back(std::move(route));
}

const Router::Path* Router::find(const std::vector<std::string>& segments) const {
  const auto fits = [&segments](const Path& path) {
    return std::equal(path.parts.begin(), path.parts.end(), segments.begin(), segments.end(),
                      [](const Part& part, const std::string& segment) {
                        return part.variable ? !segment.empty() : part.text == segment;
                      });
  };
  const auto more_literal = [](const Path& a, const Path& b) {
    return std::lexicographical_compare(
        a.parts.begin(), a.parts.end(), b.parts.begin(), b.parts.end(),
        [](const Part& x, const Part& y) { return !x.variable && y.variable; });
  };
  const Path* best = nullptr;
  for (const Path& path : paths_) {
    if (fits(path) && (best == nullptr || more_literal(path, *best))) best = &path;
  }
  return best;
}

std::variant<const Route*, Response> Router::resolve(Request& request) const {
  for (const Guard& guard : guards_) {
    if (auto refusal = guard(request)) return std::move(*refusal);
  }
  if (request.method == Method::kOptions && request.target == "*") return Response::empty();

  const Path* path = find(request.segments);
  if (path == nullptr) return problem(404, "Not Found", "nothing is served at " + request.target);
  if (request.method == Method::kOptions) return options(path->routes);

  const Method wanted = request.method == Method::kHead ? Method::kGet : request.method;
  const Route* route = find_method(path->routes, wanted);
  if (route == nullptr) {
    Response refusal =
        problem(405, "Method Not Allowed",
                fmt::format("{} is not possible on {}", to_string(request.method), request.target));
    refusal.headers.set("Allow", allowed_methods(path->routes));
    return refusal;
  }
  for (std::size_t i = 0; i < path->parts.size(); ++i) {
    if (path->parts[i].variable) request.variables.add(path->parts[i].text, request.segments[i]);
  }
  return route;
}

}  // namespace millrace::http
