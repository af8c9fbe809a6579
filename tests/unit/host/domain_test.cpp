// SPDX-License-Identifier: BSD-3-Clause
// Two tenants with the same addresses. Needs root and /dev/net/tun; skipped without. Which method is tested
// depends on whether the kernel has VRF devices.
#include "common/host/domain.h"

#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

class DomainsTest : public TwinTest {};

TEST_F(DomainsTest, KeepOverlappingTenantsApart) {
  auto domains = Domains::open(*netlink_);
  ASSERT_TRUE(domains) << domains.error().message();
  const bool vrf = test::run("ip link add probe type vrf table 7").status == 0;
  if (vrf) ip_command("link delete probe");
  ASSERT_EQ(domains->method() == Domains::Method::kVrf, vrf);

  auto first = make_tap("tenant7", kOurMac, {});
  auto second = make_tap("tenant8", mac("02:00:00:00:00:02"), {});
  const std::vector<net::InterfaceAddress> same = {on("10.7.0.1/24"), on("2001:db8:7::1/64")};
  for (const auto& [name, table, tap] :
       {std::tuple{"vrf7", 107U, &first}, std::tuple{"vrf8", 108U, &second}}) {
    ASSERT_TRUE(domains->add(name, RouteTable(table)));
    const auto attached = domains->attach(netlink_->link(tap->name()).value(), name);
    ASSERT_TRUE(attached) << attached.error().message();
    const auto set = domains->set_addresses(tap->index(), name, with_link_local(same, kOurMac));
    ASSERT_TRUE(set) << set.error().message();
  }

  // Without forwarding the kernel refuses the lookup of a packet that is not for itself.
  ASSERT_EQ(test::run("echo 1 > /proc/sys/net/ipv4/ip_forward").status, 0);
  // The kernel's own lookup, for a packet that came in by each tenant's link.
  for (const char* link : {"tenant7", "tenant8"}) {
    for (const char* target : {"10.7.0.9", "2001:db8:7::9"}) {
      const std::string from = target[0] == '1' ? "10.7.0.77" : "2001:db8:7::77";
      const auto found = ip_json(std::string("route get ") + target + " from " + from + " iif " + link);
      ASSERT_EQ(found.size(), 1U);
      EXPECT_EQ(found[0].at("dev").as_string(), link) << target;
    }
  }
  // No tenant's subnet is in main, and what a tenant has no route for does not fall through to main.
  auto outside = make_tap("outside", mac("02:00:00:00:00:03"), {on("198.51.100.2/24")});
  EXPECT_EQ(ip_json("route show 10.7.0.0/24 table main").size(), 0U);
  EXPECT_NE(test::run("ip route get 198.51.100.9 from 10.7.0.77 iif tenant7").status, 0);

  EXPECT_FALSE(domains->attach(netlink_->link("outside").value(), "nobody-added-this"));
  // Neither how long a domain's name is nor that a link has it matters.
  EXPECT_TRUE(domains->add("a-name-too-long-for-linux", RouteTable(109)));
  EXPECT_TRUE(domains->add("outside", RouteTable(110)));
  EXPECT_EQ(netlink_->link("outside")->index, outside.index());

  // An address that goes takes its subnet along; a link that leaves its domain is in main again.
  ASSERT_TRUE(domains->set_addresses(first.index(), "vrf7", {}));
  EXPECT_NE(test::run("ip route get 10.7.0.9 from 10.7.0.77 iif tenant7").status, 0);
  EXPECT_EQ(ip_json("route show 10.7.0.0/24 table 107").size(), 0U);
  if (!vrf) {
    ASSERT_TRUE(domains->detach("tenant7", "vrf7"));
    EXPECT_EQ(test::run("ip route get 198.51.100.9 from 198.51.100.77 iif tenant7").status, 0);
    EXPECT_FALSE(domains->detach("tenant7", "nobody-added-this"));
  }
  ASSERT_TRUE(domains->close());
  if (!vrf) {
    EXPECT_EQ(ip_json("rule show").size(), 3U) << "local, main, default";
    EXPECT_EQ(ip_json("-6 rule show").size(), 2U) << "local, main";
  }
}

}  // namespace
}  // namespace millrace::host
