// SPDX-License-Identifier: BSD-3-Clause
// The data path's network sends each packet where the kernel would: the kernel's own look-up is the oracle.
// Needs root and /dev/net/tun; skipped without.
#include "common/host/forwarding.h"

#include "common/core/network_parts.h"
#include "common/host/mirror.h"
#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

using Kind = core::NextHop::Kind;

// Where a packet goes: the device and the address to resolve there, nothing when there is no way.
struct Way {
  std::string device;
  std::string next;

  bool operator==(const Way&) const = default;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.device << " to " << way.next; }

class ForwardingTest : public TwinTest {
 protected:
  void SetUp() override {
    TwinTest::SetUp();
    if (IsSkipped()) return;
    for (const auto& [name, mac_address, addresses] :
         {std::tuple{"inside", "02:00:00:00:00:01", std::vector{on("192.0.2.1/24"), on("2001:db8:1::1/64")}},
          std::tuple{"outside", "02:00:00:00:00:02",
                     std::vector{on("198.51.100.1/24"), on("2001:db8:2::1/64")}}}) {
      taps_.push_back(make_tap(name, mac(mac_address), addresses));
      core::Interface interface;
      interface.name = name;
      interface.port = core::PortId(static_cast<std::uint16_t>(taps_.size() - 1));
      interface.mac = mac(mac_address);
      interface.addresses = addresses;
      links_.interfaces[taps_.back().index()] =
          core::InterfaceId(static_cast<std::uint16_t>(skeleton_.interfaces.size()));
      core::add_interface(skeleton_, std::move(interface));
    }
    skeleton_.domains.push_back({"default", {}});
    links_.domains[kMainTable] = links_.domains[kLocalTable] = {core::DomainId(0)};
  }

  // From what the kernel has now.
  void build() {
    auto mirror = Mirror::open();
    ASSERT_TRUE(mirror) << mirror.error().message();
    std::set<LinkIndex> links;
    for (const Tap& tap : taps_) links.insert(tap.index());
    ASSERT_TRUE(mirror->follow(std::move(links)));
    // The kernel finishes a new IPv6 address in the background; its local route comes last.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    for (const char* local : {"2001:db8:1::1/128", "2001:db8:2::1/128"}) {
      while (!mirror->model().find_route(kLocalTable, prefix(local))) {
        ASSERT_TRUE(test::wait_readable(mirror->fd(), deadline)) << local;
        ASSERT_TRUE(mirror->process());
      }
    }
    state_ = build_forwarding(skeleton_, mirror->model(), links_);
  }

  static std::optional<Way> kernel_way(const std::string& to) {
    const auto found = test::run("ip -j route get " + to);
    if (found.status != 0) return std::nullopt;
    const boost::json::value all = boost::json::parse(found.output);
    const auto& route = all.at(0).as_object();
    const auto* gateway = route.if_contains("gateway");
    return Way{std::string(route.at("dev").as_string()),
               gateway == nullptr ? to : std::string(gateway->as_string())};
  }

  [[nodiscard]] const core::NextHop* hop(const std::string& to) const {
    const auto number = state_.network->find_route(core::DomainId(0), ip(to.c_str()));
    return number.valid() ? &state_.network->next_hops[number.value()] : nullptr;
  }
  [[nodiscard]] std::optional<Way> our_way(const std::string& to) const {
    const core::NextHop* by = hop(to);
    if (by == nullptr) return std::nullopt;
    const auto number = static_cast<std::size_t>(by - state_.network->next_hops.data());
    const auto& gateway = state_.gateways[number];
    return Way{state_.network->interfaces[by->interface.value()].name, gateway ? gateway->to_string() : to};
  }
  // The MAC address a packet would leave with; nothing while that is not known.
  [[nodiscard]] std::optional<net::MacAddress> written(const std::string& to) const {
    const core::NextHop* by = hop(to);
    if (by == nullptr || by->kind != Kind::kForward) return std::nullopt;
    net::MacAddress destination;
    std::copy_n(by->rewrite.begin(), destination.bytes.size(), destination.bytes.begin());
    return destination;
  }

  std::vector<Tap> taps_;
  core::Network skeleton_;
  LinkMap links_;
  ForwardingState state_;
};

TEST_F(ForwardingTest, SendsWhereTheKernelWould) {
  struct Known {
    const char* address;
    const char* device;
    const char* mac;
  };
  const std::vector<Known> neighbors = {
      {"192.0.2.9", "inside", "02:00:00:00:99:01"},
      {"192.0.2.130", "inside", "02:00:00:00:99:02"},  // behind a gateway, though seen on the link
      {"10.5.0.7", "inside", "02:00:00:00:99:03"},     // on the link without a subnet of ours
      {"10.6.0.7", "inside", "02:00:00:00:99:04"},     // seen on the link, no route leads there
      {"198.51.100.9", "outside", "02:00:00:00:99:05"},
      {"2001:db8:1::9", "inside", "02:00:00:00:99:06"},
      {"2001:db8:1::8:9", "inside", "02:00:00:00:99:07"},
      {"2001:db8:5::7", "inside", "02:00:00:00:99:08"},
      {"2001:db8:2::9", "outside", "02:00:00:00:99:09"},
  };
  ip_command("route add 192.0.2.128/25 via 198.51.100.9");
  ip_command("route add 10.5.0.0/16 dev inside");
  ip_command("route add 10.7.0.0/16 via 192.0.2.9");
  ip_command("route add 10.8.0.0/16 via 192.0.2.77");
  ip_command("-6 route add 2001:db8:1::8:0/112 via 2001:db8:2::9");
  ip_command("-6 route add 2001:db8:5::/64 dev inside");
  ip_command("-6 route add 2001:db8:7::/64 via 2001:db8:1::9");
  for (const Known& known : neighbors) {
    ip_command(std::string("neigh add ") + known.address + " dev " + known.device + " lladdr " + known.mac +
               " nud reachable");
  }
  build();
  for (const char* to : {"192.0.2.9", "192.0.2.10", "192.0.2.130", "192.0.2.131", "10.5.0.7", "10.5.0.8",
                         "10.6.0.7", "10.7.1.1", "10.8.1.1", "198.51.100.9", "203.0.113.1", "2001:db8:1::9",
                         "2001:db8:1::a", "2001:db8:1::8:9", "2001:db8:5::7", "2001:db8:5::8",
                         "2001:db8:7::1", "2001:db8:2::9", "2001:db8:9::1"}) {
    SCOPED_TRACE(to);
    const auto way = kernel_way(to);
    ASSERT_EQ(our_way(to), way);
    const auto known = std::find_if(neighbors.begin(), neighbors.end(), [&](const Known& neighbor) {
      return way && neighbor.address == way->next && neighbor.device == way->device;
    });
    const auto expected = known == neighbors.end() ? std::nullopt : std::optional(mac(known->mac));
    EXPECT_EQ(written(to), expected);
  }
}

TEST_F(ForwardingTest, KnowsTheNeighborsInUse) {
  ip_command("route add 10.7.0.0/16 via 192.0.2.77");
  ip_command("route add 10.8.0.0/16 via 192.0.2.77");
  ip_command("neigh add 192.0.2.9 dev inside lladdr 02:00:00:00:99:01 nud stale");
  ip_command("neigh add 10.6.0.7 dev inside lladdr 02:00:00:00:99:02 nud stale");
  build();
  const std::set<NeighborKey> expected{{taps_[0].index(), ip("192.0.2.77")},
                                       {taps_[0].index(), ip("192.0.2.9")}};
  EXPECT_EQ(state_.neighbors_in_use, expected) << "gateways, and hosts packets go to; no others";
}

TEST_F(ForwardingTest, SpreadsOverTheWaysThatAreKnown) {
  skeleton_.port_up[0] = skeleton_.port_up[1] = true;
  const auto devices = [&](const std::string& to) {
    std::map<std::string, unsigned> count;
    const auto address = net::IpAddress::parse(to).value();
    for (std::uint32_t flow = 0; flow < 1000; ++flow) {
      const auto id =
          state_.network->find_route(core::DomainId(0), address, [&] { return flow * 0x01000193U; });
      if (!id.valid()) continue;
      const core::NextHop& by = state_.network->next_hops[id.value()];
      ++count[state_.network->interfaces[by.interface.value()].name +
              (by.kind == Kind::kForward ? "" : ", not known")];
    }
    return count;
  };
  ip_command("route add 10.7.0.0/16 nexthop via 192.0.2.9 weight 3 nexthop via 198.51.100.9 weight 1");
  ip_command("-6 route add 2001:db8:7::/64 nexthop via 2001:db8:1::9 nexthop via 2001:db8:2::9");
  ip_command("route add 10.8.0.0/16 via 192.0.2.9");
  build();
  using Count = std::map<std::string, unsigned>;
  EXPECT_EQ(devices("10.7.1.1"), (Count{{"inside, not known", 1000}})) << "the first one is asked for";
  for (const char* neighbor : {"192.0.2.9 dev inside", "2001:db8:1::9 dev inside"})
    ip_command("neigh add " + std::string(neighbor) + " lladdr 02:00:00:00:99:01 nud reachable");
  build();
  EXPECT_EQ(devices("10.7.1.1"), (Count{{"inside", 1000}}));
  EXPECT_EQ(state_.neighbors_in_use.size(), 4U) << "the others are asked for all the same";
  for (const char* neighbor : {"198.51.100.9 dev outside", "2001:db8:2::9 dev outside"})
    ip_command("neigh add " + std::string(neighbor) + " lladdr 02:00:00:00:99:02 nud reachable");
  build();
  EXPECT_NEAR(devices("10.7.1.1")["inside"], 750, 110);
  EXPECT_NEAR(devices("10.7.1.1")["outside"], 250, 110);
  EXPECT_NEAR(devices("2001:db8:7::1")["inside"], 500, 130);
  EXPECT_EQ(devices("10.8.1.1"), (Count{{"inside", 1000}}));
  // RFC 3704 section 2.2: either way is a way back.
  for (const char* device : {"inside", "outside"}) {
    const auto id = device == std::string("inside") ? core::InterfaceId(0) : core::InterfaceId(1);
    EXPECT_TRUE(state_.network->leads_by(core::DomainId(0), ip("10.7.1.1"), id)) << device;
  }
  EXPECT_FALSE(state_.network->leads_by(core::DomainId(0), ip("10.8.1.1"), core::InterfaceId(1)));
  skeleton_.port_up[1] = false;
  build();
  EXPECT_EQ(devices("10.7.1.1"), (Count{{"inside", 1000}})) << "the port is down";
}

// Nobody is to be asked for at the other end of a tunnel, gateway or none.
TEST_F(ForwardingTest, TunnelsTakeWhatIsRoutedThere) {
  auto tunnel = Tap::create({"tun0", {}, 1400}, *netlink_);
  ASSERT_TRUE(tunnel) << tunnel.error().message();
  ASSERT_TRUE(netlink_->set_up(tunnel->index(), true));
  ASSERT_TRUE(netlink_->set_address(tunnel->index(), on("169.254.0.1/30")));
  core::Interface interface;
  interface.name = "tun0";
  interface.tunnel = 7;
  interface.mtu = 1400;
  links_.interfaces[tunnel->index()] =
      core::InterfaceId(static_cast<std::uint16_t>(skeleton_.interfaces.size()));
  core::add_interface(skeleton_, std::move(interface));
  ip_command("route add 10.9.0.0/16 dev tun0");
  ip_command("route add 10.8.0.0/16 via 169.254.0.2");
  taps_.push_back(std::move(*tunnel));
  build();
  for (const char* to : {"10.9.0.7", "10.8.0.7", "169.254.0.2"}) {
    ASSERT_NE(hop(to), nullptr) << to;
    EXPECT_EQ(hop(to)->kind, Kind::kTunnel) << to;
    EXPECT_EQ(hop(to)->mtu, 1400) << to;
    EXPECT_EQ(state_.network->interfaces[hop(to)->interface.value()].name, "tun0") << to;
  }
  ASSERT_NE(hop("169.254.0.1"), nullptr);
  EXPECT_EQ(hop("169.254.0.1")->kind, Kind::kHost);
  ASSERT_TRUE(state_.network->to_host.valid());
  EXPECT_EQ(state_.network->next_hops[state_.network->to_host.value()].kind, Kind::kHost);
}

TEST_F(ForwardingTest, OwnAddressesGoToTheHost) {
  build();
  for (const char* own : {"192.0.2.1", "198.51.100.1", "192.0.2.255", "2001:db8:1::1", "2001:db8:2::1"}) {
    ASSERT_NE(hop(own), nullptr) << own;
    EXPECT_EQ(hop(own)->kind, Kind::kHost) << own;
  }
}

}  // namespace
}  // namespace millrace::host
