// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/fake_appliance.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/control/members.h"

namespace millrace::test {

using control::Metric;
using control::PacketMatch;

FakeAppliance::FakeAppliance() {
  state = {.live = true,
           .ready = true,
           .reasons = {},
           .workers = {{.id = 0, .cpu = 2, .alive = true, .heartbeat = 17, .busy_ratio = 0.25, .backlog = 3},
                       {.id = 1, .cpu = -1, .alive = true, .heartbeat = 18, .busy_ratio = 0.5, .backlog = 0}},
           .ports = {{.name = "inside",
                      .driver = "net_af_packet",
                      .link_up = true,
                      .speed_mbps = 10000,
                      .offloads = {}},
                     {.name = "outside",
                      .driver = "net_tap",
                      .link_up = false,
                      .speed_mbps = 0,
                      .offloads = {"receive IPv4 checksum"}}},
           .uptime_ms = 3'723'000,
           .policy_generation = 7};
  counters = {
      {"received_packets_total",
       "Packets received.",
       Metric::Type::kCounter,
       {{{{"port", "inside"}}, 1000}, {{{"port", "outside"}}, 500}}},
      {"received_bytes_total", "Bytes received.", Metric::Type::kCounter, {{{}, 150000}}},
      {"sessions", "Open sessions.", Metric::Type::kGauge, {{{}, 2}}},
      {"sessions_created_total", "Sessions opened.", Metric::Type::kCounter, {{{}, 12}}},
      {"dropped_packets_total",
       "Packets dropped.",
       Metric::Type::kCounter,
       {{{{"reason", "no_route"}}, 5}, {{{"reason", "rule"}}, 40}, {{{"reason", "land"}}, 0}}},
  };
  outcome.accepted = true;
  outcome.generation = 8;
  outcome.compile_ms = 1.5;
  listings["rules"] = boost::json::parse(R"([
    {"name": "web-in", "action": "accept", "hits": 10, "packets": 120000, "bytes": 1572864, "open_sessions": 2, "never_hit": false},
    {"name": "old", "action": "drop", "hits": 0, "packets": 0, "bytes": 0, "open_sessions": 0, "shadowed_by": "web-in", "never_hit": true}])");
  listings["drops"] = boost::json::parse(R"([
    {"reason": "rule", "sentence": "A rule says drop.", "packets": 40},
    {"reason": "no_route", "sentence": "No route leads to the destination.", "packets": 5}])");
  listings["stages"] = boost::json::parse(R"([
    {"stage": "find_session", "packets": 1500, "drops": 0, "cycles_per_packet": 41.25},
    {"stage": "match_rules", "packets": 12, "drops": 4, "cycles_per_packet": 300.5}])");
}

void FakeAppliance::apply_profile(std::string text, std::string file, bool check_only,
                                  std::function<void(control::ProfileOutcome)> done) {
  ++asked.calls;
  asked.profile = std::move(text);
  asked.file = std::move(file);
  asked.check_only = check_only;
  later([this, done = std::move(done)] { done(outcome); });
}

Result<control::SessionPage> FakeAppliance::sessions(const PacketMatch& match, std::string_view cursor,
                                                     unsigned most) {
  ++asked.calls;
  asked.match = match;
  if (trouble) return tl::unexpected(*trouble);
  std::size_t at = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), at);
  if (!cursor.empty() &&
      (error != std::errc{} || end != cursor.data() + cursor.size() || at > all_sessions.size())) {
    return failure("read the cursor", "is not one of ours", "cursor");
  }
  control::SessionPage page;
  const std::size_t until = std::min(all_sessions.size(), at + most);
  for (; at < until; ++at) page.sessions.push_back(all_sessions[at]);
  if (until < all_sessions.size()) page.next = std::to_string(until);
  return page;
}

Result<std::uint64_t> FakeAppliance::flush_sessions(const PacketMatch& match) {
  ++asked.calls;
  asked.match = match;
  if (trouble) return tl::unexpected(*trouble);
  return std::exchange(all_sessions, {}).size();
}

void FakeAppliance::set_draining(bool draining) {
  ++asked.calls;
  drain.draining = draining;
}

Result<boost::json::object> FakeAppliance::explain(const boost::json::object& packet) {
  ++asked.calls;
  asked.packet = packet;
  if (trouble) return tl::unexpected(*trouble);
  return explanation;
}

void FakeAppliance::trace(const PacketMatch& match, const Patience& patience,
                          std::function<void(Result<boost::json::array>)> done) {
  ++asked.calls;
  asked.match = match;
  asked.packets = patience.packets;
  asked.timeout_ms = patience.timeout_ms;
  later([this, done = std::move(done)] {
    done(trouble ? Result<boost::json::array>(tl::unexpected(*trouble)) : traced);
  });
}

void FakeAppliance::capture(const PacketMatch& match, const Patience& patience, unsigned snap_length,
                            std::function<void(Result<std::string>)> done) {
  ++asked.calls;
  asked.match = match;
  asked.packets = patience.packets;
  asked.timeout_ms = patience.timeout_ms;
  asked.snap_length = snap_length;
  later([this, done = std::move(done)] {
    done(trouble ? Result<std::string>(tl::unexpected(*trouble)) : captured);
  });
}

void FakeAppliance::set_workers(unsigned count, std::function<void(Result<void>)> done) {
  ++asked.calls;
  later([this, count, done = std::move(done)] {
    if (trouble) return done(tl::unexpected(*trouble));
    worker_count = count;
    done({});
  });
}

std::optional<boost::json::value> FakeAppliance::own(std::string_view what, control::Members& query) {
  const auto known = listings.find(what);
  if (known == listings.end()) return std::nullopt;
  if (what != "services") return known->second;
  const auto name = query.text("name");
  boost::json::array named;
  for (const auto& one : known->second.as_array()) {
    if (!name || one.at("name").as_string() == *name) named.push_back(one);
  }
  return named;
}

std::vector<std::string_view> FakeAppliance::own_names() const {
  std::vector<std::string_view> names;
  for (const auto& [name, listing] : listings) names.push_back(name);
  return names;
}

std::optional<Result<void>> FakeAppliance::remove_own(std::string_view what, std::string_view name) {
  if (what != "blocks") return std::nullopt;
  ++asked.calls;
  if (name == "nobody") return failure("lift a block", "'nobody' is no source", "name");
  if (blocked.erase(std::string(name)) == 0) return failure("lift a block", "it is not blocked");
  return Result<void>();
}

std::optional<Result<void>> FakeAppliance::change_backend(const control::BackendChange& change) {
  if (backends.empty()) return std::nullopt;
  ++asked.calls;
  asked.backend = change;
  const auto known = backends.find(change.service);
  if (known == backends.end())
    return failure("change a backend", "there is no service of that name", "service");
  const std::string address = change.address.to_string();
  if (change.remove && std::ranges::find(known->second, address) == known->second.end())
    return failure("remove a backend", "the service has no such backend", "backend");
  if (trouble) return tl::unexpected(*trouble);
  return Result<void>();
}

std::function<Result<std::string>()> FakeAppliance::export_sessions() {
  ++asked.calls;
  return [this, next = std::size_t{0}]() mutable -> Result<std::string> {
    if (next < exported.size()) return exported[next++];
    if (trouble) return tl::unexpected(*trouble);
    return std::string();
  };
}

Result<control::Appliance::Imported> FakeAppliance::import_sessions(std::string_view stream) {
  ++asked.calls;
  asked.imported = stream;
  if (trouble) return tl::unexpected(*trouble);
  return Imported{.taken = stream.size(), .refused = 1};
}

}  // namespace millrace::test
