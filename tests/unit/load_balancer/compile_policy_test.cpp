// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/compile_policy.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <gtest/gtest.h>

namespace millrace::load_balancer {
namespace {

using State = Backend::State;

constexpr std::uint8_t kTcp = net::protocol::kTcp;
constexpr std::uint8_t kUdp = net::protocol::kUdp;

net::IpAddress at(std::string_view text) { return *net::IpAddress::parse(text); }

// TCP port 80 of 203.0.113.80 at three backends.
ServiceSpec web() {
  return {
      .name = "web",
      .address = at("203.0.113.80"),
      .ports = {{kTcp, 80, 80}},
      .timeouts = {},
      .backends = {{.address = at("10.0.0.11")}, {.address = at("10.0.0.12")}, {.address = at("10.0.0.13")}}};
}

class CompilePolicy : public ::testing::Test {
 protected:
  using Compiled = std::shared_ptr<const Policy>;

  Result<Compiled> compile(const std::vector<ServiceSpec>& services, const Policy* before = nullptr) {
    return compile_policy(services, {.roster = roster_,
                                     .before = before,
                                     .generation = ++generation_,
                                     .table_size = table_size_,
                                     .hash_seed = seed_});
  }
  Compiled made(const std::vector<ServiceSpec>& services, const Policy* before = nullptr) {
    auto policy = compile(services, before);
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().message());
    return policy ? *policy : std::make_shared<const Policy>();
  }
  void refuses(const std::vector<ServiceSpec>& services, std::string_view message) {
    const auto policy = compile(services);
    ASSERT_FALSE(policy);
    EXPECT_EQ(policy.error().message(), message);
  }

  Roster roster_{4, 8};
  std::uint64_t generation_ = 0;
  std::uint32_t table_size_ = 251;
  std::uint64_t seed_ = 0;
};

// How many slots each backend has, by its address.
std::map<std::string, unsigned> slots_of(const Policy& policy, ServiceId service = 0) {
  std::map<std::string, unsigned> count;
  for (const BackendId id : *policy.services[service].slots) ++count[policy.backends[id].address.to_string()];
  return count;
}

TEST_F(CompilePolicy, FindsServicesByWhatClientsSendTo) {
  ServiceSpec dns = web();
  dns.name = "dns";
  dns.ports = {{kUdp, 53, 53}, {kTcp, 53, 53}};
  dns.domain = 3;
  const auto policy = made({web(), dns});
  const auto find = [&](std::uint16_t domain, std::uint8_t protocol, std::uint16_t port) {
    const ServiceId* id = policy->by_destination.find(Place::of(at("203.0.113.80"), domain), protocol, port);
    return id == nullptr ? std::string("nobody") : policy->services[*id].name;
  };
  EXPECT_EQ(find(0, kTcp, 80), "web");
  EXPECT_EQ(find(0, kUdp, 80), "nobody");
  EXPECT_EQ(find(0, kTcp, 53), "nobody");
  EXPECT_EQ(find(3, kTcp, 53), "dns");
  EXPECT_EQ(find(3, kUdp, 53), "dns");
}

TEST_F(CompilePolicy, FindsBackendsOfNatByWhatTheyAnswerFrom) {
  ServiceSpec service = web();
  service.backends[1].port = 8'080;
  const auto policy = made({service});
  const auto find = [&](std::string_view host, std::uint16_t port) {
    return policy->by_source.find(Place::of(at(host), 0), kTcp, port);
  };
  ASSERT_NE(find("10.0.0.11", 80), nullptr);
  EXPECT_EQ(policy->backends[*find("10.0.0.11", 80)].address, at("10.0.0.11"));
  EXPECT_EQ(find("10.0.0.12", 80), nullptr);
  ASSERT_NE(find("10.0.0.12", 8'080), nullptr);
  const Backend& moved = policy->backends[*find("10.0.0.12", 8'080)];
  EXPECT_EQ(moved.inward(be16(80)), be16(8'080));
  EXPECT_EQ(moved.outward(be16(8'080)), be16(80));
  EXPECT_NE(policy->ownership(), nullptr);
}

TEST_F(CompilePolicy, OnlyNatHasAnswersToFind) {
  for (const Forwarding forwarding :
       {Forwarding::kDirect, Forwarding::kIpip, Forwarding::kGue, Forwarding::kGre}) {
    ServiceSpec service = web();
    service.forwarding = forwarding;
    const auto policy = made({service});
    EXPECT_TRUE(policy->by_source.empty());
    EXPECT_EQ(policy->ownership(), nullptr);
  }
}

TEST_F(CompilePolicy, OnlyActiveBackendsOfAWeightGetNewConnections) {
  ServiceSpec service = web();
  service.backends[0].state = State::kDown;
  service.backends[1].weight = 0;
  service.backends.push_back({.address = at("10.0.0.14"), .state = State::kDraining});
  for (const Scheduler scheduler :
       {Scheduler::kMaglev, Scheduler::kWeightedRoundRobin, Scheduler::kSourceHash}) {
    service.scheduler = scheduler;
    const auto policy = made({service});
    const auto slots = slots_of(*policy);
    ASSERT_EQ(slots.size(), 1U);
    EXPECT_EQ(slots.begin()->first, "10.0.0.13");
    // The others keep the connections they have.
    for (BackendId id = 0; id < 4; ++id) EXPECT_NE(policy->backend(id), nullptr) << id;
  }
  service.scheduler = Scheduler::kLeastConnections;
  const auto policy = made({service});
  ASSERT_EQ(policy->services[0].choices.size(), 1U);
  EXPECT_EQ(policy->backends[policy->services[0].choices[0].backend].address, at("10.0.0.13"));
}

TEST_F(CompilePolicy, NobodyIsChosenWhenNobodyIsUp) {
  ServiceSpec service = web();
  for (BackendSpec& backend : service.backends) backend.state = State::kDown;
  for (const Scheduler scheduler : {Scheduler::kMaglev, Scheduler::kWeightedRoundRobin,
                                    Scheduler::kLeastConnections, Scheduler::kSourceHash}) {
    service.scheduler = scheduler;
    const auto policy = made({service});
    EXPECT_TRUE(policy->services[0].slots->empty());
    EXPECT_TRUE(policy->services[0].choices.empty());
  }
}

TEST_F(CompilePolicy, SlotsAreTheWeights) {
  ServiceSpec service = web();
  service.backends[1].weight = 2;
  service.backends[2].weight = 3;
  const std::map<std::string, unsigned> expected = {{"10.0.0.11", 1}, {"10.0.0.12", 2}, {"10.0.0.13", 3}};
  for (const Scheduler scheduler : {Scheduler::kWeightedRoundRobin, Scheduler::kSourceHash}) {
    service.scheduler = scheduler;
    EXPECT_EQ(slots_of(*made({service})), expected);
  }
  service.scheduler = Scheduler::kMaglev;
  const auto policy = made({service});
  auto hashed = slots_of(*policy);
  EXPECT_EQ(policy->services[0].slots->size(), 251U);
  for (const auto& [address, weight] : expected) EXPECT_NEAR(hashed[address], 251.0 * weight / 6, 2.0);
}

TEST_F(CompilePolicy, WithAffinityAnySchedulerHasMaglevsTable) {
  ServiceSpec service = web();
  const auto table = *made({service})->services[0].slots;
  service.by_client = true;
  for (const Scheduler scheduler : {Scheduler::kWeightedRoundRobin, Scheduler::kLeastConnections}) {
    service.scheduler = scheduler;
    EXPECT_EQ(*made({service})->services[0].slots, table);
  }
}

TEST_F(CompilePolicy, TablesAreTakenOverWhileNothingChanged) {
  ServiceSpec other = web();
  other.name = "other";
  other.address = at("203.0.113.81");
  other.forwarding = Forwarding::kDirect;
  const auto before = made({web(), other});
  std::vector<ServiceSpec> services = {web(), other};
  services[1].backends[0].state = State::kDown;
  services[0].timeouts.udp = 1;
  const auto after = made(services, before.get());
  EXPECT_EQ(after->services[0].slots, before->services[0].slots);
  EXPECT_NE(after->services[1].slots, before->services[1].slots);
  EXPECT_EQ(slots_of(*after, 1).size(), 2U);
}

TEST_F(CompilePolicy, TablesAreBuiltAnewWhenAnythingOfThemChanges) {
  const auto before = made({web()});
  const auto differs = [&](const std::function<void(ServiceSpec&)>& change) {
    ServiceSpec service = web();
    change(service);
    return *made({service}, before.get())->services[0].slots != *before->services[0].slots;
  };
  EXPECT_FALSE(differs([](ServiceSpec&) {}));
  EXPECT_TRUE(differs([](ServiceSpec& service) { service.backends[0].weight = 2; }));
  EXPECT_TRUE(differs([](ServiceSpec& service) { service.backends[0].state = State::kDraining; }));
  EXPECT_TRUE(differs([](ServiceSpec& service) { service.backends.pop_back(); }));
  EXPECT_TRUE(differs([](ServiceSpec& service) { service.scheduler = Scheduler::kSourceHash; }));
  seed_ = 1;
  EXPECT_TRUE(differs([](ServiceSpec&) {}));
  seed_ = 0;
  table_size_ = 257;
  EXPECT_TRUE(differs([](ServiceSpec&) {}));
}

// The number that a backend had may be another's by the next policy.
TEST_F(CompilePolicy, ATableIsNotTakenOverWithAnotherBackendsNumber) {
  roster_ = Roster(1, 3);
  auto policy = made({web()});
  ServiceSpec service = web();
  service.backends.pop_back();
  const auto without = made({service}, policy.get());
  service.backends.push_back({.address = at("10.0.0.99")});
  // Compared with the first one: the numbers and weights are the same.
  const auto after = made({service}, policy.get());
  ASSERT_EQ(after->services[0].choices[2].backend, policy->services[0].choices[2].backend);
  EXPECT_NE(*after->services[0].slots, *policy->services[0].slots);
}

TEST_F(CompilePolicy, NumbersStayWhileNeighboursCome) {
  ServiceSpec service = web();
  const auto before = made({service});
  service.backends.insert(service.backends.begin(), {.address = at("10.0.0.10")});
  const auto after = made({service}, before.get());
  for (BackendId id = 0; id < 3; ++id) EXPECT_EQ(after->backends[id].address, before->backends[id].address);
  EXPECT_EQ(after->backends[3].address, at("10.0.0.10"));
}

TEST_F(CompilePolicy, ConnectionsGoOnAsLongAsTheirBackendIsTheServices) {
  ServiceSpec service = web();
  Connection connection{};
  connection.service = 0;
  connection.backend = 1;
  EXPECT_TRUE(made({service})->allows(connection));
  for (const State state : {State::kDown, State::kDraining}) {
    service.backends[1].state = state;
    EXPECT_TRUE(made({service})->allows(connection));
  }
  connection.service = 1;
  EXPECT_FALSE(made({service})->allows(connection));
  connection.service = 0;
  service.backends.erase(service.backends.begin() + 1);
  EXPECT_FALSE(made({service})->allows(connection));
  EXPECT_FALSE(made({})->allows(connection));
}

TEST_F(CompilePolicy, RefusesAnswersThatNobodyCouldTellApart) {
  ServiceSpec shop = web();
  shop.name = "shop";
  shop.address = at("203.0.113.81");
  refuses(
      {web(), shop},
      "forward service shop by nat to 10.0.0.11: service web has the same ports of it, so nobody could tell "
      "what an answer belongs to; give one of them full_nat, or another port");
  // Ranges that touch, a protocol that is all of them.
  ServiceSpec wide = shop;
  wide.ports = {{kUdp, 80, 80}, {kTcp, 70, 80}};
  EXPECT_FALSE(compile({web(), wide}));
  wide.ports = {{}};
  EXPECT_FALSE(compile({web(), wide}));
  EXPECT_FALSE(compile({wide, web()}));
}

TEST_F(CompilePolicy, TakesBackendsOfTwoServicesThatCanBeToldApart) {
  roster_ = Roster(4, 64);
  const auto takes = [&](const std::function<void(ServiceSpec&)>& change) {
    ServiceSpec shop = web();
    shop.name = "shop";
    shop.address = at("203.0.113.81");
    change(shop);
    return compile({web(), shop}).has_value();
  };
  EXPECT_FALSE(takes([](ServiceSpec&) {}));
  EXPECT_TRUE(takes([](ServiceSpec& shop) { shop.forwarding = Forwarding::kDirect; }));
  EXPECT_TRUE(takes([](ServiceSpec& shop) { shop.ports = {{kUdp, 80, 80}}; }));
  EXPECT_TRUE(takes([](ServiceSpec& shop) { shop.ports = {{kTcp, 81, 90}}; }));
  EXPECT_TRUE(takes([](ServiceSpec& shop) { shop.domain = 1; }));
  EXPECT_TRUE(takes([](ServiceSpec& shop) {
    for (BackendSpec& backend : shop.backends) backend.port = 8'080;
  }));
}

TEST_F(CompilePolicy, SaysWhenThereAreTooMany) {
  ServiceSpec service = web();
  service.forwarding = Forwarding::kDirect;
  std::vector<ServiceSpec> services(5, service);
  for (std::size_t i = 0; i < services.size(); ++i) services[i].name = "service" + std::to_string(i);
  refuses(services, "take in backend 10.0.0.13: there are as many backends as there may be");
  for (ServiceSpec& small : services) small.backends.clear();
  refuses(services, "take in service service4: there are as many services as there may be");
}

}  // namespace
}  // namespace millrace::load_balancer
