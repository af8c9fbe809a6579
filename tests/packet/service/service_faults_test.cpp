// SPDX-License-Identifier: BSD-3-Clause
// Service headers that are against RFC 8300, or nobody's here, each dropped under its reason.
#include <rte_mbuf.h>

#include "tests/packet/service/service_packets.h"

namespace millrace::testing {
namespace {

using core::Drop;

std::vector<Scenario> faults() {
  std::vector<Scenario> list;
  const Frame inside = user().udp(1024, 53).payload(20).bytes();
  const Frame datagram = user().udp(1024, 53).payload(20).datagram();
  const auto refused = [&](const std::string& name, Frame frame, Drop reason) {
    list.push_back(service_scenario(name));
    list.back().in(kInside, std::move(frame)).dropped(reason);
  };
  const auto nsh = [&](const std::string& name, const Nsh& header, Drop reason) {
    refused(name, nsh_in(header, inside), reason);
  };
  const std::vector<std::uint8_t> short_context(12);
  // RFC 8300 section 2.2.
  nsh("another version", {.flags = 0x4000}, Drop::kServiceHeader);
  nsh("the O bit", {.flags = 0x2000}, Drop::kServiceOam);
  nsh("metadata of type 0", {.md_type = 0}, Drop::kServiceMetadata);
  nsh("metadata of type 15", {.md_type = 15}, Drop::kServiceMetadata);
  nsh("metadata of a type that is not assigned", {.md_type = 3}, Drop::kServiceMetadata);
  nsh("fixed metadata of another length", {.metadata = short_context}, Drop::kServiceHeader);
  nsh("next protocol 0", {.next_protocol = 0}, Drop::kServicePayload);
  nsh("next protocol MPLS", {.next_protocol = 5}, Drop::kServicePayload);
  nsh("an experimental next protocol", {.next_protocol = 0xfe}, Drop::kServicePayload);
  // Section 2.3.
  nsh("index 0", {.index = 0}, Drop::kServiceIndex);
  nsh("a path that nobody knows", {.path = 4711}, Drop::kServicePath);
  for (const std::size_t length : {0U, 7U, 8U, 23U})
    refused(
        "cut off after " + std::to_string(length),
        [&] {
          Frame frame = nsh_in({}, {});
          frame.resize(14 + length);
          return frame;
        }(),
        Drop::kServiceHeader);
  refused("nothing inside", nsh_in({}, {}), Drop::kServiceHeader);
  refused("half a frame inside", nsh_in({}, Frame(10)), Drop::kShortFrame);
  refused("ARP inside",
          nsh_in({}, packet()
                         .ethernet("02:00:00:00:0a:01", "ff:ff:ff:ff:ff:ff")
                         .arp(1, *net::MacAddress::parse("02:00:00:00:0a:01"), "10.1.0.10", {}, "10.1.0.1")
                         .bytes()),
          Drop::kServicePayload);
  refused("the other family inside", nsh_in({.next_protocol = 2}, datagram), Drop::kBadIpv6Header);
  Frame deep = Nsh{.next_protocol = 4, .md_type = 2, .metadata = {}}.header();
  for (unsigned i = 0; i < 2; ++i) deep.insert(deep.end(), deep.begin(), deep.begin() + 8);
  deep.insert(deep.end(), deep.begin(), deep.end());
  refused("headers without end", nsh_in({.next_protocol = 4}, deep), Drop::kServiceHeader);
  Frame elsewhere = nsh_in({}, inside);
  elsewhere[5] ^= 0x40U;
  refused("for another station", elsewhere, Drop::kNotForUs);

  const auto mpls = [&](const std::string& name, Frame labels, const Frame& behind, Drop reason) {
    refused(name, from_forwarder(0x8847, labels, behind), reason);
  };
  // RFC 3032 section 2.1.
  mpls("a label that nobody knows", label(600), datagram, Drop::kServicePath);
  mpls("a reserved label", label(16), datagram, Drop::kServiceIndex);
  mpls("a label with another below", label(511, 0, 64, false), datagram, Drop::kServiceHeader);
  mpls("half a label", {1, 2}, {}, Drop::kServiceHeader);
  mpls("a label and nothing", label(511), {}, Drop::kServicePayload);
  mpls("a label before a frame", label(511), inside, Drop::kServicePayload);

  // A tag that the port took off is part of what the frame is.
  list.push_back(service_scenario("a tag before the header"));
  list.back()
      .in(kInside, nsh_in({}, inside),
          {.flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED, .vlan_tci = 7})
      .dropped(Drop::kUnknownType);

  // What has no service header has no interface at this port.
  refused("a plain frame",
          packet()
              .ethernet("02:00:00:00:0f:0f", "02:00:00:00:01:00")
              .ipv4("10.1.0.10", "203.0.113.80")
              .udp(1, 2)
              .bytes(),
          Drop::kNoInterface);
  return list;
}

MILLRACE_SCENARIOS(ServiceFaults, faults());

}  // namespace
}  // namespace millrace::testing
