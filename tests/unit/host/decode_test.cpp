// SPDX-License-Identifier: BSD-3-Clause
// Messages as the kernel would write them, whole, cut short and corrupted. Needs no privilege.
#include "common/host/decode.h"

#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "common/host/model.h"
#include "common/host/netlink_request.h"
#include "common/host/netlink_socket.h"
#include "tests/unit/host/twin_fixture.h"

namespace millrace::host {
namespace {

constexpr LinkIndex kLink{3};

// Copied out so that the sanitizer sees its end. Netlink buffers lie on four-byte boundaries; a vector's do.
std::vector<std::uint8_t> bytes_of(NetlinkRequest& request) {
  const auto* start = reinterpret_cast<const std::uint8_t*>(&request.message());
  return {start, start + request.size()};
}

std::vector<std::uint8_t> multipath_route(std::uint8_t flags = 0) {
  NetlinkRequest message(RTM_NEWROUTE, 0);
  auto& header = message.header<rtmsg>();
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 24;
  header.rtm_table = 254;
  header.rtm_type = RTN_UNICAST;
  message.put(RTA_DST, ip("192.0.2.0"));
  message.nest(RTA_MULTIPATH, [&] {
    for (const char* gateway : {"10.0.0.1", "10.0.0.2"}) {
      const auto start = message.size();
      auto* entry = static_cast<rtnexthop*>(message.append(sizeof(rtnexthop)));
      entry->rtnh_ifindex = 3;
      entry->rtnh_flags = flags;
      message.put(RTA_GATEWAY, ip(gateway));
      entry->rtnh_len = static_cast<std::uint16_t>(message.size() - start);
    }
  });
  return bytes_of(message);
}

std::vector<std::uint8_t> neighbor(std::uint16_t state, std::uint8_t flags = 0) {
  NetlinkRequest message(RTM_NEWNEIGH, 0);
  auto& header = message.header<ndmsg>();
  header.ndm_family = AF_INET6;
  header.ndm_ifindex = 3;
  header.ndm_state = state;
  header.ndm_flags = flags;
  message.put(NDA_DST, ip("2001:db8::9"));
  message.put(NDA_LLADDR, Bytes(net::MacAddress{{2, 0, 0, 0, 0, 9}}.bytes));
  return bytes_of(message);
}

std::vector<std::uint8_t> link_message() {
  NetlinkRequest message(RTM_NEWLINK, 0);
  message.header<ifinfomsg>().ifi_index = 3;
  message.put_text(IFLA_IFNAME, "inside");
  message.put_u32(IFLA_MTU, 1500);
  return bytes_of(message);
}

std::vector<std::uint8_t> address_message() {
  NetlinkRequest message(RTM_NEWADDR, 0);
  auto& header = message.header<ifaddrmsg>();
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 24;
  header.ifa_index = 3;
  message.put(IFA_LOCAL, ip("192.0.2.1"));
  return bytes_of(message);
}

std::vector<std::uint8_t> nexthop_group() {
  NetlinkRequest message(RTM_NEWNEXTHOP, 0);
  message.header<nhmsg>();
  message.put_u32(NHA_ID, 7);
  const std::array<nexthop_grp, 2> members = {nexthop_grp{7, 0, 0, 0},
                                              nexthop_grp{8, 2, 0, 0}};  // names itself
  message.put(NHA_GROUP, Bytes(reinterpret_cast<const std::uint8_t*>(members.data()), sizeof members));
  return bytes_of(message);
}

std::vector<std::uint8_t> route_by_object() {
  NetlinkRequest message(RTM_NEWROUTE, 0);
  auto& header = message.header<rtmsg>();
  header.rtm_family = AF_INET;
  header.rtm_dst_len = 8;
  header.rtm_table = 254;
  header.rtm_type = RTN_UNICAST;
  message.put(RTA_DST, ip("10.0.0.0"));
  message.put_u32(RTA_NH_ID, 7);
  return bytes_of(message);
}

const nlmsghdr& header_of(const std::vector<std::uint8_t>& bytes) {
  return *reinterpret_cast<const nlmsghdr*>(bytes.data());
}

ModelBuilder follower() {
  ModelBuilder builder;
  builder.follow({kLink}, {kMainTable});
  return builder;
}

TEST(Decode, ReadsAMultipathRoute) {
  const auto event = decode_route(header_of(multipath_route()));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->route.prefix, net::Prefix::parse("192.0.2.0/24"));
  EXPECT_EQ(event->route.table, kMainTable);
  EXPECT_THAT(event->route.next_hops,
              ::testing::ElementsAre(NextHop{ip("10.0.0.1"), kLink, 1}, NextHop{ip("10.0.0.2"), kLink, 1}));
  EXPECT_TRUE(decode_route(header_of(multipath_route(RTNH_F_DEAD)))->route.next_hops.empty());
}

TEST(Decode, SkipsWhatIsNotARouteOfOurs) {
  auto message = multipath_route();
  auto& header = *reinterpret_cast<rtmsg*>(message.data() + sizeof(nlmsghdr));
  header.rtm_flags = RTM_F_CLONED;
  EXPECT_FALSE(decode_route(header_of(message)));
  header.rtm_flags = 0;
  header.rtm_dst_len = 33;
  EXPECT_FALSE(decode_route(header_of(message)));
  header.rtm_dst_len = 24;
  header.rtm_tos = 0x10;
  EXPECT_TRUE(decode_route(header_of(message))->selective);
  auto builder = follower();
  EXPECT_FALSE(builder.apply_all(message, ModelBuilder::Source::kEvent));
  EXPECT_EQ(builder.counters().unsupported_routes, 1U);
}

TEST(Decode, SkipsProxyAndStatelessNeighbors) {
  EXPECT_TRUE(decode_neighbor(header_of(neighbor(NUD_STALE)))->neighbor.usable());
  EXPECT_FALSE(decode_neighbor(header_of(neighbor(NUD_FAILED)))->neighbor.usable());
  EXPECT_FALSE(decode_neighbor(header_of(neighbor(NUD_REACHABLE, NTF_PROXY))));
  EXPECT_FALSE(decode_neighbor(header_of(neighbor(NUD_NONE))));
}

TEST(Model, ANeighborsStateIsAChangeOnlyWhenItMattersToForwarding) {
  auto builder = follower();
  const auto change = [&](std::uint16_t state) {
    return builder.apply_all(neighbor(state), ModelBuilder::Source::kEvent);
  };
  EXPECT_TRUE(change(NUD_REACHABLE));
  EXPECT_FALSE(change(NUD_STALE));
  EXPECT_EQ(builder.model().neighbors().begin()->second.state, NeighborState::kStale) << "but it is known";
  EXPECT_TRUE(change(NUD_FAILED));
  EXPECT_TRUE(change(NUD_PROBE));
  auto moved = neighbor(NUD_PROBE);
  moved[moved.size() - 3] = 0x42;  // the address's last byte; two of padding follow
  EXPECT_TRUE(builder.apply_all(moved, ModelBuilder::Source::kEvent));
}

TEST(Model, ARouteByAnUnknownObjectIsUnreachableUntilItIsKnown) {
  auto builder = follower();
  EXPECT_TRUE(builder.apply_all(route_by_object(), ModelBuilder::Source::kEvent));
  const auto to = *net::Prefix::parse("10.0.0.0/8");
  EXPECT_EQ(builder.model().find_route(kMainTable, to)->kind, RouteKind::kUnreachable);
  EXPECT_EQ(builder.counters().unknown_nexthop_objects, 1U);
  // A group that names itself ends, and with no live member there is no way.
  EXPECT_TRUE(builder.apply_all(nexthop_group(), ModelBuilder::Source::kEvent));
  EXPECT_FALSE(builder.model().find_route(kMainTable, to));
}

// Every prefix of every message, the lengths inside left as they are or made to fit.
TEST(Model, SurvivesMessagesCutShort) {
  for (const auto& whole : {multipath_route(), neighbor(NUD_REACHABLE), link_message(), address_message(),
                            nexthop_group(), route_by_object()}) {
    auto complete = follower();
    complete.apply_all(whole, ModelBuilder::Source::kEvent);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      auto builder = follower();
      EXPECT_FALSE(builder.apply_all(cut, ModelBuilder::Source::kEvent)) << "its length says there is more";
      if (size < sizeof(nlmsghdr)) continue;
      reinterpret_cast<nlmsghdr*>(cut.data())->nlmsg_len = static_cast<std::uint32_t>(size);
      builder.apply_all(cut, ModelBuilder::Source::kEvent);
    }
  }
}

TEST(Model, SurvivesCorruptedMessages) {
  std::mt19937 random(
      2026);  // NOLINT(cert-msc51-cpp): the same every time, so that a failure can be repeated
  const std::vector<std::vector<std::uint8_t>> samples = {multipath_route(), neighbor(NUD_REACHABLE),
                                                          link_message(),    address_message(),
                                                          nexthop_group(),   route_by_object()};
  auto builder = follower();
  std::size_t visited = 0;
  for (int round = 0; round < 100000; ++round) {
    auto bytes = samples[random() % samples.size()];
    const unsigned flips = 1 + random() % 8;
    for (unsigned i = 0; i < flips; ++i) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (random() % 2 == 0)
      reinterpret_cast<nlmsghdr*>(bytes.data())->nlmsg_len = static_cast<std::uint32_t>(bytes.size());
    builder.apply_all(bytes, random() % 2 == 0 ? ModelBuilder::Source::kDump : ModelBuilder::Source::kEvent);
    if (round % 1000 == 0)
      builder.model().each_route([&](const Route& r) {
        ++visited;
        EXPECT_LE(r.prefix.length, r.prefix.address.bits());
        EXPECT_TRUE(is_discard(r.kind) || !r.next_hops.empty());
        for (const NextHop& hop : r.next_hops) EXPECT_EQ(hop.link, kLink);
      });
  }
  EXPECT_GT(visited, 0U);
}

}  // namespace
}  // namespace millrace::host
