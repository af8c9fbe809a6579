// SPDX-License-Identifier: BSD-3-Clause
// Needs root and /dev/net/tun; skipped without. Everything happens in a network namespace of the test's own.
#include "common/host/tap.h"

#include "common/host/link_settings.h"
#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

using ::testing::HasSubstr;

class TapTest : public TwinTest {};

TEST_F(TapTest, IsTheDeviceThatIproute2Sees) {
  auto tap = Tap::create({"twin0", kOurMac, 9000}, *netlink_);
  ASSERT_TRUE(tap) << tap.error().message();
  ASSERT_TRUE(netlink_->stop_address_generation(tap->index()));
  ASSERT_TRUE(netlink_->set_up(tap->index(), true));
  ASSERT_TRUE(netlink_->set_address(tap->index(), on("192.0.2.1/24")));
  ASSERT_TRUE(netlink_->set_address(tap->index(), on("2001:db8::1/64")));

  const auto link = ip_json("addr show dev twin0").at(0).as_object();
  EXPECT_EQ(link.at("ifindex").as_int64(), tap->index().value());
  EXPECT_EQ(link.at("address").as_string(), "02:00:00:00:00:01");
  EXPECT_EQ(link.at("mtu").as_int64(), 9000);
  const auto& addresses = link.at("addr_info").as_array();
  ASSERT_EQ(addresses.size(), 2U) << "only what was asked for, no link-local address: "
                                  << boost::json::serialize(link);
  EXPECT_EQ(addresses[0].at("local").as_string(), "192.0.2.1");
  EXPECT_EQ(addresses[0].at("prefixlen").as_int64(), 24);
  EXPECT_EQ(addresses[0].at("broadcast").as_string(), "192.0.2.255");
  EXPECT_EQ(addresses[1].at("local").as_string(), "2001:db8::1");
  EXPECT_FALSE(addresses[1].as_object().contains("tentative"));

  EXPECT_EQ(netlink_->link("twin0")->mtu, 9000U);
  EXPECT_EQ(netlink_->addresses(tap->index())->size(), 2U);
}

TEST_F(TapTest, IsGoneWithTheObject) {
  { auto tap = make_tap("twin0", kOurMac, {}); }
  EXPECT_NE(test::run("ip link show dev twin0").status, 0);
}

TEST_F(TapTest, SaysWhatIsWrongWithTheRequest) {
  auto first = make_tap("twin0", kOurMac, {});
  const auto second = Tap::create({"twin0", kPeerMac, 1500}, *netlink_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message(), HasSubstr("ip link delete twin0"));
  EXPECT_FALSE(Tap::create({"a-name-too-long-for-linux", kPeerMac, 1500}, *netlink_));
  EXPECT_FALSE(Tap::create({"", kPeerMac, 1500}, *netlink_));
  EXPECT_FALSE(Tap::create({"twin%d", kPeerMac, 1500}, *netlink_));
  EXPECT_FALSE(Tap::create({"twin1", mac("01:00:5e:00:00:01"), 1500}, *netlink_));
  const auto tiny = Tap::create({"twin1", kPeerMac, 10}, *netlink_);
  ASSERT_FALSE(tiny);
  EXPECT_NE(test::run("ip link show dev twin1").status, 0) << "a half-made device is left over";
}

TEST_F(TapTest, TellsThatSomebodyDeletedIt) {
  auto tap = make_tap("twin0", kOurMac, {});
  EXPECT_FALSE(tap.gone());
  ip_command("link delete twin0");
  Frame room(2048);
  Result<std::optional<std::size_t>> got = std::optional<std::size_t>(0);
  while (got && *got) got = tap.read(room);  // what the kernel sent before
  ASSERT_FALSE(got);
  EXPECT_TRUE(tap.gone());
  EXPECT_FALSE(tap.write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1")));

  tap = make_tap("twin0", kOurMac, {on("192.0.2.1/24")});
  EXPECT_FALSE(tap.gone());
  EXPECT_TRUE(*tap.write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1")));
}

TEST_F(TapTest, RefusesFramesWhileDownWithoutBeingLost) {
  auto tap = Tap::create({"twin0", kOurMac, 1500}, *netlink_);
  ASSERT_TRUE(tap);
  const auto written = tap->write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1"));
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_FALSE(*written);
  EXPECT_FALSE(tap->gone());
  ASSERT_TRUE(netlink_->set_up(tap->index(), true));
  EXPECT_TRUE(*tap->write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1")));
  EXPECT_FALSE(*tap->write(Frame{1, 2, 3}));
}

TEST_F(TapTest, CarrierFollowsThePort) {
  auto tap = make_tap("twin0", kOurMac, {});
  EXPECT_TRUE(netlink_->link("twin0")->running);
  ASSERT_TRUE(tap.set_carrier(false));
  EXPECT_FALSE(netlink_->link("twin0")->running);
  ASSERT_TRUE(tap.set_carrier(true));
  EXPECT_TRUE(netlink_->link("twin0")->running);
}

TEST_F(TapTest, KernelAnswersArpAndPing) {
  auto tap = make_tap("twin0", kOurMac, {on("192.0.2.1/24")});
  ASSERT_TRUE(*tap.write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1")));
  EXPECT_EQ(await_frame(tap, [](const Frame& f) { return type_of(f) == net::ether_type::kArp; }),
            arp(2, kOurMac, "192.0.2.1", kPeerMac, "192.0.2.9"));

  ASSERT_TRUE(*tap.write(echo_request("192.0.2.9", "192.0.2.1")));
  const auto reply = await_frame(tap, [](const Frame& f) { return type_of(f) == net::ether_type::kIpv4; });
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->size(), 42U);
  EXPECT_EQ((*reply)[34], net::icmp::kEchoReply);
  EXPECT_EQ((*reply)[39], 0x34) << "the identifier comes back";
  EXPECT_TRUE(std::equal(kPeerMac.bytes.begin(), kPeerMac.bytes.end(), reply->begin()));
}

// A tunnel's twin: the kernel asks for nobody, and its packets have the link header that the data path wants.
TEST_F(TapTest, OneWithoutAddressIsPointToPoint) {
  auto tap = Tap::create({"tun0", {}, 1400}, *netlink_);
  ASSERT_TRUE(tap) << tap.error().message();
  ASSERT_TRUE(netlink_->set_up(tap->index(), true));
  ASSERT_TRUE(netlink_->set_address(tap->index(), on("192.0.2.1/30")));
  const boost::json::value link = ip_json("link show dev tun0").at(0);
  EXPECT_EQ(link.at("link_type").as_string(), "none");
  EXPECT_THAT(boost::json::serialize(link.at("flags")), HasSubstr("POINTOPOINT"));
  const Frame request = echo_request("192.0.2.2", "192.0.2.1");
  ASSERT_TRUE(*tap->write(request));
  const auto reply = await_frame(*tap, [](const Frame& f) { return type_of(f) == net::ether_type::kIpv4; });
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->size(), 42U);
  EXPECT_EQ((*reply)[34], net::icmp::kEchoReply);
}

TEST_F(TapTest, KernelAnswersNeighborSolicitationAsARouter) {
  auto tap = Tap::create({"twin0", kOurMac, 1500}, *netlink_);
  ASSERT_TRUE(tap);
  EXPECT_TRUE(apply_twin_settings("twin0").empty());
  ASSERT_TRUE(netlink_->stop_address_generation(tap->index()));
  ASSERT_TRUE(netlink_->set_up(tap->index(), true));
  ASSERT_TRUE(netlink_->set_address(tap->index(), on("2001:db8::1/64")));
  // The kernel joins the address's solicited-node group in the background, so ask again as hosts do.
  std::optional<Frame> reply;
  for (int attempt = 0; attempt < 50 && !reply; ++attempt) {
    ASSERT_TRUE(*tap->write(icmpv6(mac("33:33:ff:00:00:01"), "2001:db8::9", "ff02::1:ff00:1",
                                   neighbor_message(net::icmpv6::kNeighborSolicitation, 0, "2001:db8::1"))));
    reply = await_frame(
        *tap,
        [](const Frame& f) {
          return f.size() > 54 && type_of(f) == net::ether_type::kIpv6 &&
                 f[54] == net::icmpv6::kNeighborAdvertisement;
        },
        std::chrono::milliseconds(100));
  }
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->size(), 86U);
  EXPECT_EQ((*reply)[58] & 0xe0, 0xe0) << "router, solicited, override (RFC 4861 section 4.4)";
  EXPECT_TRUE(std::equal(kOurMac.bytes.begin(), kOurMac.bytes.end(), reply->end() - 6));
}

TEST_F(TapTest, AnswersArpOnlyWhereTheAddressIs) {
  auto inside = make_tap("inside", kOurMac, {on("192.0.2.1/24")});
  auto outside = make_tap("outside", mac("02:00:00:00:00:02"), {on("198.51.100.1/24")});
  EXPECT_TRUE(apply_twin_settings("inside").empty());
  EXPECT_TRUE(apply_twin_settings("outside").empty());
  // Two requests; only the second may be answered, and the kernel answers in order.
  ASSERT_TRUE(*inside.write(arp(1, kPeerMac, "192.0.2.9", {}, "198.51.100.1")));
  ASSERT_TRUE(*inside.write(arp(1, kPeerMac, "192.0.2.9", {}, "192.0.2.1")));
  EXPECT_EQ(await_frame(inside, [](const Frame& f) { return type_of(f) == net::ether_type::kArp; }),
            arp(2, kOurMac, "192.0.2.1", kPeerMac, "192.0.2.9"));
}

}  // namespace
}  // namespace millrace::host
