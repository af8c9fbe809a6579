// SPDX-License-Identifier: BSD-3-Clause
// Routes about services and their backends: list them; add, change and take away a backend.
#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "common/control/api_routes.h"
#include "common/control/members.h"
#include "common/control/profile/text.h"
#include "common/http/target.h"

namespace millrace::control {
namespace {

constexpr unsigned kMostWeight = 1000;  // as a profile may give

http::Response not_found(const std::string& what) { return http::problem(404, "Not Found", what); }
http::Response no_services(const Appliance& appliance) {
  return not_found(fmt::format("the {} has no services", appliance.vnf()));
}

// The report of all services, or of the one of that name. Nothing when this kind of appliance has none.
std::optional<boost::json::value> report(Appliance& appliance, const std::string& name = {}) {
  boost::json::object query;
  if (!name.empty()) query["name"] = name;
  Members members(std::move(query));
  return appliance.own("services", members);
}

// "10.0.0.13", "10.0.0.13:8080", "2001:db8::13", "[2001:db8::13]:8080", "[2001:db8::13]"
bool read_backend(std::string_view text, BackendChange& into) {
  std::string_view address = text;
  std::string_view port;
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    address = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (colon != std::string_view::npos && text.find(':') == colon) {
    address = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty()) {
    if (!port.starts_with(':')) return false;
    port.remove_prefix(1);
    const auto [end, wrong] = std::from_chars(port.data(), port.data() + port.size(), into.port);
    if (wrong != std::errc{} || end != port.data() + port.size() || into.port == 0) return false;
  }
  const auto parsed = net::IpAddress::parse(address);
  if (!parsed || (bracketed && parsed->is_v4())) return false;
  into.address = *parsed;
  return true;
}

Result<void> read_wishes(const http::Request& request, BackendChange& into) {
  if (request.body.empty()) return {};
  const auto object = read_object(request);
  if (!object) return tl::unexpected(object.error());
  Members members(*object);
  if (const auto weight = members.number("weight", 0, kMostWeight))
    into.weight = static_cast<std::uint32_t>(*weight);
  into.draining = members.boolean("draining");
  return members.finish();
}

// 202: the workers have the change when its policy is compiled. Whoever waits for that asks where Location
// says.
http::Response accepted(const BackendChange& change) {
  boost::json::object backend{{"service", change.service},
                              {"address", change.address.to_string()},
                              {"port", nullptr},
                              {"removed", change.remove}};
  if (change.port != 0) backend["port"] = change.port;
  if (change.weight) backend["weight"] = *change.weight;
  if (change.draining) backend["draining"] = *change.draining;
  http::Response response = http::Response::json(202, backend);
  response.headers.set("Location", "/v1/services/" + http::percent_encode(change.service));
  return response;
}

http::Response change(Appliance& appliance, const http::Request& request, bool remove) {
  BackendChange wanted;
  wanted.service = request.variables.get("service");
  wanted.remove = remove;
  const std::string_view backend = request.variables.get("backend");
  if (!read_backend(backend, wanted)) {
    return bad_parameter(Error{"read the request",
                               quote(backend) +
                                   " is no backend; give its address, or ADDRESS:PORT, and an IPv6 "
                                   "address in brackets before a port",
                               "backend"});
  }
  if (remove && !request.body.empty())
    return bad_member(Error{"read the request", "nothing is to be said of a backend that goes", ""});
  if (!remove) {
    if (const auto read = read_wishes(request, wanted); !read) return bad_member(read.error());
  }
  const auto done = appliance.change_backend(wanted);
  if (!done) return no_services(appliance);
  if (*done) return accepted(wanted);
  const Error& error = done->error();
  const bool of_backend = error.where == "backend";
  if (error.where == "service" || (of_backend && remove))
    return not_found(fmt::format("{}: {}", error.attempt, error.reason));
  return of_backend ? bad_parameter(error) : bad_member(error);
}

http::Response list(Appliance& appliance) {
  const auto services = report(appliance);
  return services ? http::Response::json(200, *services) : no_services(appliance);
}

http::Response show(Appliance& appliance, const http::Request& request) {
  const std::string name(request.variables.get("service"));
  const auto services = report(appliance, name);
  if (!services) return no_services(appliance);
  if (!services->is_array() || services->get_array().empty())
    return not_found(fmt::format("there is no service {}", quote(name)));
  return http::Response::json(200, services->get_array().front());
}

}  // namespace

void add_service_routes(http::Router& router, Appliance& appliance) {
  using http::Method;
  using http::Request;
  constexpr std::string_view kBackend = "/v1/services/{service}/backends/{backend}";
  router
      .on(Method::kGet, "/v1/services",
          without_query([&appliance](const Request&) { return list(appliance); }))
      .on(Method::kGet, "/v1/services/{service}",
          without_query([&appliance](const Request& request) { return show(appliance, request); }))
      .on(Method::kPut, kBackend,
          without_query([&appliance](const Request& request) { return change(appliance, request, false); }))
      .on(Method::kDelete, kBackend,
          without_query([&appliance](const Request& request) { return change(appliance, request, true); }));
}

}  // namespace millrace::control
