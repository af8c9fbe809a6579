// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/balancer_watch.h"

#include <algorithm>
#include <array>

#include "common/core/owner.h"
#include "tests/fuzz/input.h"
#include "vnfs/load_balancer/connection_ends.h"

namespace millrace::fuzz {
namespace {

using frame_sums::Octets;
using load_balancer::Connection;
using load_balancer::Forwarding;
using load_balancer::SourceAddress;
using load_balancer::WorkerState;
using testing::Frame;
using testing::kBackends;
using testing::kClients;

// As many as the bed has numbers for.
constexpr std::size_t kMostServices = 64;
constexpr std::size_t kMostBackends = 256;

// What a tunnel carries (RFC 2003, 2473, 2784, the draft of GUE); empty when the packet is in none.
Octets inside_of(const FrameEnds& outer) {
  constexpr std::uint8_t kIpv4InIp = 4;
  constexpr std::uint8_t kIpv6InIp = 41;
  constexpr std::uint8_t kGre = 47;
  constexpr std::uint16_t kGuePort = 6080;
  std::size_t header = 0;
  if (outer.protocol == kGre) {
    header = 4;
  } else if (outer.protocol == net::protocol::kUdp && outer.destination_port == kGuePort) {
    header = 12;
  } else if (outer.protocol != kIpv4InIp && outer.protocol != kIpv6InIp) {
    return {};
  }
  return outer.carried.size() < header ? Octets{} : outer.carried.subspan(header);
}

bool is_ours(const net::IpAddress& address) {
  static const std::array kOurs = {
      *net::IpAddress::parse("10.0.0.1"), *net::IpAddress::parse("2001:db8:10::1"),
      *net::IpAddress::parse("10.99.0.1"), *net::IpAddress::parse("2001:db8:99::1")};
  return std::ranges::find(kOurs, address) != kOurs.end();
}

// Those of what it carries in a tunnel of ours too.
bool has_right_sums(const Frame& frame) {
  const auto ends = ends_of_frame(frame);
  return sums_of(frame) != Sums::kWrong &&
         (!ends || !is_ours(ends->source) || sums_of_datagram(inside_of(*ends)) != Sums::kWrong);
}

// What it was about, for people.
void show(const char* what, const BalancerWatch::Frames& frames) {
  for (const auto& [port, frame] : frames) {
    std::fprintf(stderr, "%s, port %u:", what, port);
    for (const std::uint8_t byte : frame) std::fprintf(stderr, " %02x", unsigned{byte});
    std::fprintf(stderr, "\n");
  }
}

// Whether the frame has the MAC address of this backend, whose address ends in its number as people write it.
bool is_for(const Frame& frame, const net::IpAddress& backend) {
  const unsigned last = backend.bytes()[backend.is_v4() ? 3 : 15];
  const unsigned number = backend.is_v4() ? last : last / 16 * 10 + last % 16;
  const net::MacAddress mac = testing::neighbor_mac(testing::kFirstBackend + number);
  return std::equal(mac.bytes.begin(), mac.bytes.end(), frame.begin());
}

// The table of one worker against its counters.
void check_tables(const WorkerState& state, unsigned worker, unsigned workers,
                  const load_balancer::Policy& policy) {
  std::array<std::uint64_t, kMostServices> open_of_service{};
  std::array<std::uint64_t, kMostBackends> open_of_backend{};
  std::array<std::uint32_t, kMostServices> counted{};
  std::vector<std::uint32_t> of_client(state.limits.clients().capacity() + std::size_t{1});
  std::uint64_t records = 0;
  const auto& flows = state.connections.flows();
  for (flow::RecordIndex index = 0; index < flows.reach(); ++index) {
    if (!flows.in_use(index)) continue;
    ++records;
    const Connection& connection = flows[index];
    require(connection.service < kMostServices && connection.backend < kMostBackends,
            "a connection has a service and a backend");
    if (!connection.has(Connection::kOver)) {
      ++open_of_service[connection.service];
      ++open_of_backend[connection.backend];
    }
    if (connection.has(Connection::kCounted)) {
      ++counted[connection.service];
      ++of_client.at(connection.client_entry);
    }
    require(connection.generation != policy.generation || policy.allows(connection),
            "a connection that the policy allowed is one that it allows");
    const auto ends = load_balancer::ends_of(connection);
    require(core::owner_of(load_balancer::bucket_of(ends), workers) == worker,
            "a connection is at the worker that its client's packets come to");
    require(flows.find(load_balancer::lookup_of(ends, flows.seed())) == index, "a connection can be found");
    if (connection.source != nullptr)
      require(SourceAddress::connection(*connection.source_entry()) == index,
              "a source port is its connection's");
  }
  require(records == flows.size() && records == state.connections.open_now(), "all connections are counted");
  for (std::size_t id = 0; id < kMostServices; ++id) {
    const auto service = static_cast<load_balancer::ServiceId>(id);
    require(state.tallies.service(service).open.read() == open_of_service[id],
            "a service's open connections are those of the table");
    require(state.limits.open(service) == counted[id],
            "a service's limited connections are those of the table");
  }
  for (std::size_t id = 0; id < kMostBackends; ++id) {
    require(
        state.tallies.backend(static_cast<load_balancer::BackendId>(id)).open.read() == open_of_backend[id],
        "a backend's open connections are those of the table");
  }
  for (flow::SourceIndex entry = 1; entry < of_client.size(); ++entry) {
    require(state.limits.clients().open_sessions(entry) == of_client[entry],
            "a client's connections are those of the table");
  }
}

}  // namespace

BalancerWatch::Begun BalancerWatch::begun() const {
  Begun sum;
  for (const WorkerState* state : bed_.states()) {
    sum.opened += state->connections.opened();
    sum.open += state->connections.open_now();
  }
  return sum;
}

void BalancerWatch::before(const Frames& in) {
  kept_.clear();
  begun_ = begun();
  const load_balancer::Policy& policy = bed_.policy();
  for (const auto& [port, frame] : in) {
    const auto ends = ends_of_frame(frame);
    if (port != kClients || !ends || !ends->has_ports()) continue;
    const load_balancer::ConnectionEnds wanted{.client = ends->source,
                                               .service = ends->destination,
                                               .client_port = be16(ends->source_port),
                                               .service_port = be16(ends->destination_port),
                                               .protocol = ends->protocol};
    for (const WorkerState* state : bed_.states()) {
      const auto& flows = state->connections.flows();
      const auto index = flows.find(load_balancer::lookup_of(wanted, flows.seed()));
      if (index == flow::kNoRecord || !policy.allows(flows[index])) continue;
      const Connection& connection = flows[index];
      const bool sourced = connection.source != nullptr;
      kept_.push_back({.source = sourced ? connection.source->address() : ends->source,
                       .source_port = sourced ? connection.source_port : ends->source_port,
                       .protocol = ends->protocol,
                       .service = ends->destination,
                       .backend = policy.backends[connection.backend].address,
                       .forwarding = policy.services[connection.service].forwarding});
    }
  }
}

// Of a frame to the backends.
bool BalancerWatch::keeps_backend(const Frames& in, const Frame& frame) const {
  auto ends = ends_of_frame(frame);
  if (!ends) return true;
  const net::IpAddress to = ends->destination;
  const Octets inside = is_ours(ends->source) ? inside_of(*ends) : Octets{};
  if (!inside.empty()) ends = ends_of_datagram(inside);
  if (!ends || !ends->has_ports()) return true;
  // What was sent there by itself is none of the balancer's.
  const bool passes = std::ranges::any_of(in, [&](const auto& one) {
    const auto sent = ends_of_frame(one.frame);
    return sent && sent->destination == to;
  });
  bool known = false;
  for (const Kept& kept : kept_) {
    const bool direct = kept.forwarding == Forwarding::kDirect;
    if (kept.source != ends->source || kept.source_port != ends->source_port ||
        kept.protocol != ends->protocol || (direct ? kept.service != to : passes))
      continue;
    if (direct ? is_for(frame, kept.backend) : kept.backend == to) return true;
    known = true;
  }
  return !known;
}

void BalancerWatch::after(const Frames& in, const Frames& left) const {
  const bool right =
      std::ranges::all_of(in, [](const auto& one) { return sums_of(one.frame) == Sums::kRight; });
  const bool same = begun() == begun_;
  for (const auto& [port, frame] : left) {
    const bool sums = !right || has_right_sums(frame);
    const bool backend = !same || port != kBackends || keeps_backend(in, frame);
    if (!sums || !backend) {
      show("in", in);
      show("left", left);
    }
    require(sums, "right checksums stay right");
    require(backend, "a connection keeps its backend");
  }
}

void BalancerWatch::check() const {
  require(bed_.bed().is_conserved(), "packets are conserved");
  const auto workers = static_cast<unsigned>(bed_.states().size());
  for (unsigned worker = 0; worker < workers; ++worker)
    check_tables(*bed_.states()[worker], worker, workers, bed_.policy());
}

void BalancerWatch::check_empty() const {
  check();
  require(bed_.connections() == 0, "no connection is left");
  for (std::size_t id = 0; id < bed_.sources()->size(); ++id) {
    require((*bed_.sources())[static_cast<core::AddressId>(id)].free_runs() == SourceAddress::kRuns,
            "no source port is left in use");
  }
  require(bed_.bed().total(&core::WorkerCounters::held) == 0 && bed_.bed().waiting_buffers() == 0,
          "no packet is left");
}

}  // namespace millrace::fuzz
