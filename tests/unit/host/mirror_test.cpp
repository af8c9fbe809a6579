// SPDX-License-Identifier: BSD-3-Clause
// What iproute2 changes must appear in the mirror. Needs root and /dev/net/tun; skipped without.
#include "common/host/mirror.h"

#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

class MirrorTest : public TwinTest {
 protected:
  void SetUp() override {
    TwinTest::SetUp();
    if (IsSkipped()) return;
    inside_.emplace(make_tap("inside", kOurMac, {on("192.0.2.1/24"), on("2001:db8::1/64")}));
    outside_.emplace(make_tap("outside", mac("02:00:00:00:00:02"), {on("198.51.100.1/24")}));
    management_.emplace(make_tap("mgmt", mac("02:00:00:00:00:03"), {on("203.0.113.1/24")}));
    open_mirror({});
    // The kernel finishes a new IPv6 address in the background; its local route comes last.
    for (const char* local : {"2001:db8::1/128", "fe80::ff:fe00:1/128"}) {
      ASSERT_TRUE(until([&](const Model& m) { return m.find_route(kLocalTable, prefix(local)).has_value(); }))
          << local;
    }
  }

  void open_mirror(const Mirror::Options& options) {
    auto mirror = Mirror::open(options);
    ASSERT_TRUE(mirror) << mirror.error().message();
    mirror_.emplace(std::move(*mirror));
    const auto followed =
        mirror_->follow({inside_->index(), outside_->index()}, {kMainTable, kLocalTable, RouteTable(77)});
    ASSERT_TRUE(followed) << followed.error().message();
  }

  // Takes in changes until `done` holds; false when it does not within five seconds.
  bool until(const std::function<bool(const Model&)>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (true) {
      const auto processed = mirror_->process();
      EXPECT_TRUE(processed) << processed.error().message();
      if (!processed) return false;
      if (done(mirror_->model())) return true;
      if (!test::wait_readable(mirror_->fd(), deadline)) return false;
    }
  }
  bool until_route(const char* to, const std::function<bool(const std::optional<Route>&)>& as_wanted) {
    return until([&](const Model& model) { return as_wanted(model.find_route(kMainTable, prefix(to))); });
  }
  [[nodiscard]] std::optional<Route> route(const char* to, RouteTable table = kMainTable) const {
    return mirror_->model().find_route(table, prefix(to));
  }
  static bool exists(const std::optional<Route>& route) { return route.has_value(); }
  static bool absent(const std::optional<Route>& route) { return !route.has_value(); }

  [[nodiscard]] NextHop via(const char* gateway, std::uint16_t weight = 1) const {
    return {ip(gateway), inside_->index(), weight};
  }

  std::optional<Tap> inside_;
  std::optional<Tap> outside_;
  std::optional<Tap> management_;
  std::optional<Mirror> mirror_;
};

TEST_F(MirrorTest, StartsWithWhatTheKernelHas) {
  const Model& model = mirror_->model();
  ASSERT_EQ(model.links().size(), 2U) << "the management link is none of ours";
  const Link& link = model.links().at(inside_->index());
  EXPECT_EQ(link.name, "inside");
  EXPECT_EQ(link.mac, kOurMac);
  EXPECT_EQ(link.mtu, 1500U);
  EXPECT_TRUE(link.up);
  EXPECT_TRUE(link.running);
  EXPECT_THAT(model.addresses().at(inside_->index()),
              UnorderedElementsAre(on("192.0.2.1/24"), on("2001:db8::1/64"), on("fe80::ff:fe00:1/64")));

  EXPECT_THAT(route("192.0.2.0/24")->next_hops, ElementsAre(NextHop{std::nullopt, inside_->index(), 1}));
  EXPECT_EQ(route("192.0.2.1/32", kLocalTable)->kind, RouteKind::kLocal);
  EXPECT_EQ(route("192.0.2.255/32", kLocalTable)->kind, RouteKind::kBroadcast);
  EXPECT_EQ(route("2001:db8::1/128", kLocalTable)->kind, RouteKind::kLocal);
  EXPECT_TRUE(route("2001:db8::/64"));
  EXPECT_FALSE(route("203.0.113.0/24"));
}

TEST_F(MirrorTest, FollowsRoutesAsTheyComeAndGo) {
  ip_command("route add 10.1.0.0/16 via 192.0.2.11");
  ip_command("route add 10.2.0.0/16 nexthop via 192.0.2.11 nexthop via 192.0.2.12 weight 3");
  ip_command("route add blackhole 10.3.0.0/16");
  ip_command("route add unreachable 10.4.0.0/16");
  ip_command("route add prohibit 10.5.0.0/16");
  ip_command("route add 10.6.0.0/16 via inet6 2001:db8::5 dev inside");
  ip_command("route add default via 192.0.2.11 table 77");
  ip_command("-6 route add 2001:db8:1::/48 via 2001:db8::11");
  ip_command("-6 route add 2001:db8:2::/48 nexthop via 2001:db8::11 weight 2 nexthop via 2001:db8::12");
  ip_command("-6 route add blackhole 2001:db8:3::/48");
  ASSERT_TRUE(until_route("2001:db8:3::/48", exists));

  EXPECT_EQ(route("10.1.0.0/16")->kind, RouteKind::kUnicast);
  EXPECT_THAT(route("10.1.0.0/16")->next_hops, ElementsAre(via("192.0.2.11")));
  EXPECT_THAT(route("10.2.0.0/16")->next_hops, ElementsAre(via("192.0.2.11"), via("192.0.2.12", 3)));
  EXPECT_EQ(route("10.3.0.0/16")->kind, RouteKind::kBlackhole);
  EXPECT_EQ(route("10.4.0.0/16")->kind, RouteKind::kUnreachable);
  EXPECT_EQ(route("10.5.0.0/16")->kind, RouteKind::kProhibit);
  EXPECT_THAT(route("10.6.0.0/16")->next_hops, ElementsAre(via("2001:db8::5")));
  EXPECT_THAT(route("0.0.0.0/0", RouteTable(77))->next_hops, ElementsAre(via("192.0.2.11")));
  EXPECT_FALSE(route("0.0.0.0/0"));
  EXPECT_THAT(route("2001:db8:1::/48")->next_hops, ElementsAre(via("2001:db8::11")));
  EXPECT_THAT(route("2001:db8:2::/48")->next_hops,
              UnorderedElementsAre(via("2001:db8::11", 2), via("2001:db8::12")));
  EXPECT_EQ(route("2001:db8:3::/48")->kind, RouteKind::kBlackhole);

  ip_command("route replace 10.1.0.0/16 via 192.0.2.99");
  EXPECT_TRUE(
      until_route("10.1.0.0/16", [&](const auto& r) { return r->next_hops.front() == via("192.0.2.99"); }));
  ip_command("-6 route del 2001:db8:2::/48 via 2001:db8::11");
  EXPECT_TRUE(until_route("2001:db8:2::/48", [&](const auto& r) { return r && r->next_hops.size() == 1; }));
  EXPECT_THAT(route("2001:db8:2::/48")->next_hops, ElementsAre(via("2001:db8::12")));
  ip_command("-6 route append 2001:db8:2::/48 via 2001:db8::13");
  EXPECT_TRUE(until_route("2001:db8:2::/48", [&](const auto& r) { return r && r->next_hops.size() == 2; }));
  for (const char* gone :
       {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "2001:db8:2::/48", "2001:db8:3::/48"}) {
    ip_command(std::string(std::strchr(gone, ':') != nullptr ? "-6 " : "") + "route del " +
               (route(gone)->kind == RouteKind::kBlackhole ? "blackhole " : "") + gone);
    EXPECT_TRUE(until_route(gone, absent)) << gone;
  }
}

TEST_F(MirrorTest, TheLowestMetricWinsAndTheNextTakesOver) {
  ip_command("route add 10.1.0.0/16 via 192.0.2.20 metric 20");
  ip_command("route add 10.1.0.0/16 via 192.0.2.10 metric 10");
  ip_command("route add 10.1.0.0/16 via 192.0.2.30 metric 30");
  ip_command("-6 route add 2001:db8:1::/48 via 2001:db8::20 metric 20");
  ip_command("-6 route add 2001:db8:1::/48 via 2001:db8::10 metric 10");
  ASSERT_TRUE(until_route("2001:db8:1::/48", [](const auto& r) { return r && r->metric == 10; }));
  EXPECT_THAT(route("10.1.0.0/16")->next_hops, ElementsAre(via("192.0.2.10")));
  ip_command("route del 10.1.0.0/16 metric 10");
  ip_command("-6 route del 2001:db8:1::/48 metric 10");
  ASSERT_TRUE(until_route("2001:db8:1::/48", [](const auto& r) { return r && r->metric == 20; }));
  EXPECT_THAT(route("10.1.0.0/16")->next_hops, ElementsAre(via("192.0.2.20")));
}

TEST_F(MirrorTest, LeavesOutTheWaysThroughOtherLinks) {
  ip_command("route add 10.1.0.0/16 via 203.0.113.9");
  ip_command("route add 10.2.0.0/16 nexthop via 203.0.113.9 nexthop via 192.0.2.11");
  ip_command("route add 10.3.0.0/16 via 192.0.2.11");
  ASSERT_TRUE(until_route("10.3.0.0/16", exists));
  EXPECT_FALSE(route("10.1.0.0/16"));
  EXPECT_THAT(route("10.2.0.0/16")->next_hops, ElementsAre(via("192.0.2.11")));
  ip_command("route replace 10.3.0.0/16 via 203.0.113.9");
  EXPECT_TRUE(until_route("10.3.0.0/16", absent));
  ASSERT_TRUE(mirror_->follow({management_->index()}));
  EXPECT_TRUE(route("10.1.0.0/16"));
  EXPECT_FALSE(route("192.0.2.0/24"));
}

TEST_F(MirrorTest, ResolvesNexthopObjects) {
  ip_command("nexthop add id 5 via 192.0.2.11 dev inside");
  ip_command("nexthop add id 6 via 192.0.2.12 dev inside");
  ip_command("nexthop add id 7 group 5/6,3");
  ip_command("nexthop add id 8 blackhole");
  ip_command("nexthop add id 9 via 2001:db8::11 dev inside");
  ip_command("route add 10.1.0.0/16 nhid 5");
  ip_command("route add 10.2.0.0/16 nhid 7");
  ip_command("route add 10.3.0.0/16 nhid 8");
  ip_command("-6 route add 2001:db8:1::/48 nhid 9");
  ASSERT_TRUE(until_route("2001:db8:1::/48", exists));
  EXPECT_THAT(route("10.1.0.0/16")->next_hops, ElementsAre(via("192.0.2.11")));
  EXPECT_THAT(route("10.2.0.0/16")->next_hops, ElementsAre(via("192.0.2.11"), via("192.0.2.12", 3)));
  EXPECT_EQ(route("10.3.0.0/16")->kind, RouteKind::kBlackhole);
  EXPECT_THAT(route("2001:db8:1::/48")->next_hops, ElementsAre(via("2001:db8::11")));

  ip_command("nexthop replace id 6 via 192.0.2.13 dev inside");
  EXPECT_TRUE(until_route("10.2.0.0/16",
                          [&](const auto& r) { return r && r->next_hops.back() == via("192.0.2.13", 3); }));
  open_mirror({});
  EXPECT_THAT(route("10.2.0.0/16")->next_hops, ElementsAre(via("192.0.2.11"), via("192.0.2.13", 3)))
      << "from a dump";
  ip_command("nexthop del id 5");
  EXPECT_TRUE(until_route("10.1.0.0/16", absent)) << "the kernel removes the route without saying so";
  EXPECT_THAT(route("10.2.0.0/16")->next_hops, ElementsAre(via("192.0.2.13", 3)));
  EXPECT_EQ(mirror_->counters().model.unknown_nexthop_objects, 0U);
}

TEST_F(MirrorTest, ResolvesNexthopObjectsThatTheKernelDoesNotSpellOut) {
  if (test::run("echo 0 > /proc/sys/net/ipv4/nexthop_compat_mode").status != 0)
    GTEST_SKIP() << "/proc/sys is read-only";
  ip_command("nexthop add id 5 via 192.0.2.11 dev inside");
  ip_command("route add 10.1.0.0/16 nhid 5");
  ASSERT_TRUE(until_route("10.1.0.0/16", exists));
  EXPECT_THAT(route("10.1.0.0/16")->next_hops, ElementsAre(via("192.0.2.11")));
  ip_command("nexthop replace id 5 via 192.0.2.12 dev inside");
  EXPECT_TRUE(until_route("10.1.0.0/16",
                          [&](const auto& r) { return r && r->next_hops.front() == via("192.0.2.12"); }));
}

TEST_F(MirrorTest, SeesTheRoutesThatVanishWithALink) {
  ip_command("route add 10.1.0.0/16 via 192.0.2.11");
  ip_command("route add 10.1.0.0/16 via 198.51.100.9 metric 50");
  ASSERT_TRUE(until_route("10.1.0.0/16", [](const auto& r) { return r && r->metric == 0; }));
  ip_command("link set inside down");
  EXPECT_TRUE(until_route("10.1.0.0/16", [](const auto& r) { return r && r->metric == 50; }));
  EXPECT_FALSE(mirror_->model().links().at(inside_->index()).up);
  EXPECT_FALSE(route("192.0.2.0/24"));
  outside_.reset();
  EXPECT_TRUE(until_route("10.1.0.0/16", absent));
  EXPECT_EQ(mirror_->model().links().size(), 1U);
}

TEST_F(MirrorTest, SeesAddressesComeAndGo) {
  ASSERT_TRUE(netlink_->set_address(inside_->index(), on("192.0.2.200/32")));
  EXPECT_TRUE(until(
      [&](const Model& m) { return m.addresses().at(inside_->index()).contains(on("192.0.2.200/32")); }));
  ASSERT_TRUE(netlink_->remove_address(inside_->index(), on("192.0.2.200/32")));
  EXPECT_TRUE(until(
      [&](const Model& m) { return !m.addresses().at(inside_->index()).contains(on("192.0.2.200/32")); }));
}

TEST_F(MirrorTest, NeighborBecomesUsableWhenTheAnswerComes) {
  const NeighborKey v4{inside_->index(), ip("192.0.2.9")};
  const NeighborKey v6{inside_->index(), ip("2001:db8::9")};
  ASSERT_TRUE(netlink_->probe_neighbor(v4));
  ASSERT_TRUE(netlink_->probe_neighbor(v6));
  // The kernel announces a neighbour only when it is found or given up, so the frames are what to wait for.
  ASSERT_TRUE(await_frame(*inside_, [](const Frame& f) { return type_of(f) == net::ether_type::kArp; }));
  ASSERT_TRUE(*inside_->write(arp(2, kPeerMac, "192.0.2.9", kOurMac, "192.0.2.1")));
  ASSERT_TRUE(await_frame(*inside_, is_solicitation));
  // Solicited and override.
  ASSERT_TRUE(*inside_->write(
      icmpv6(kOurMac, "2001:db8::9", "2001:db8::1",
             neighbor_message(net::icmpv6::kNeighborAdvertisement, 0x60000000, "2001:db8::9"))));
  for (const NeighborKey& key : {v4, v6}) {
    ASSERT_TRUE(until([&](const Model& m) {
      return m.find_neighbor(key) != nullptr && m.find_neighbor(key)->usable();
    })) << key.address.to_string();
    EXPECT_EQ(mirror_->model().find_neighbor(key)->mac, kPeerMac);
    EXPECT_EQ(mirror_->model().find_neighbor(key)->state, NeighborState::kReachable);
  }
  ip_command("neigh del 192.0.2.9 dev inside");
  // Newer kernels announce FAILED before the entry goes.
  EXPECT_TRUE(until([&](const Model& m) { return m.find_neighbor(v4) == nullptr; }));
}

TEST_F(MirrorTest, NeighborThatNobodyAnswersForFails) {
  const NeighborKey key{inside_->index(), ip("192.0.2.9")};
  ASSERT_EQ(test::run("ip ntable change name arp_cache dev inside retrans 10 mcast_probes 1").status, 0);
  ASSERT_TRUE(netlink_->probe_neighbor(key));
  EXPECT_TRUE(until([&](const Model& m) {
    const Neighbor* neighbor = m.find_neighbor(key);
    return neighbor != nullptr && neighbor->state == NeighborState::kFailed;
  }));
}

TEST_F(MirrorTest, RefreshAsksForTheMissingAndVerifiesTheStale) {
  const NeighborKey stale{inside_->index(), ip("192.0.2.9")};
  const NeighborKey permanent{inside_->index(), ip("192.0.2.10")};
  const std::set<NeighborKey> in_use{stale, permanent};
  ip_command("neigh add 192.0.2.9 dev inside lladdr 02:00:00:00:00:99 nud stale");
  ip_command("neigh add 192.0.2.10 dev inside lladdr 02:00:00:00:00:98 nud permanent");
  ASSERT_EQ(test::run("ip ntable change name arp_cache dev inside delay_probe 10").status, 0);
  ASSERT_TRUE(until([&](const Model& m) { return m.find_neighbor(permanent) != nullptr; }));
  EXPECT_EQ(*refresh_neighbors(*netlink_, mirror_->model(), in_use), 1U) << "the permanent one is left alone";
  // Verified by a request to the address it is believed to have (RFC 1122 section 2.3.2.1, unicast poll).
  const auto request =
      await_frame(*inside_, [](const Frame& f) { return type_of(f) == net::ether_type::kArp; });
  ASSERT_TRUE(request);
  EXPECT_TRUE(std::equal(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), request->begin()));
  ASSERT_TRUE(*inside_->write(arp(2, kPeerMac, "192.0.2.9", kOurMac, "192.0.2.1")));
  EXPECT_TRUE(
      until([&](const Model& m) { return m.find_neighbor(stale)->state == NeighborState::kReachable; }));
  EXPECT_EQ(*refresh_neighbors(*netlink_, mirror_->model(), in_use), 0U);

  const std::set<NeighborKey> unknown = {{inside_->index(), ip("192.0.2.77")},
                                         {LinkIndex(999999), ip("192.0.2.9")}};
  EXPECT_EQ(*refresh_neighbors(*netlink_, mirror_->model(), unknown), 1U);
  const auto asks_for = [](const char* target) {
    return [target](const Frame& f) { return f == arp(1, kOurMac, "192.0.2.1", {}, target); };
  };
  EXPECT_TRUE(await_frame(*inside_, asks_for("192.0.2.77")));

  // Below 1280 bytes the link has no IPv6 and the kernel refuses the first of these.
  ip_command("link set inside mtu 1000");
  const std::set<NeighborKey> one_refused = {{outside_->index(), ip("2001:db8::9")},
                                             {outside_->index(), ip("198.51.100.9")},
                                             {inside_->index(), ip("2001:db8::9")},
                                             {inside_->index(), ip("192.0.2.78")}};
  EXPECT_FALSE(refresh_neighbors(*netlink_, mirror_->model(), one_refused));
  EXPECT_TRUE(await_frame(*inside_, asks_for("192.0.2.78")));
  EXPECT_TRUE(await_frame(*outside_, [](const Frame& f) {
    return f == arp(1, mac("02:00:00:00:00:02"), "198.51.100.1", {}, "198.51.100.9");
  }));
}

TEST_F(MirrorTest, RecoversFromAnOverrun) {
  open_mirror({.receive_buffer_bytes = 2048});
  std::string batch;
  for (int i = 0; i < 2000; ++i) {
    batch +=
        "route add 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24 via 192.0.2.11\n";
  }
  batch += "route del 10.0.7.0/24\n";
  ASSERT_EQ(test::run("printf '" + batch + "' | ip -batch -").status, 0);
  EXPECT_TRUE(*mirror_->process());
  EXPECT_EQ(mirror_->counters().overruns, 1U);
  EXPECT_EQ(mirror_->counters().full_dumps, 2U);
  std::size_t learnt = 0;
  mirror_->model().each_route(
      [&](const Route& r) { learnt += prefix("10.0.0.0/8").contains(r.prefix) ? 1 : 0; });
  EXPECT_EQ(learnt, ip_json("route show root 10.0.0.0/8").size());
  EXPECT_EQ(learnt, 1999U);
  EXPECT_FALSE(route("10.0.7.0/24"));
  ip_command("route del 10.0.8.0/24");
  EXPECT_TRUE(until_route("10.0.8.0/24", absent)) << "events come again";
  EXPECT_EQ(mirror_->counters().overruns, 1U);
}

}  // namespace
}  // namespace millrace::host
