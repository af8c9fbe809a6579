// SPDX-License-Identifier: BSD-3-Clause
// What explain says of a packet is what happens to it.
#include <boost/json.hpp>

#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::testing {
namespace {

using load_balancer::AllDown;
using load_balancer::Backend;
using load_balancer::Forwarding;
using load_balancer::Scheduler;

class Explain : public BalancerTest {};
MILLRACE_BALANCER_VARIANTS(Explain);

struct Asked {
  unsigned port = kClients;
  std::string source = std::string(kClient);
  std::string destination = std::string(kService);
  std::uint16_t source_port = 4000;
  std::uint16_t destination_port = 80;
  std::string_view protocol = "tcp";
  std::string_view flags = "syn";

  [[nodiscard]] boost::json::object description() const {
    boost::json::object packet{{"source", source},
                               {"destination", destination},
                               {"protocol", protocol},
                               {"interface", port == kClients ? "wan" : "lan"}};
    if (protocol != "icmp") {
      packet["source_port"] = source_port;
      packet["destination_port"] = destination_port;
    }
    if (protocol == "tcp") packet["tcp_flags"] = flags;
    return packet;
  }
  [[nodiscard]] PacketBuilder packet() const {
    PacketBuilder packet = port == kClients ? BalancerBed::from_client(source, destination)
                                            : BalancerBed::from_backend(source, destination);
    if (protocol == "tcp") {
      return packet.tcp(source_port, destination_port)
          .flags(flags == "syn"   ? "S"
                 : flags == "ack" ? "A"
                                  : "SA");
    }
    if (protocol == "udp") return packet.udp(source_port, destination_port).payload(8);
    return packet.echo_request(77, 1);
  }
};

Asked answer_to(const Seen& sent, std::string_view protocol = "tcp") {
  return {.port = kBackends,
          .source = sent.destination,
          .destination = sent.source,
          .source_port = sent.destination_port,
          .destination_port = sent.source_port,
          .protocol = protocol,
          .flags = "syn,ack"};
}

std::string text(const boost::json::object& explained, std::string_view member, std::string_view within) {
  const auto* found = explained.if_contains(member);
  if (found == nullptr || !found->is_object()) return {};
  const auto* inner = found->as_object().if_contains(within);
  return inner == nullptr || !inner->is_string() ? std::string() : std::string(inner->as_string());
}

std::uint64_t count_of(BalancerBed& bed, std::string_view reason) {
  for (const auto& one : load_balancer::drop_reasons()) {
    if (one.name == reason) return bed.bed().dropped(one.id);
  }
  for (const auto& one : core::core_drop_reasons()) {
    if (one.name == reason) return bed.bed().dropped(one.id);
  }
  ADD_FAILURE() << "no reason " << reason;
  return 0;
}

// The last byte of a backend's address, by the MAC address the packet left for.
std::string backend_of(const Seen& seen) {
  const auto& mac = neighbor_mac(kFirstBackend).bytes;
  return "10.0.0." + std::to_string(seen.frame[5] - mac.back());
}

struct Outcome {
  boost::json::object explained;
  std::optional<Seen> seen;
};

// Explains the packet, sends it, and compares the two.
Outcome check(BalancerBed& bed, const Asked& asked, std::string_view expected) {
  SCOPED_TRACE(asked.source + " > " + asked.destination + " " + std::string(asked.protocol) + " " +
               std::to_string(asked.destination_port));
  const std::uint64_t connections = bed.connections();
  Outcome outcome{.explained = bed.explain(asked.description()), .seen = {}};
  EXPECT_EQ(bed.explain(asked.description()), outcome.explained) << "explain changes nothing";
  EXPECT_EQ(bed.connections(), connections) << "explain changes nothing";
  const std::string action = text(outcome.explained, "verdict", "action");
  const std::string reason = text(outcome.explained, "verdict", "reason");
  EXPECT_EQ(reason.empty() ? action : reason, expected);
  const std::uint64_t dropped = bed.bed().dropped_in_all();
  const std::uint64_t of_reason = reason.empty() ? 0 : count_of(bed, reason);
  const auto seen = bed.pass(asked.port, {asked.packet()});
  if (action == "drop") {
    EXPECT_EQ(count_of(bed, reason), of_reason + 1) << reason;
    return outcome;
  }
  EXPECT_EQ(bed.bed().dropped_in_all(), dropped) << action;
  if (action == "to_host") {
    EXPECT_EQ(bed.to_host(), 1U);
    return outcome;
  }
  EXPECT_EQ(seen.size(), 1U) << action;
  if (seen.size() != 1) return outcome;
  outcome.seen = seen[0];
  const std::string from = text(outcome.explained, "becomes", "source");
  if (from.empty()) {
    EXPECT_EQ(seen[0].source, asked.source);
    EXPECT_EQ(seen[0].destination, asked.destination);
  } else {
    std::string becomes = from + " > " + text(outcome.explained, "becomes", "destination");
    std::erase_if(becomes, [](char c) { return c == '[' || c == ']'; });
    EXPECT_EQ(seen[0].ends(), becomes);
  }
  EXPECT_EQ(seen[0].port, action == "balance" ? kBackends : kClients);
  return outcome;
}

constexpr std::array kSchedulers{Scheduler::kMaglev, Scheduler::kWeightedRoundRobin,
                                 Scheduler::kLeastConnections, Scheduler::kSourceHash};

TEST_P(Explain, NewConnectionsByEverySchedulerAndTheirAnswers) {
  for (const Scheduler scheduler : kSchedulers) {
    auto service = web_service();
    service.scheduler = scheduler;
    service.backends = {backend_at("10.0.0.11", 3), backend_at("10.0.0.12", 2, 8080),
                        backend_at("10.0.0.13")};
    BalancerBed bed(variant(), {.services = {service}});
    for (std::uint16_t port = 4000; port < 4020; ++port) {
      const Asked asked{.source = "192.0.2." + std::to_string(port - 3990), .source_port = port};
      const auto first = check(bed, asked, "balance");
      ASSERT_TRUE(first.seen);
      EXPECT_TRUE(first.explained.at("connection").is_null());
      EXPECT_EQ(check(bed, answer_to(*first.seen), "answer").seen->ends(),
                std::string(kService) + ":80 > " + asked.source + ":" + std::to_string(port));
      // Again, as one that is known.
      Asked next = asked;
      next.flags = "ack";
      const auto second = check(bed, next, "balance");
      ASSERT_TRUE(second.seen);
      EXPECT_EQ(second.seen->destination, first.seen->destination);
      EXPECT_EQ(text(second.explained, "connection", "client"), asked.source + ":" + std::to_string(port));
      EXPECT_EQ(text(second.explained, "backend", "why"), "its connection has it");
    }
  }
}

TEST_P(Explain, DirectReturn) {
  for (const Scheduler scheduler : kSchedulers) {
    auto service = web_service();
    service.scheduler = scheduler;
    service.forwarding = Forwarding::kDirect;
    BalancerBed bed(variant(), {.services = {service}});
    for (std::uint16_t port = 4000; port < 4012; ++port) {
      const auto first = check(bed, {.source_port = port}, "balance");
      ASSERT_TRUE(first.seen);
      EXPECT_EQ(backend_of(*first.seen), text(first.explained, "backend", "address"));
      const auto second = check(bed, {.source_port = port, .flags = "ack"}, "balance");
      ASSERT_TRUE(second.seen);
      EXPECT_EQ(backend_of(*second.seen), backend_of(*first.seen));
      // What the backend sends itself.
      check(bed,
            {.port = kBackends,
             .source = std::string(kService),
             .destination = std::string(kClient),
             .source_port = 80,
             .destination_port = port,
             .flags = "syn,ack"},
            "pass");
    }
  }
}

TEST_P(Explain, Ipv6AndUdp) {
  BalancerBed bed(variant(), {.services = {web_service6(), web_service()}});
  const auto first =
      check(bed, {.source = "2001:db8:7::7", .destination = std::string(kService6)}, "balance");
  ASSERT_TRUE(first.seen);
  check(bed, answer_to(*first.seen), "answer");
  const auto datagram = check(bed, {.protocol = "udp"}, "balance");
  ASSERT_TRUE(datagram.seen);
  check(bed, answer_to(*datagram.seen, "udp"), "answer");
}

TEST_P(Explain, WhyABackendGetsTheConnection) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11")};
  const auto why = [&](Scheduler scheduler, bool by_client) {
    service.scheduler = scheduler;
    service.by_client = by_client;
    BalancerBed bed(variant(), {.services = {service}});
    return text(check(bed, {}, "balance").explained, "backend", "why");
  };
  EXPECT_TRUE(why(Scheduler::kMaglev, false).ends_with("of 251 of the Maglev table, by addresses and ports"));
  EXPECT_TRUE(why(Scheduler::kMaglev, true).ends_with("of 251 of the Maglev table, by the client's address"));
  EXPECT_TRUE(why(Scheduler::kWeightedRoundRobin, true)
                  .ends_with("of 251 of the Maglev table, by the client's address"));
  EXPECT_EQ(why(Scheduler::kSourceHash, false), "it has slot 0 of 1, by the client's address");
  EXPECT_TRUE(
      why(Scheduler::kWeightedRoundRobin, false).starts_with("it is its turn, number 1 of 1 at worker "));
  EXPECT_TRUE(why(Scheduler::kLeastConnections, false)
                  .starts_with("it has the fewest connections for its weight: 0 open at worker "));
}

TEST_P(Explain, ConnectionsAreCountedForTheFewest) {
  auto service = web_service();
  service.scheduler = Scheduler::kLeastConnections;
  service.backends = {backend_at("10.0.0.11")};
  BalancerBed bed(variant(), {.services = {service}});
  check(bed, {}, "balance");
  // The same addresses and ports, but another protocol: the same worker.
  EXPECT_NE(text(check(bed, {.protocol = "udp"}, "balance").explained, "backend", "why")
                .find("weight: 1 open at worker"),
            std::string::npos);
}

TEST_P(Explain, WhoIsNotEligible) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11"), backend_at("10.0.0.12", 1, 8080), backend_at("10.0.0.13", 0),
                      backend_at("10.0.0.14")};
  service.backends[0].state = Backend::State::kDown;
  service.backends[1].state = Backend::State::kDraining;
  BalancerBed bed(variant(), {.services = {service}});
  const auto outcome = check(bed, {}, "balance");
  EXPECT_EQ(outcome.explained.at("not_eligible"),
            (boost::json::array{boost::json::object{{"address", "10.0.0.11"}, {"why", "down"}},
                                boost::json::object{{"address", "10.0.0.12:8080"},
                                                    {"why", "draining: it keeps the connections it has"}},
                                boost::json::object{{"address", "10.0.0.13"}, {"why", "its weight is 0"}}}));
  EXPECT_EQ(text(outcome.explained, "backend", "address"), "10.0.0.14");
}

TEST_P(Explain, AConnectionThatIsKnownKeepsADrainingBackend) {
  auto service = web_service();
  service.backends = {backend_at("10.0.0.11")};
  BalancerBed bed(variant(), {.services = {service}});
  check(bed, {}, "balance");
  bed.change([](BalancerSpec& spec) {
    spec.services[0].backends = {backend_at("10.0.0.11"), backend_at("10.0.0.12")};
    spec.services[0].backends[0].state = Backend::State::kDraining;
  });
  const auto known = check(bed, {.flags = "ack"}, "balance");
  EXPECT_EQ(text(known.explained, "backend", "address"), "10.0.0.11");
  EXPECT_EQ(text(known.explained, "backend", "state"), "draining");
  EXPECT_EQ(text(known.explained, "connection", "backend"), "10.0.0.11:80");
}

TEST_P(Explain, WhatIsDropped) {
  auto service = web_service();
  service.scheduler = Scheduler::kWeightedRoundRobin;
  service.backends = {backend_at("10.0.0.11")};
  auto down = web_service6();
  for (auto& backend : down.backends) backend.state = Backend::State::kDown;
  BalancerBed bed(variant(), {.services = {service, down}});
  check(bed, {.flags = "ack"}, "unknown_connection");
  for (const AllDown all_down : {AllDown::kDrop, AllDown::kReject}) {
    bed.change([&](BalancerSpec& spec) { spec.services[1].all_down = all_down; });
    check(bed, {.source = "2001:db8:7::7", .destination = std::string(kService6)}, "no_backend");
  }
  check(bed, {.source = std::string(kClient), .destination = std::string(kClient)}, "land");
  // Who claims to be the service.
  check(bed, {}, "balance");
  check(bed,
        {.port = kBackends,
         .source = std::string(kService),
         .destination = std::string(kClient),
         .source_port = 80,
         .destination_port = 4000,
         .flags = "syn,ack"},
        "spoofed");
  // A backend that is gone, while its connection is not.
  bed.change([](BalancerSpec& spec) { spec.services[0].backends = {backend_at("10.0.0.12")}; });
  check(bed, {.flags = "ack"}, "backend_gone");
  check(bed, {.source_port = 4001}, "balance");
  bed.change([](BalancerSpec& spec) { spec.services.erase(spec.services.begin()); });
  check(bed, {.source_port = 4001, .flags = "ack"}, "service_gone");
}

TEST_P(Explain, ABackendThatIsTheBalancerItself) {
  auto service = web_service();
  service.backends = {backend_at("203.0.113.7")};
  BalancerBed bed(variant(), {.services = {service}});
  check(bed, {}, "to_host");
}

TEST_P(Explain, Draining) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  check(bed, {}, "balance");
  bed.change([](BalancerSpec& spec) { spec.draining = true; });
  check(bed, {.flags = "ack"}, "balance");
  check(bed, {.source_port = 4001}, "draining");
}

TEST_P(Explain, WhatIsNobodys) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  const auto other_port = check(bed, {.destination_port = 81}, "to_host");
  EXPECT_EQ(other_port.explained.at("no_service"),
            "203.0.113.80 is a service's address, but no service has its tcp port 81");
  check(bed, {.protocol = "icmp"}, "to_host");
  check(bed, {.destination = "203.0.113.81"}, "to_host");
  // The appliance's own address, and traffic that is only routed.
  check(bed, {.port = kBackends, .source = "10.0.0.19", .destination = "192.0.2.9"}, "pass");
  // From a backend's port, but no answer.
  const auto stray = check(bed,
                           {.port = kBackends,
                            .source = "10.0.0.11",
                            .destination = "192.0.2.9",
                            .source_port = 80,
                            .destination_port = 999},
                           "pass");
  EXPECT_EQ(text(stray.explained, "service", "name"), "web");
}

// A description has no packet inside.
TEST_P(Explain, IcmpErrors) {
  BalancerBed bed(variant(), {.services = {web_service()}});
  Asked asked{.protocol = "icmp"};
  auto packet = asked.description();
  packet["icmp_type"] = 3;
  packet["icmp_code"] = 1;
  EXPECT_EQ(text(bed.explain(packet), "verdict", "reason"), "icmp_bad_embedded");
}

TEST_P(Explain, WhereThereIsNoRoomForConnections) {
  auto service = web_service();
  BalancerBed bed(variant(), {.services = {service}}, 1);
  for (std::uint16_t port = 4000; port < 4010; ++port) {
    const auto there = check(bed, {.source_port = port}, "balance");
    ASSERT_TRUE(there.seen);
    ASSERT_TRUE(check(bed, answer_to(*there.seen), "answer").seen);
  }
  // One that did not get the client is believed nothing.
  const auto there = check(bed, {.source_port = 4010}, "balance");
  ASSERT_TRUE(there.seen);
  Asked lie = answer_to(*there.seen);
  lie.source = there.seen->destination == "10.0.0.11" ? "10.0.0.12" : "10.0.0.11";
  check(bed, lie, "pass");
}

}  // namespace
}  // namespace millrace::testing
