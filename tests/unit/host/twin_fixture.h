// SPDX-License-Identifier: BSD-3-Clause
// A namespace with TAPs in it, frames to put into them, and iproute2 as the second opinion.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/host/netlink.h"
#include "common/host/tap.h"
#include "common/net/wire.h"
#include "tests/support/netns.h"
#include "tests/support/packet_builder.h"

namespace millrace::host {

inline net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }
inline net::Prefix prefix(const char* text) { return net::Prefix::parse(text).value(); }
inline net::InterfaceAddress on(const char* text) { return net::InterfaceAddress::parse(text).value(); }
inline net::MacAddress mac(const char* text) { return net::MacAddress::parse(text).value(); }

inline const net::MacAddress kOurMac = mac("02:00:00:00:00:01");
inline const net::MacAddress kPeerMac = mac("02:00:00:00:00:99");

using testing::Frame;

template <class Header>
void append(Frame& frame, const Header& header) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&header);
  frame.insert(frame.end(), bytes, bytes + sizeof header);
}

// RFC 1071, the plain way: sum of 16-bit words, folded, complemented.
inline be16 internet_checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<std::uint32_t>(bytes[i]) << 8 : bytes[i];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return be16(static_cast<std::uint16_t>(~sum));
}

inline Frame arp(std::uint16_t operation, const net::MacAddress& from_mac, const char* from,
                 const net::MacAddress& to_mac, const char* to) {
  Frame frame;
  const net::MacAddress everyone = mac("ff:ff:ff:ff:ff:ff");
  append(frame,
         net::EthernetHeader{operation == 1 ? everyone : to_mac, from_mac, be16(net::ether_type::kArp)});
  append(frame, net::ArpHeader{be16(1), be16(net::ether_type::kIpv4), 6, 4, be16(operation), from_mac,
                               ip(from).v4(), operation == 1 ? net::MacAddress{} : to_mac, ip(to).v4()});
  return frame;
}

inline Frame echo_request(const char* from, const char* to) {
  Frame icmp;
  append(icmp, net::IcmpHeader{net::icmp::kEchoRequest, 0, be16(0), be16(0x1234), be16(7)});
  const be16 sum = internet_checksum(icmp);
  std::memcpy(icmp.data() + 2, &sum, 2);
  Frame header;
  append(header, net::Ipv4Header{0x45, 0, be16(28), be16(1), be16(0), 64, net::protocol::kIcmp, be16(0),
                                 ip(from).v4(), ip(to).v4()});
  const be16 header_sum = internet_checksum(header);
  std::memcpy(header.data() + 10, &header_sum, 2);
  Frame frame;
  append(frame, net::EthernetHeader{kOurMac, kPeerMac, be16(net::ether_type::kIpv4)});
  frame.insert(frame.end(), header.begin(), header.end());
  frame.insert(frame.end(), icmp.begin(), icmp.end());
  return frame;
}

// An ICMPv6 message over IPv6 with hop limit 255, checksummed over the pseudo-header (RFC 8200 section 8.1).
inline Frame icmpv6(const net::MacAddress& to_mac, const char* from, const char* to, Frame message) {
  Frame pseudo;
  append(pseudo, ip(from).v6());
  append(pseudo, ip(to).v6());
  append(pseudo, be32(static_cast<std::uint32_t>(message.size())));
  append(pseudo, be32(net::protocol::kIcmpv6));
  pseudo.insert(pseudo.end(), message.begin(), message.end());
  const be16 sum = internet_checksum(pseudo);
  std::memcpy(message.data() + 2, &sum, 2);
  Frame frame;
  append(frame, net::EthernetHeader{to_mac, kPeerMac, be16(net::ether_type::kIpv6)});
  append(frame, net::Ipv6Header{be32(0x60000000), be16(static_cast<std::uint16_t>(message.size())),
                                net::protocol::kIcmpv6, 255, ip(from).v6(), ip(to).v6()});
  frame.insert(frame.end(), message.begin(), message.end());
  return frame;
}

// RFC 4861 sections 4.3 and 4.4: a solicitation or advertisement with its link-layer address option.
inline Frame neighbor_message(std::uint8_t type, std::uint32_t flags, const char* target) {
  Frame message = {type, 0, 0, 0};
  append(message, be32(flags));
  append(message, ip(target).v6());
  const std::uint8_t option = type == net::icmpv6::kNeighborSolicitation ? 1 : 2;
  message.insert(message.end(), {option, 1});
  append(message, kPeerMac);
  return message;
}

inline std::uint16_t type_of(const Frame& frame) {
  return frame.size() < 14 ? std::uint16_t{0} : static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
}

inline bool is_solicitation(const Frame& frame) {
  return frame.size() > 54 && type_of(frame) == net::ether_type::kIpv6 &&
         frame[54] == net::icmpv6::kNeighborSolicitation;
}

class TwinTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!space_.ok()) GTEST_SKIP() << space_.reason();
    ip_command("link set lo up");
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink) << netlink.error().message();
    netlink_.emplace(std::move(*netlink));
    if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun here";
  }

  // A TAP that is up and has the addresses.
  Tap make_tap(const char* name, const net::MacAddress& address,
               std::vector<net::InterfaceAddress> addresses) {
    auto tap = Tap::create({name, address, 1500}, *netlink_);
    if (!tap) throw std::runtime_error(tap.error().message());
    for (const Result<void>& done :
         {netlink_->stop_address_generation(tap->index()), netlink_->set_up(tap->index(), true),
          netlink_->set_addresses(tap->index(), with_link_local(addresses, address))}) {
      if (!done) throw std::runtime_error(done.error().message());
    }
    return std::move(*tap);
  }

  // The first frame out of the TAP that `wanted` accepts; others are passed over. Nothing after the patience.
  static std::optional<Frame> await_frame(Tap& tap, const std::function<bool(const Frame&)>& wanted,
                                          std::chrono::milliseconds patience = std::chrono::seconds(5)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
      Frame frame(2048);
      const auto got = tap.read(frame);
      if (!got) return std::nullopt;
      if (!*got) {
        if (!test::wait_readable(tap.fd(), deadline)) return std::nullopt;
        continue;
      }
      frame.resize(**got);
      if (wanted(frame)) return frame;
    }
  }

  // What `ip -j COMMAND` prints.
  static boost::json::array ip_json(const std::string& command) {
    const auto result = test::run("ip -j " + command);
    EXPECT_EQ(result.status, 0) << command << ": " << result.output;
    return result.output.empty() ? boost::json::array{} : boost::json::parse(result.output).as_array();
  }

  static void ip_command(const std::string& command) {
    const auto result = test::run("ip " + command);
    ASSERT_EQ(result.status, 0) << "ip " << command << ": " << result.output;
  }

  test::NetworkNamespace space_;
  std::optional<Netlink> netlink_;
};

}  // namespace millrace::host
