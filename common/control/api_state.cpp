// SPDX-License-Identifier: BSD-3-Clause
// Routes about the appliance itself: index, version, health, metrics, workers, drain, and its own listings.
#include <boost/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "common/control/api_routes.h"
#include "common/control/json_health.h"
#include "common/control/members.h"
#include "common/control/metrics_text.h"

namespace millrace::control {
namespace {

constexpr unsigned kMostWorkers = 128;

boost::json::string_view json_view(std::string_view text) { return {text.data(), text.size()}; }

http::Response index(const Appliance& appliance) {
  boost::json::object links;
  for (const char* what : {"version", "health", "metrics", "profile", "sessions", "drain", "explain", "trace",
                           "capture", "workers"}) {
    links[what] = fmt::format("/v1/{}", what);
  }
  links["sessions_export"] = "/v1/sessions/export";
  links["sessions_import"] = "/v1/sessions/import";
  for (const std::string_view what : appliance.own_names()) {
    links[json_view(what)] = fmt::format("/v1/{}/{}", appliance.vnf(), what);
  }
  return http::Response::json(200, boost::json::object{{"vnf", json_view(appliance.vnf())},
                                                       {"name", json_view(appliance.name())},
                                                       {"version", json_view(appliance.version())},
                                                       {"links", std::move(links)}});
}

http::Response health(Appliance& appliance, const http::Request& request) {
  Members query = Members::of_query(request.query);
  const bool must_be_ready = query.boolean("ready").value_or(false);
  if (const auto right = query.finish(); !right) return bad_parameter(right.error());
  const Health health = appliance.health();
  const bool well = health.live && (health.ready || !must_be_ready);
  http::Response response = http::Response::json(well ? 200 : 503, to_json(health));
  response.headers.set("Cache-Control", "no-store");
  return response;
}

boost::json::object workers_json(Appliance& appliance) {
  boost::json::array workers;
  for (const WorkerStatus& worker : appliance.health().workers) workers.emplace_back(to_json(worker));
  return {{"count", appliance.workers()}, {"workers", std::move(workers)}};
}

void set_workers(Appliance& appliance, const http::Request& request, const http::Responder& reply) {
  if (const auto none = no_query(request); !none) return reply(bad_parameter(none.error()));
  const auto object = read_object(request);
  if (!object) return reply(bad_member(object.error()));
  Members members(*object);
  const auto count = members.number("count", 1, kMostWorkers);
  if (!count) members.refuse("count", "is missing; give the number of workers");
  if (const auto right = members.finish(); !right) return reply(bad_member(right.error()));
  appliance.set_workers(static_cast<unsigned>(*count), [&appliance, reply](const Result<void>& done) {
    reply(done ? http::Response::json(200, workers_json(appliance)) : conflict(done.error()));
  });
}

http::Response own(Appliance& appliance, const http::Request& request) {
  const std::string_view what = request.variables.get("what");
  Members query = Members::of_query(request.query);
  const auto value = appliance.own(what, query);
  if (value) {
    if (const auto right = query.finish(); !right) return bad_parameter(right.error());
    return http::Response::json(200, *value);
  }
  const auto names = appliance.own_names();
  return http::problem(404, "Not Found",
                       names.empty() ? fmt::format("the {} has no '{}'", appliance.vnf(), what)
                                     : fmt::format("the {} has no '{}'; it has {}", appliance.vnf(), what,
                                                   fmt::join(names, ", ")));
}

http::Response remove_own(Appliance& appliance, const http::Request& request) {
  const std::string_view what = request.variables.get("what");
  const std::string_view name = request.variables.get("name");
  const auto done = appliance.remove_own(what, name);
  if (!done) {
    return http::problem(404, "Not Found",
                         fmt::format("nothing can be taken out of '{}' of the {}", what, appliance.vnf()));
  }
  if (*done) return http::Response::json(200, boost::json::object{{"removed", json_view(name)}});
  if (!done->error().where.empty()) return bad_parameter(done->error());
  return http::problem(404, "Not Found", done->error().message());
}

void add_drain_routes(http::Router& router, Appliance& appliance) {
  const auto answer = [&appliance] { return http::Response::json(200, to_json(appliance.drain_status())); };
  const auto set = [&appliance, answer](bool draining) {
    return without_query([&appliance, answer, draining](const http::Request&) {
      appliance.set_draining(draining);
      return answer();
    });
  };
  router
      .on(http::Method::kGet, "/v1/drain", without_query([answer](const http::Request&) { return answer(); }))
      .on(http::Method::kPost, "/v1/drain", set(true))
      .on(http::Method::kDelete, "/v1/drain", set(false));
}

}  // namespace

void add_state_routes(http::Router& router, Appliance& appliance) {
  using http::Method;
  using http::Request;
  using http::Response;
  router.on(Method::kGet, "/v1", without_query([&appliance](const Request&) { return index(appliance); }))
      .on(Method::kGet, "/v1/version", without_query([&appliance](const Request&) {
            return Response::json(200, boost::json::object{{"vnf", json_view(appliance.vnf())},
                                                           {"version", json_view(appliance.version())}});
          }))
      .on(Method::kGet, "/v1/health",
          [&appliance](const Request& request) { return health(appliance, request); })
      .on(Method::kGet, "/v1/metrics", without_query([&appliance](const Request&) {
            return Response::text(200, metrics_text(appliance.metrics(), appliance.vnf(), appliance.name()),
                                  kMetricsContentType);
          }))
      .on(Method::kGet, "/v1/workers", without_query([&appliance](const Request&) {
            return Response::json(200, workers_json(appliance));
          }))
      .on_async(Method::kPut, "/v1/workers",
                [&appliance](const Request& request, const http::Responder& reply) {
                  set_workers(appliance, request, reply);
                })
      .on(Method::kGet, fmt::format("/v1/{}/{{what}}", appliance.vnf()),
          [&appliance](const Request& request) { return own(appliance, request); })
      .on(Method::kDelete, fmt::format("/v1/{}/{{what}}/{{name}}", appliance.vnf()),
          without_query([&appliance](const Request& request) { return remove_own(appliance, request); }));
  add_drain_routes(router, appliance);
}

}  // namespace millrace::control
