// SPDX-License-Identifier: BSD-3-Clause
// Routes about packets: explain one, trace some, capture some.
#include <boost/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "common/control/api_routes.h"
#include "common/control/members.h"
#include "common/control/packet_description.h"
#include "common/control/packet_match.h"

namespace millrace::control {
namespace {

constexpr unsigned kMostTracedPackets = 1000;
constexpr unsigned kMostCapturedPackets = 10000;
constexpr std::uint64_t kMostCapturedBytes = std::uint64_t{64} << 20;  // packets times snap_length
constexpr unsigned kMostWaitMs = 600'000;

// Which packets, how many, for how long.
struct Watch {
  PacketMatch match;
  Appliance::Patience patience;
};

Watch read_watch(Members& members, const http::Responder& reply, unsigned packets, unsigned most_packets) {
  Watch watch{.match = {}, .patience = {.packets = packets, .timeout_ms = 10'000, .wanted = [reply] {
                                          return reply.wanted();
                                        }}};
  if (auto within = members.object("match")) {
    watch.match = read_packet_match(*within);
    members.adopt(*within);
  }
  Appliance::Patience& patience = watch.patience;
  patience.packets =
      static_cast<unsigned>(members.number("packets", 1, most_packets).value_or(patience.packets));
  patience.timeout_ms =
      static_cast<unsigned>(members.number("timeout_ms", 1, kMostWaitMs).value_or(patience.timeout_ms));
  return watch;
}

http::Response explain(Appliance& appliance, const http::Request& request) {
  const auto object = read_object(request);
  if (!object) return bad_member(object.error());
  if (const auto packet = read_packet(*object); !packet) return bad_member(packet.error());
  const auto explanation = appliance.explain(*object);
  if (!explanation) return bad_member(explanation.error());
  return http::Response::json(200, *explanation);
}

void trace(Appliance& appliance, const http::Request& request, const http::Responder& reply) {
  if (const auto none = no_query(request); !none) return reply(bad_parameter(none.error()));
  const auto object = read_object(request);
  if (!object) return reply(bad_member(object.error()));
  Members members(*object);
  const Watch watch = read_watch(members, reply, 5, kMostTracedPackets);
  if (const auto right = members.finish(); !right) return reply(bad_member(right.error()));
  appliance.trace(watch.match, watch.patience, [reply](Result<boost::json::array> packets) {
    reply(packets ? http::Response::json(200, boost::json::object{{"packets", std::move(*packets)}})
                  : conflict(packets.error()));
  });
}

void capture(Appliance& appliance, const http::Request& request, const http::Responder& reply) {
  if (const auto none = no_query(request); !none) return reply(bad_parameter(none.error()));
  const auto object = read_object(request);
  if (!object) return reply(bad_member(object.error()));
  Members members(*object);
  const Watch watch = read_watch(members, reply, 100, kMostCapturedPackets);
  const auto snap_length = members.number("snap_length", 64, 65535).value_or(2048);
  if (watch.patience.packets * snap_length > kMostCapturedBytes) {
    members.refuse("packets",
                   fmt::format("{} packets of {} bytes are more than {} MiB; give fewer, or a smaller "
                               "snap_length",
                               watch.patience.packets, snap_length, kMostCapturedBytes >> 20));
  }
  if (const auto right = members.finish(); !right) return reply(bad_member(right.error()));
  appliance.capture(watch.match, watch.patience, static_cast<unsigned>(snap_length),
                    [reply](Result<std::string> file) {
                      reply(file ? http::Response::text(200, std::move(*file), "application/x-pcapng")
                                 : conflict(file.error()));
                    });
}

}  // namespace

void add_inspect_routes(http::Router& router, Appliance& appliance) {
  using http::Method;
  using http::Request;
  using http::Responder;
  router
      .on(Method::kPost, "/v1/explain",
          without_query([&appliance](const Request& request) { return explain(appliance, request); }))
      .on_async(
          Method::kPost, "/v1/trace",
          [&appliance](const Request& request, const Responder& reply) { trace(appliance, request, reply); })
      .on_async(Method::kPost, "/v1/capture", [&appliance](const Request& request, const Responder& reply) {
        capture(appliance, request, reply);
      });
}

}  // namespace millrace::control
