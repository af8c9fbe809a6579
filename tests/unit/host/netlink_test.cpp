// SPDX-License-Identifier: BSD-3-Clause
// What iproute2 reports after our requests. Needs root and /dev/net/tun; skipped without.
#include "common/host/netlink.h"

#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

using ::testing::HasSubstr;

class NetlinkTest : public TwinTest {
 protected:
  void SetUp() override {
    TwinTest::SetUp();
    if (IsSkipped()) return;
    tap_.emplace(make_tap("twin0", kOurMac, {on("192.0.2.1/24"), on("2001:db8::1/64")}));
  }
  [[nodiscard]] LinkIndex link() const { return tap_->index(); }

  std::optional<Tap> tap_;
};

TEST(WithLinkLocal, AddsOneOnlyWhereItIsNeeded) {
  const auto address = mac("34:56:78:9a:bc:de");
  // The example of RFC 4291 appendix A: 36-56-78-FF-FE-9A-BC-DE after the universal bit is turned over.
  EXPECT_THAT(with_link_local({on("2001:db8::1/64")}, address),
              ::testing::ElementsAre(on("2001:db8::1/64"), on("fe80::3656:78ff:fe9a:bcde/64")));
  EXPECT_THAT(with_link_local({on("192.0.2.1/24")}, address), ::testing::ElementsAre(on("192.0.2.1/24")));
  EXPECT_EQ(with_link_local({on("fe80::1/64"), on("2001:db8::1/64")}, address).size(), 2U);
}

TEST_F(NetlinkTest, ChangesTheLink) {
  ASSERT_TRUE(netlink_->set_mtu(link(), 1400));
  ASSERT_TRUE(netlink_->set_mac(link(), kPeerMac));
  auto shown = ip_json("link show dev twin0").at(0).as_object();
  EXPECT_EQ(shown.at("mtu").as_int64(), 1400);
  EXPECT_EQ(shown.at("address").as_string(), "02:00:00:00:00:99");
  ASSERT_TRUE(netlink_->set_up(link(), false));
  EXPECT_EQ(ip_json("link show dev twin0").at(0).at("operstate").as_string(), "DOWN");
  EXPECT_FALSE(netlink_->link("twin0")->up);
  EXPECT_FALSE(netlink_->link("no-such-link"));
}

TEST_F(NetlinkTest, SetsTheAddressesToExactlyTheseAndLeavesTheOthersAlone) {
  const std::vector<net::InterfaceAddress> wanted = {on("2001:db8::1/64"), on("192.0.2.2/24"),
                                                     on("198.51.100.1/32")};
  ASSERT_TRUE(netlink_->set_addresses(link(), wanted));
  std::vector<std::string> shown;
  const auto links = ip_json("addr show dev twin0");
  for (const auto& entry : links.at(0).at("addr_info").as_array()) {
    shown.emplace_back(entry.at("local").as_string());
  }
  EXPECT_THAT(shown, ::testing::UnorderedElementsAre("2001:db8::1", "192.0.2.2", "198.51.100.1"));
  EXPECT_TRUE(netlink_->set_addresses(link(), wanted)) << "again, which changes nothing";
  EXPECT_TRUE(netlink_->remove_address(link(), on("10.0.0.1/8"))) << "there was none";
}

TEST_F(NetlinkTest, InstallsRoutesOfEveryShape) {
  const NextHop a{ip("192.0.2.11"), link(), 1};
  const NextHop b{ip("192.0.2.12"), link(), 3};
  ASSERT_TRUE(netlink_->set_route({prefix("10.1.0.0/16"), kMainTable, RouteKind::kUnicast, 7, {a}}));
  ASSERT_TRUE(netlink_->set_route({prefix("10.2.0.0/16"), kMainTable, RouteKind::kUnicast, 0, {a, b}}));
  ASSERT_TRUE(netlink_->set_route({prefix("10.3.0.0/16"), kMainTable, RouteKind::kBlackhole, 0, {}}));
  ASSERT_TRUE(netlink_->set_route(
      {prefix("10.4.0.0/16"), kMainTable, RouteKind::kUnicast, 0, {NextHop{std::nullopt, link(), 1}}}));
  ASSERT_TRUE(netlink_->set_route(
      {prefix("10.5.0.0/16"), kMainTable, RouteKind::kUnicast, 0, {NextHop{ip("2001:db8::5"), link(), 1}}}));
  ASSERT_TRUE(netlink_->set_route({prefix("0.0.0.0/0"), RouteTable(1000), RouteKind::kUnicast, 0, {a}}));
  ASSERT_TRUE(netlink_->set_route({prefix("2001:db8:1::/48"),
                                   kMainTable,
                                   RouteKind::kUnicast,
                                   0,
                                   {NextHop{ip("2001:db8::5"), link(), 1}}}));

  auto route = ip_json("route show 10.1.0.0/16").at(0).as_object();
  EXPECT_EQ(route.at("gateway").as_string(), "192.0.2.11");
  EXPECT_EQ(route.at("metric").as_int64(), 7);
  EXPECT_EQ(route.at("protocol").as_string(), "77");
  const auto hops = ip_json("route show 10.2.0.0/16").at(0).at("nexthops").as_array();
  ASSERT_EQ(hops.size(), 2U);
  EXPECT_EQ(hops[1].at("gateway").as_string(), "192.0.2.12");
  EXPECT_EQ(hops[1].at("weight").as_int64(), 3);
  EXPECT_EQ(ip_json("route show 10.3.0.0/16").at(0).at("type").as_string(), "blackhole");
  EXPECT_EQ(ip_json("route show 10.4.0.0/16").at(0).at("scope").as_string(), "link");
  EXPECT_EQ(ip_json("route show 10.5.0.0/16").at(0).at("via").at("host").as_string(), "2001:db8::5");
  EXPECT_EQ(ip_json("route show table 1000").at(0).at("dst").as_string(), "default");
  EXPECT_EQ(ip_json("-6 route show 2001:db8:1::/48").at(0).at("gateway").as_string(), "2001:db8::5");

  ASSERT_TRUE(netlink_->set_route({prefix("10.1.0.0/16"), kMainTable, RouteKind::kUnicast, 7, {b}}));
  const auto replaced = ip_json("route show 10.1.0.0/16");
  ASSERT_EQ(replaced.size(), 1U);
  EXPECT_EQ(replaced[0].at("gateway").as_string(), "192.0.2.12");

  for (const char* gone : {"10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"}) {
    const Route route_gone{prefix(gone),
                           kMainTable,
                           gone == std::string("10.3.0.0/16") ? RouteKind::kBlackhole : RouteKind::kUnicast,
                           0,
                           {}};
    ASSERT_TRUE(netlink_->remove_route(route_gone));
    EXPECT_EQ(ip_json(std::string("route show ") + gone).size(), 0U);
    EXPECT_TRUE(netlink_->remove_route(route_gone)) << "there is none any more";
  }
}

TEST_F(NetlinkTest, PassesOnTheKernelsReason) {
  const auto route = netlink_->set_route(
      {prefix("10.1.0.0/16"), kMainTable, RouteKind::kUnicast, 0, {NextHop{ip("203.0.113.1"), link(), 1}}});
  ASSERT_FALSE(route);
  EXPECT_THAT(route.error().message(), HasSubstr("10.1.0.0/16"));
  EXPECT_THAT(route.error().message(), HasSubstr("invalid gateway"));
  EXPECT_FALSE(netlink_->set_up(LinkIndex(999999), true));
  Route wide{prefix("10.1.0.0/16"), kMainTable, RouteKind::kUnicast, 0, {}};
  wide.next_hops.assign(1000, NextHop{ip("192.0.2.11"), link(), 1});
  const auto too_wide = netlink_->set_route(wide);
  ASSERT_FALSE(too_wide);
  EXPECT_THAT(too_wide.error().message(), HasSubstr("1000 next hops are too many"));
}

TEST_F(NetlinkTest, InstallsAndRemovesPermanentNeighbors) {
  const NeighborKey v4{link(), ip("192.0.2.50")};
  const NeighborKey v6{link(), ip("2001:db8::50")};
  ASSERT_TRUE(netlink_->set_permanent_neighbor(v4, kPeerMac));
  ASSERT_TRUE(netlink_->set_permanent_neighbor(v6, kPeerMac));
  for (const auto& shown : {ip_json("neigh show 192.0.2.50"), ip_json("neigh show 2001:db8::50")}) {
    ASSERT_EQ(shown.size(), 1U);
    EXPECT_EQ(shown[0].at("lladdr").as_string(), "02:00:00:00:00:99");
    EXPECT_EQ(shown[0].at("state").at(0).as_string(), "PERMANENT");
  }
  ASSERT_TRUE(netlink_->remove_neighbor(v4));
  EXPECT_EQ(ip_json("neigh show 192.0.2.50").size(), 0U);
  EXPECT_TRUE(netlink_->remove_neighbor(v4));
}

TEST_F(NetlinkTest, ProbeMakesTheKernelAsk) {
  ASSERT_TRUE(netlink_->probe_neighbor({link(), ip("192.0.2.9")}));
  EXPECT_EQ(await_frame(*tap_, [](const Frame& f) { return type_of(f) == net::ether_type::kArp; }),
            arp(1, kOurMac, "192.0.2.1", {}, "192.0.2.9"));

  ASSERT_TRUE(netlink_->probe_neighbor({link(), ip("2001:db8::9")}));
  const auto solicitation = await_frame(*tap_, is_solicitation);
  ASSERT_TRUE(solicitation);
  const auto target = ip("2001:db8::9").bytes();
  EXPECT_TRUE(std::equal(target.begin(), target.end(), solicitation->begin() + 62));
}

}  // namespace
}  // namespace millrace::host
