// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/association_keeper.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::vpn {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Listener final : public KeyExchange {
 public:
  void expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) override {
    heard.push_back((hard ? "hard " : "soft ") + std::to_string(which.spi) + " of " + std::to_string(tunnel));
  }
  void acquire(std::uint32_t tunnel, const Selector& packet) override {
    heard.push_back("acquire " + packet.remote.to_string() + " of " + std::to_string(tunnel));
  }
  void mapping_changed(const AssociationKey& which, std::uint32_t /*tunnel*/, const net::IpAddress& remote,
                       std::uint16_t port) override {
    heard.push_back(std::to_string(which.spi) + " from " + remote.to_string() + " " + std::to_string(port));
  }

  std::vector<std::string> heard;
};

net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }

AssociationSpec spec(bool outbound, std::uint32_t spi, std::uint8_t key = 1) {
  return {.key = {.outbound = outbound, .spi = spi, .remote = address("192.0.2.2")},
          .local = address("192.0.2.1"),
          .suite = {crypto::Cipher::kAesGcm128, crypto::Integrity::kNone},
          .cipher_key = crypto::Secret(std::vector<std::uint8_t>(20, key)),
          .integrity_key = {},
          .udp = {},
          .tunnel = 5,
          .selectors = {}};
}

AssociationKey key(bool outbound, std::uint32_t spi) {
  return {.outbound = outbound, .spi = spi, .remote = address("192.0.2.2")};
}

class AssociationKeeping : public ::testing::Test {
 protected:
  AssociationKeeping()
      : library_(*crypto::make_fastest_library()),
        keeper_(*library_, directory_, mtus_,
                {.synchronize = [this] { ++graces_; },
                 .now = [this] { return now_; },
                 .tick = [this] { return tick_; }}) {
    keeper_.tell(&listener_);
  }
  // Keys go before their library.
  ~AssociationKeeping() override {
    static_cast<void>(directory_->replace(std::make_unique<const Associations>()));
  }

  std::unique_ptr<crypto::Library> library_;
  std::shared_ptr<Directory> directory_ = std::make_shared<Directory>();
  std::shared_ptr<core::PathMtus> mtus_ = std::make_shared<core::PathMtus>(kMostAssociations);
  Clock::time_point now_{};
  Tick tick_ = 1000;
  unsigned graces_ = 0;
  Listener listener_;
  AssociationKeeper keeper_;
};

TEST_F(AssociationKeeping, NumbersTakeTurnsAmongTheWorkers) {
  std::set<unsigned> buckets;
  std::set<std::uint32_t> numbers;
  for (unsigned i = 0; i < core::kOwnerBuckets; ++i) {
    const auto spi = keeper_.allocate_spi();
    ASSERT_TRUE(spi);
    EXPECT_GE(*spi, kLeastSpi);
    numbers.insert(*spi);
    buckets.insert(bucket_of(*spi));
  }
  EXPECT_THAT(numbers, SizeIs(core::kOwnerBuckets));
  EXPECT_THAT(buckets, SizeIs(core::kOwnerBuckets));
}

TEST_F(AssociationKeeping, BothDirectionsOfATunnelBelongToOneWorker) {
  ASSERT_TRUE(keeper_.add(spec(false, 0x1234)));
  ASSERT_TRUE(keeper_.add(spec(true, 0x7777)));
  EXPECT_EQ(keeper_.in_force().content().outbound->front()->bucket, bucket_of(0x1234));
}

TEST_F(AssociationKeeping, WorkersSeeNothingThatIsGone) {
  ASSERT_TRUE(keeper_.add(spec(false, 0x1234)));
  EXPECT_NE(directory_->get().find(0x1234), nullptr);
  ASSERT_TRUE(keeper_.remove(key(false, 0x1234)));
  EXPECT_FALSE(keeper_.use_of(key(false, 0x1234))) << "key exchange knows it no more";
  EXPECT_NE(directory_->get().find(0x1234), nullptr) << "packets are on their way";
  const unsigned before = graces_;
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(graces_, before + 1) << "the old set went before the workers had left it";
  EXPECT_EQ(directory_->get().find(0x1234), nullptr);
  EXPECT_THAT(listener_.heard, SizeIs(0));
}

TEST_F(AssociationKeeping, WhatTakesThePlaceOfARemovedOneStays) {
  const auto addresses = net::Prefix::parse("10.0.0.0/8");
  const PolicySpec policy{.selector = {.local = *addresses, .remote = *addresses}, .priority = 7};
  ASSERT_TRUE(keeper_.add(policy));
  ASSERT_TRUE(keeper_.add(spec(false, 0x1234)));
  ASSERT_TRUE(keeper_.remove(key(false, 0x1234)));
  ASSERT_TRUE(keeper_.remove(policy.key()));
  EXPECT_TRUE(directory_->get().has_policies());
  ASSERT_TRUE(keeper_.add(spec(false, 0x1234)));
  ASSERT_TRUE(keeper_.add(policy));
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_TRUE(directory_->get().has_policies());
  EXPECT_NE(directory_->get().find(0x1234), nullptr);
}

TEST_F(AssociationKeeping, WhatIsHeldTakesEffectTogether) {
  keeper_.hold(true);
  const unsigned before = graces_;
  for (const std::uint32_t spi : {0x1111U, 0x2222U, 0x3333U}) ASSERT_TRUE(keeper_.add(spec(false, spi)));
  EXPECT_EQ(graces_, before);
  EXPECT_EQ(directory_->get().find(0x1111), nullptr);
  keeper_.hold(false);
  EXPECT_EQ(graces_, before + 1);
  EXPECT_NE(directory_->get().find(0x3333), nullptr);
}

TEST_F(AssociationKeeping, WhatEndsIsNotHeldByAPluginThatHangs) {
  AssociationSpec short_lived = spec(false, 0x1111);
  short_lived.seconds.hard = 3;
  ASSERT_TRUE(keeper_.add(std::move(short_lived)));
  keeper_.hold(true);
  now_ += 4s;
  keeper_.watch_time();
  EXPECT_NE(directory_->get().find(0x1111), nullptr);
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(directory_->get().find(0x1111), nullptr);
}

TEST_F(AssociationKeeping, WhatIsWrongIsSaid) {
  const auto message = [](const Result<void>& result) {
    return result ? std::string() : result.error().message();
  };
  EXPECT_THAT(message(keeper_.add(spec(false, 200))), HasSubstr("numbers begin at 256"));
  ASSERT_TRUE(keeper_.add(spec(false, 0x1234)));
  EXPECT_THAT(message(keeper_.add(spec(false, 0x1234))),
              HasSubstr("inbound association 0x00001234: it is there already"));
  AssociationSpec short_key = spec(true, 0x5000);
  short_key.cipher_key = crypto::Secret(std::vector<std::uint8_t>(16, 1));
  EXPECT_THAT(message(keeper_.add(std::move(short_key))),
              HasSubstr("aes128gcm16 takes 20 bytes of key material, 4 of them its salt; it got 16"));
  AssociationSpec two_families = spec(true, 0x5000);
  two_families.local = address("2001:db8::1");
  EXPECT_THAT(message(keeper_.add(std::move(two_families))), HasSubstr("two families"));
  EXPECT_THAT(message(keeper_.remove(key(true, 0x5000))),
              HasSubstr("remove the outbound association 0x00005000 to 192.0.2.2: there is none"));
  EXPECT_THAT(message(keeper_.remove(PolicyKey{.priority = 7, .selector = {}})), HasSubstr("there is none"));
  EXPECT_EQ(keeper_.outbound_count(), 0U);
}

// RFC 4301 section 4.4.2.1: soft, so that key exchange has time; then hard, and it is gone.
TEST_F(AssociationKeeping, TimeEndsThem) {
  AssociationSpec in = spec(false, 0x1234);
  in.seconds = {.soft = 10, .hard = 20};
  ASSERT_TRUE(keeper_.add(std::move(in)));
  now_ += 9s;
  keeper_.watch_time();
  EXPECT_THAT(listener_.heard, SizeIs(0));
  now_ += 1s;
  keeper_.watch_time();
  keeper_.watch_time();
  EXPECT_THAT(listener_.heard, ::testing::ElementsAre("soft 4660 of 5"));
  EXPECT_EQ(keeper_.inbound_count(), 1U);
  now_ += 10s;
  keeper_.watch_time();
  EXPECT_THAT(listener_.heard, ::testing::ElementsAre("soft 4660 of 5", "hard 4660 of 5"));
  EXPECT_EQ(keeper_.inbound_count(), 0U);
  EXPECT_EQ(directory_->get().find(0x1234), nullptr);
}

TEST_F(AssociationKeeping, EventsOfWorkersReachKeyExchange) {
  const std::vector<AssociationEvent> events{{.kind = AssociationEvent::Kind::kSoftLimit,
                                              .outbound = true,
                                              .spi = 8,
                                              .tunnel = 5,
                                              .address = {},
                                              .local = {}},
                                             {.kind = AssociationEvent::Kind::kOtherEnds,
                                              .port = 99,
                                              .spi = 9,
                                              .address = address("198.51.100.7"),
                                              .local = {}},
                                             {.kind = AssociationEvent::Kind::kAcquire,
                                              .tunnel = 3,
                                              .address = address("10.2.0.1"),
                                              .local = address("10.1.0.1")}};
  keeper_.take(events);
  EXPECT_THAT(listener_.heard,
              ::testing::ElementsAre("soft 8 of 5", "9 from 198.51.100.7 99", "acquire 10.2.0.1/32 of 3"));
}

// MOBIKE: numbers and counts go on, and policies follow.
TEST_F(AssociationKeeping, MoveWithTheirState) {
  ASSERT_TRUE(keeper_.add(spec(true, 0x7777)));
  const Selector selector{.local = *net::Prefix::parse("10.1.0.0/16"),
                          .remote = *net::Prefix::parse("10.2.0.0/16")};
  ASSERT_TRUE(keeper_.add(PolicySpec{.selector = selector, .tunnel = 5, .outbound = key(true, 0x7777)}));
  OutboundState* state = keeper_.in_force().content().outbound->front()->state;
  state->esp.sent = 41;
  ASSERT_TRUE(
      keeper_.move(key(true, 0x7777),
                   {.local = address("192.0.2.1"), .remote = address("203.0.113.9"), .udp = UdpPorts{}}));
  const Outbound& moved = *keeper_.in_force().content().outbound->front();
  EXPECT_EQ(moved.state, state);
  EXPECT_EQ(moved.state->esp.sent, 41U);
  EXPECT_EQ(moved.header.tunnel(), net::Tunnel::kEspInUdp);
  EXPECT_EQ(keeper_.in_force().content().policies->policies().front().outbound->remote,
            address("203.0.113.9"));
  EXPECT_FALSE(keeper_.move(key(true, 0x7777),
                            {.local = address("192.0.2.1"), .remote = address("203.0.113.9"), .udp = {}}))
      << "it has another address now";
}

// What key exchange does not name any more is gone, what the profile says stays.
TEST_F(AssociationKeeping, AResyncKeepsWhatIsKnown) {
  std::vector<AssociationSpec> of_profile;
  of_profile.push_back(spec(false, 0x9999));
  ASSERT_TRUE(keeper_.configure(std::move(of_profile), {}));
  ASSERT_TRUE(keeper_.add(spec(false, 0x1111)));
  ASSERT_TRUE(keeper_.add(spec(false, 0x2222)));
  keeper_.keep_only({key(false, 0x2222)}, {});
  EXPECT_NE(directory_->get().find(0x1111), nullptr)
      << "a charon that crashed has tunnels that carry packets";
  now_ += std::chrono::minutes(6);
  keeper_.watch_time();
  EXPECT_EQ(directory_->get().find(0x1111), nullptr);
  EXPECT_NE(directory_->get().find(0x2222), nullptr);
  EXPECT_NE(directory_->get().find(0x9999), nullptr);
  keeper_.flush_associations();
  EXPECT_EQ(keeper_.inbound_count(), 1U);
}

TEST_F(AssociationKeeping, AProfileThatSaysTheSameChangesNothing) {
  const auto configure = [&](std::uint8_t first_key) {
    std::vector<AssociationSpec> all;
    all.push_back(spec(false, 0x1111, first_key));
    all.push_back(spec(true, 0x2222));
    return keeper_.configure(std::move(all), {});
  };
  ASSERT_TRUE(configure(1));
  const InboundState* in = keeper_.in_force().content().inbound->front()->state;
  const OutboundState* out = keeper_.in_force().content().outbound->front()->state;
  ASSERT_TRUE(configure(1));
  EXPECT_EQ(keeper_.in_force().content().inbound->front()->state, in);
  EXPECT_EQ(keeper_.in_force().content().outbound->front()->state, out);
  ASSERT_TRUE(configure(2));
  EXPECT_NE(keeper_.in_force().content().inbound->front()->state, in) << "a new key wants a new beginning";
  EXPECT_EQ(keeper_.in_force().content().outbound->front()->state, out);
  std::vector<AssociationSpec> bad;
  bad.push_back(spec(false, 0x3333));
  bad.push_back(spec(false, 3));
  EXPECT_FALSE(keeper_.configure(std::move(bad), {}));
  EXPECT_EQ(keeper_.in_force().content().outbound->front()->state, out);
  EXPECT_EQ(directory_->get().find(0x3333), nullptr);
}

TEST_F(AssociationKeeping, UseIsToldWithIdleTime) {
  ASSERT_TRUE(keeper_.add(spec(false, 0x1111)));
  now_ += 7s;
  EXPECT_EQ(keeper_.use_of(key(false, 0x1111))->idle_seconds, 7U) << "since it was made";
  Use& use = keeper_.in_force().content().inbound->front()->state->use;
  use.packets.add(3);
  use.bytes.add(300);
  use.last_tick.set(1000);
  tick_ = 5500;
  const auto told = keeper_.use_of(key(false, 0x1111));
  EXPECT_EQ(told->packets, 3U);
  EXPECT_EQ(told->bytes, 300U);
  EXPECT_EQ(told->idle_seconds, 4U);
}

// The most specific remote network does not decide, the priority does: RFC 4301 section 4.4.1.
TEST_F(AssociationKeeping, PoliciesAreOrderedByPriority) {
  const auto policy = [](const char* local, const char* remote, Action action, std::uint32_t priority) {
    return PolicySpec{
        .selector = {.local = *net::Prefix::parse(local), .remote = *net::Prefix::parse(remote)},
        .action = action,
        .priority = priority};
  };
  ASSERT_TRUE(keeper_.add(policy("10.1.0.0/16", "10.0.0.0/8", Action::kDiscard, 5)));
  ASSERT_TRUE(keeper_.add(policy("10.1.0.0/16", "10.2.0.0/16", Action::kBypass, 9)));
  ASSERT_TRUE(keeper_.add(policy("10.1.7.0/24", "10.2.3.0/24", Action::kBypass, 1)));
  const auto find = [&](const char* local, const char* remote) {
    Ends ends{.local = {}, .remote = {}};
    const auto words = [](const char* text) {
      return std::array<std::uint64_t, 2>{address(text).v4().value.wire(), 0};
    };
    ends.local = words(local);
    ends.remote = words(remote);
    const Rule* rule = directory_->get().find(ends);
    return rule == nullptr ? std::string("none") : rule->action == Action::kBypass ? "bypass" : "discard";
  };
  EXPECT_EQ(find("10.1.0.1", "10.2.3.4"), "discard");
  EXPECT_EQ(find("10.1.7.1", "10.2.3.4"), "bypass");
  EXPECT_EQ(find("10.1.7.1", "10.2.9.4"), "discard");
  EXPECT_EQ(find("10.5.7.1", "10.2.9.4"), "none");
  EXPECT_EQ(find("10.1.7.1", "11.2.9.4"), "none");
}

// Interfaces have policies of their own, which may well be equal, and which mean nothing that goes elsewhere.
TEST_F(AssociationKeeping, PoliciesOfInterfacesStandBesideEachOther) {
  const net::Prefix all = *net::Prefix::parse("0.0.0.0/0");
  const auto policy = [&](std::uint32_t interface, std::uint32_t tunnel) {
    return PolicySpec{.selector = {.local = all, .remote = all},
                      .priority = 7,
                      .tunnel = tunnel,
                      .outbound = {},
                      .interface = interface};
  };
  ASSERT_TRUE(keeper_.add(policy(100, 1)));
  ASSERT_TRUE(keeper_.add(policy(200, 2)));
  const Ends anything{.local = {}, .remote = {}};
  const auto tunnel = [&](std::uint32_t interface) {
    const Rule* rule = directory_->get().find(interface, anything);
    return rule == nullptr ? 0 : rule->tunnel;
  };
  EXPECT_EQ(tunnel(100), 1U);
  EXPECT_EQ(tunnel(200), 2U);
  EXPECT_EQ(tunnel(300), 0U);
  EXPECT_EQ(directory_->get().find(anything), nullptr);
  ASSERT_TRUE(keeper_.remove(policy(100, 1).key()));
  EXPECT_FALSE(keeper_.remove(policy(300, 1).key()));
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(tunnel(100), 0U);
  EXPECT_EQ(tunnel(200), 2U);
}

class SharedTunnel : public AssociationKeeping {
 protected:
  static constexpr std::uint32_t kShared = kFirstSharedTunnel + 5;

  void add(std::uint32_t spi, std::uint32_t tunnel = kShared) {
    AssociationSpec one = spec(true, spi);
    one.tunnel = tunnel;
    ASSERT_TRUE(keeper_.add(std::move(one)));
    const net::Prefix all = *net::Prefix::parse("0.0.0.0/0");
    ASSERT_TRUE(keeper_.add(
        PolicySpec{.selector = {.local = all, .remote = all}, .tunnel = tunnel, .outbound = key(true, spi)}));
  }
  // Numbers of those by which packets leave.
  [[nodiscard]] std::set<std::uint32_t> used() const {
    const Rule* rule = directory_->get().find(Ends{.local = {}, .remote = {}});
    if (rule == nullptr) return {};
    if (rule->sharers == 0) return {rule->outbound->key.spi};
    std::set<std::uint32_t> all;
    for (const Outbound* one : directory_->get().sharers(*rule)) all.insert(one->key.spi);
    return all;
  }
  using Numbers = std::set<std::uint32_t>;
};

TEST_F(SharedTunnel, ANewAssociationTakesItsShareAMomentLater) {
  add(0x1111);
  EXPECT_EQ(used(), (Numbers{0x1111}));
  now_ += 500ms;
  add(0x2222);
  EXPECT_EQ(used(), (Numbers{0x1111}));
  now_ += 900ms;
  keeper_.watch_time();
  EXPECT_EQ(used(), (Numbers{0x1111}));
  now_ += 200ms;
  keeper_.watch_time();
  EXPECT_EQ(used(), (Numbers{0x1111, 0x2222}));
  const unsigned before = graces_;
  keeper_.watch_time();
  EXPECT_EQ(graces_, before) << "nothing has changed since";
}

// Its successor has no time to wait.
TEST_F(SharedTunnel, WhatIsRemovedIsUsedNoMore) {
  add(0x1111);
  add(0x2222);
  ASSERT_TRUE(keeper_.remove(key(true, 0x1111)));
  EXPECT_EQ(used(), (Numbers{0x2222}));
}

// Of a key exchange that is gone the peer may have nothing any more.
TEST_F(SharedTunnel, OrphansShareNothing) {
  add(0x1111);
  add(0x2222);
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(used(), (Numbers{0x1111, 0x2222}));
  keeper_.hold(true);
  keeper_.keep_only({key(true, 0x2222)}, {});
  keeper_.hold(false);
  EXPECT_THAT(*directory_->get().content().outbound, SizeIs(2)) << "it goes on for a while";
  EXPECT_EQ(used(), (Numbers{0x2222}));
}

// A connection may have many peers, and its tunnel one number: what is for one of them goes to no other, also
// behind one NAT.
TEST_F(SharedTunnel, PeersShareNothing) {
  AssociationSpec elsewhere = spec(true, 0x3333);
  elsewhere.tunnel = kShared;
  elsewhere.key.remote = address("192.0.2.3");
  ASSERT_TRUE(keeper_.add(std::move(elsewhere)));
  AssociationSpec behind_nat = spec(true, 0x4444);
  behind_nat.tunnel = kShared;
  behind_nat.udp = UdpPorts{4500, 40000};
  ASSERT_TRUE(keeper_.add(std::move(behind_nat)));
  add(0x1111);
  add(0x2222);
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(used(), (Numbers{0x1111, 0x2222}));
}

// Of other tunnels the newest takes the place of those before it.
TEST_F(SharedTunnel, OthersAreNot) {
  add(0x1111, 5);
  add(0x2222, 5);
  now_ += 2s;
  keeper_.watch_time();
  EXPECT_EQ(used(), (Numbers{0x2222}));
}

}  // namespace
}  // namespace millrace::vpn
