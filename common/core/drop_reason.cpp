// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/drop_reason.h"

namespace millrace::core {
namespace {

constexpr DropReason row(Drop drop, std::string_view name, std::string_view sentence) {
  return {static_cast<std::uint8_t>(drop), name, sentence};
}
constexpr DropReason shortage(Drop drop, std::string_view name, std::string_view sentence) {
  return {static_cast<std::uint8_t>(drop), name, sentence, true};
}

constexpr std::array kReasons = {
    row(Drop::kNone, "none", "Not dropped."),
    row(Drop::kNoInterface, "no_interface", "No interface of the profile has this port and these VLAN tags."),
    row(Drop::kInterfaceDown, "interface_down", "The interface is administratively down."),
    row(Drop::kShortFrame, "short_frame", "The Ethernet header or a VLAN tag is cut off."),
    row(Drop::kTooManyTags, "too_many_tags", "More than two VLAN tags."),
    row(Drop::kUnknownType, "unknown_type", "The Ethernet type is neither ARP, IPv4 nor IPv6."),
    row(Drop::kBadArp, "bad_arp", "An ARP packet that is cut off or not for Ethernet and IPv4."),
    row(Drop::kBadIpv4Header, "bad_ipv4_header",
        "The IPv4 header is cut off or its version or length is wrong."),
    row(Drop::kBadIpv4Length, "bad_ipv4_length",
        "The IPv4 total length does not fit its header or its frame."),
    row(Drop::kBadIpv4Checksum, "bad_ipv4_checksum", "The IPv4 header checksum is wrong."),
    row(Drop::kBadIpv4Options, "bad_ipv4_options",
        "An IPv4 option overruns the header, or asks for source routing."),
    row(Drop::kBadIpv6Header, "bad_ipv6_header", "The IPv6 header is cut off or its version is wrong."),
    row(Drop::kBadIpv6Length, "bad_ipv6_length", "The IPv6 payload length is more than the frame holds."),
    row(Drop::kBadIpv6Extension, "bad_ipv6_extension",
        "The chain of IPv6 extension headers is cut off, too long, out of order, or has a type 0 routing "
        "header."),
    row(Drop::kBadFragment, "bad_fragment", "A fragment with an impossible offset or length."),
    row(Drop::kShortTransport, "short_transport", "The TCP, UDP, SCTP or ICMP header is cut off."),
    row(Drop::kBadTcpHeader, "bad_tcp_header", "The TCP data offset is under 5 or beyond the segment."),
    row(Drop::kBadUdpLength, "bad_udp_length", "The UDP length is under 8 or beyond the datagram."),
    row(Drop::kBadTransportChecksum, "bad_transport_checksum",
        "The TCP, UDP or SCTP checksum is wrong: the port says so, or the appliance found it in a segment "
        "that "
        "opens or ends a connection. If it hits all connections, the sender leaves its checksums to a device "
        "that does not write them: on a veth pair, ethtool -K DEVICE tx off."),
    row(Drop::kNotForUs, "not_for_us", "The destination MAC address is another machine's."),
    row(Drop::kMartianSource, "martian_source",
        "The source address can not be a sender's: loopback, multicast, broadcast, unspecified or our own."),
    row(Drop::kMartianDestination, "martian_destination",
        "The destination address is not to be forwarded: loopback, unspecified or link-local."),
    row(Drop::kLand, "land", "Source and destination are the same (a LAND attack)."),
    row(Drop::kMulticast, "multicast", "Multicast is not forwarded."),
    row(Drop::kLinkBroadcast, "link_broadcast",
        "Sent to all on its link by a broadcast or multicast frame, so not forwarded beyond it."),
    row(Drop::kFragmentOverlap, "fragment_overlap",
        "Fragments of one datagram overlap (RFC 5722, RFC 3128)."),
    row(Drop::kFragmentDuplicate, "fragment_duplicate", "This fragment has passed already."),
    row(Drop::kFragmentTiny, "fragment_tiny",
        "The first fragment cuts its transport header (RFC 1858, RFC 7112)."),
    row(Drop::kFragmentInvalid, "fragment_invalid",
        "The fragment does not fit the others of its datagram: beyond its end, too many, or an end of two "
        "lengths."),
    shortage(Drop::kFragmentTableFull, "fragment_table_full",
             "Too many datagrams in fragments, or packets waiting, at once."),
    row(Drop::kFragmentTimeout, "fragment_timeout",
        "The first fragment of this datagram did not come in time."),
    row(Drop::kFragmentRefused, "fragment_refused", "The first fragment of this datagram was dropped."),
    row(Drop::kOverlayHeader, "overlay_header",
        "The header of an overlay that ends here is cut off, of another version or against its RFC."),
    row(Drop::kOverlayFragment, "overlay_fragment",
        "A packet of an overlay that ends here was fragmented on its way (RFC 7348 section 4.3); lower "
        "the overlay's MTU at its far end."),
    row(Drop::kOverlayUnknown, "overlay_unknown",
        "No interface is the overlay with this network number from this far end."),
    row(Drop::kOverlayPayload, "overlay_payload",
        "What is inside is not what the overlay's interface takes: frames, or datagrams."),
    row(Drop::kOverlayChecksum, "overlay_checksum",
        "The outer checksum is wrong, or missing over IPv6; a far end that sends none needs zero_checksum."),
    row(Drop::kOverlayControl, "overlay_control",
        "A control message of an overlay's far end (the O bit of VXLAN-GPE or GENEVE); there is nobody "
        "here for it."),
    row(Drop::kOverlayOption, "overlay_option",
        "A GENEVE option that must be understood is not known here (RFC 8926 section 3.5.1)."),
    row(Drop::kOverlayCongestion, "overlay_congestion",
        "A router marked the outer packet as congested, and the inner one can not be told (RFC 6040 "
        "section 4.2)."),
    row(Drop::kServiceHeader, "service_header",
        "The service header is cut off, of another version, has a length against RFC 8300, or too many "
        "others inside."),
    row(Drop::kServicePath, "service_path", "No interface is the path that the service header names."),
    row(Drop::kServiceIndex, "service_index",
        "The service index is 0 already, or the label can not be one less: the chain is longer than its "
        "index."),
    row(Drop::kServiceOam, "service_oam",
        "A packet for operations and maintenance (the O bit), which no function here answers (RFC 8300 "
        "section 2.2)."),
    row(Drop::kServiceMetadata, "service_metadata",
        "The service header's MD type is reserved or unknown (RFC 8300 section 2.2)."),
    row(Drop::kServicePayload, "service_payload",
        "Behind the service header is neither IPv4, IPv6 nor a frame with one of them."),
    row(Drop::kPoliced, "policed", "More than a policer of the profile lets pass, `qos: {policers: ...}`."),
    row(Drop::kNoRoute, "no_route", "No route leads to the destination."),
    row(Drop::kBlackhole, "blackhole", "The route to the destination is a black hole."),
    row(Drop::kProhibited, "prohibited", "The route to the destination is prohibited or unreachable."),
    row(Drop::kTtlExceeded, "ttl_exceeded", "The TTL or hop limit ran out here."),
    row(Drop::kPacketTooBig, "packet_too_big", "Larger than the next link's MTU and not to be fragmented."),
    row(Drop::kNeighborUnresolved, "neighbor_unresolved",
        "The next hop did not answer ARP or neighbour discovery, or too many packets already wait for it."),
    shortage(Drop::kOwnerRingFull, "owner_ring_full",
             "The worker that owns this flow is behind; its ring is full."),
    shortage(Drop::kHostRingFull, "host_ring_full", "The Linux twin is behind; its ring is full."),
    shortage(Drop::kTransmitRingFull, "transmit_ring_full", "The worker that sends for this port is behind."),
    shortage(Drop::kTransmitFailed, "transmit_failed",
             "The port did not take the packet: its queue is full."),
    row(Drop::kPortDown, "port_down", "The port the packet leaves by is down."),
    shortage(Drop::kNoMemory, "no_memory", "No packet buffer was free."),
    row(Drop::kShutdown, "shutdown", "The appliance was stopping."),
};
static_assert(kReasons.size() == static_cast<std::size_t>(Drop::kCount));
static_assert(kReasons.size() <= kFirstFunctionReason);
static_assert([] {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (kReasons[i].id != i) return false;
  }
  return true;
}());

}  // namespace

std::span<const DropReason> core_drop_reasons() noexcept { return kReasons; }

}  // namespace millrace::core
