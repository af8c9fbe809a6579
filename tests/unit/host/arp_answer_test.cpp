// SPDX-License-Identifier: BSD-3-Clause
// For which addresses the twin answers ARP itself, and how (RFC 826).
#include "common/host/arp_answer.h"

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::host {
namespace {

using testing::Frame;
using testing::packet;

const net::MacAddress kOwnMac{{2, 0, 0, 0, 1, 1}};
const net::MacAddress kAskerMac{{2, 0, 0, 0, 2, 1}};
constexpr std::string_view kAsker = "198.51.100.10";

// Interface 0 is inside, interface 1 outside with 198.51.100.1; 198.51.100.0/28 is the function's there.
core::Network network() {
  core::Network made;
  made.interfaces.resize(2);
  made.interfaces[1].mac = kOwnMac;
  made.interfaces[1].addresses = {*net::InterfaceAddress::parse("198.51.100.1/24")};
  made.function_prefixes = {
      {core::DomainId(0), *net::Prefix::parse("198.51.100.0/28"), core::InterfaceId(1)}};
  return made;
}

Frame request(std::string_view target, std::uint16_t operation = 1) {
  return packet()
      .ethernet(kAskerMac, net::MacAddress{{255, 255, 255, 255, 255, 255}})
      .arp(operation, kAskerMac, kAsker, net::MacAddress{}, target)
      .bytes();
}

TEST(ArpAnswer, TellsTheInterfacesMacForTheFunctionsAddresses) {
  for (const std::string_view target : {"198.51.100.0", "198.51.100.2", "198.51.100.15"}) {
    const auto answer = arp_answer(request(target), core::InterfaceId(1), network());
    ASSERT_TRUE(answer) << target;
    const Frame wanted =
        packet().ethernet(kOwnMac, kAskerMac).arp(2, kOwnMac, target, kAskerMac, kAsker).bytes();
    EXPECT_EQ(Frame(answer->begin(), answer->end()), Frame(wanted.begin(), wanted.begin() + 42));
  }
}

TEST(ArpAnswer, IsSilentAboutAllElse) {
  const core::Network known = network();
  const core::InterfaceId outside(1);
  EXPECT_FALSE(arp_answer(request("198.51.100.16"), outside, known));
  EXPECT_FALSE(arp_answer(request("198.51.100.1"), outside, known)) << "the kernel answers for its own";
  EXPECT_FALSE(arp_answer(request("198.51.100.2"), core::InterfaceId(0), known)) << "another link";
  EXPECT_FALSE(arp_answer(request("198.51.100.2"), core::InterfaceId(9), known));
  EXPECT_FALSE(arp_answer(request("198.51.100.2", 2), outside, known)) << "a reply";
  const Frame whole = request("198.51.100.2");
  for (std::size_t length = 0; length < 42; ++length)
    EXPECT_FALSE(arp_answer(Bytes(whole).first(length), outside, known)) << length;
  EXPECT_FALSE(arp_answer(
      packet().ethernet(kAskerMac, kOwnMac).ipv4(kAsker, "198.51.100.2").udp(1, 2).bytes(), outside, known));
}

}  // namespace
}  // namespace millrace::host
