// SPDX-License-Identifier: BSD-3-Clause
// For which addresses the twin answers neighbour solicitations itself, and how (RFC 4861 section 7.2).
#include "common/host/neighbor_answer.h"

#include <array>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::host {
namespace {

using testing::Frame;
using testing::packet;

const net::MacAddress kOursMac{{2, 0, 0, 0, 1, 1}};
const net::MacAddress kNeighborMac{{2, 0, 0, 0, 2, 1}};
constexpr std::string_view kNeighbor = "2001:db8::10";
constexpr std::string_view kTarget = "2001:db8::100";

// Interface 1 has 2001:db8::1; the function has one address beside it, and a prefix.
core::Network known_network() {
  core::Network made;
  made.interfaces.resize(2);
  made.interfaces[1].mac = kOursMac;
  made.interfaces[1].addresses = {*net::InterfaceAddress::parse("2001:db8::1/64")};
  for (const char* prefix : {"2001:db8::100/128", "2001:db8::1/128", "2001:db8:0:0:1::/80"})
    made.function_prefixes.push_back({core::DomainId(0), *net::Prefix::parse(prefix), core::InterfaceId(1)});
  return made;
}

Frame address_bytes(std::string_view text) {
  const std::array<std::uint8_t, 16> bytes = net::IpAddress::parse(text)->bytes();
  return {bytes.begin(), bytes.end()};
}

testing::PacketBuilder solicitation(std::string_view target, std::string_view source = kNeighbor,
                                    std::uint8_t type = 135) {
  return packet()
      .ethernet(kNeighborMac, net::MacAddress{{0x33, 0x33, 0xff, 0, 1, 0}})
      .ipv6(source, "ff02::1:ff00:100")
      .ttl(255)
      .icmp(type, 0)
      .payload(address_bytes(target));
}

Frame advertisement(std::string_view destination, const net::MacAddress& mac, std::uint32_t flags) {
  Frame body = address_bytes(kTarget);
  body.insert(body.end(), {2, 1});
  body.insert(body.end(), kOursMac.bytes.begin(), kOursMac.bytes.end());
  return packet()
      .ethernet(kOursMac, mac)
      .ipv6(kTarget, destination)
      .ttl(255)
      .icmp(136, 0, flags)
      .payload(body)
      .bytes();
}

TEST(NeighborAnswer, TellsTheInterfacesMacForTheFunctionsAddresses) {
  const auto answer = neighbor_answer(solicitation(kTarget).bytes(), core::InterfaceId(1), known_network());
  ASSERT_TRUE(answer);
  EXPECT_EQ(Frame(answer->begin(), answer->end()), advertisement(kNeighbor, kNeighborMac, 0x60000000));
}

// RFC 4862 section 5.4.3: one without an address asks whether it may have this one.
TEST(NeighborAnswer, TellsAllNodesThatTheAddressIsTaken) {
  const auto answer =
      neighbor_answer(solicitation(kTarget, "::").bytes(), core::InterfaceId(1), known_network());
  ASSERT_TRUE(answer);
  EXPECT_EQ(Frame(answer->begin(), answer->end()),
            advertisement("ff02::1", net::MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, 0x20000000));
}

TEST(NeighborAnswer, IsSilentAboutAllElse) {
  const core::Network known = known_network();
  const core::InterfaceId outside(1);
  EXPECT_FALSE(neighbor_answer(solicitation("2001:db8::101").bytes(), outside, known));
  EXPECT_FALSE(neighbor_answer(solicitation("2001:db8::1").bytes(), outside, known)) << "the kernel's own";
  EXPECT_FALSE(neighbor_answer(solicitation("2001:db8:0:0:1::7").bytes(), outside, known)) << "of a prefix";
  EXPECT_FALSE(neighbor_answer(solicitation(kTarget).bytes(), core::InterfaceId(0), known)) << "another link";
  EXPECT_FALSE(neighbor_answer(solicitation(kTarget).bytes(), core::InterfaceId(9), known));
  EXPECT_FALSE(neighbor_answer(solicitation(kTarget, kNeighbor, 136).bytes(), outside, known));
  EXPECT_FALSE(neighbor_answer(solicitation(kTarget).ttl(254).bytes(), outside, known)) << "from afar";
  EXPECT_FALSE(neighbor_answer(solicitation(kTarget).bad_transport_checksum().bytes(), outside, known));
  const Frame whole = solicitation(kTarget).bytes();
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(neighbor_answer(Bytes(whole).first(length), outside, known)) << length;
}

}  // namespace
}  // namespace millrace::host
