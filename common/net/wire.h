// SPDX-License-Identifier: BSD-3-Clause
// Protocol headers as they lie in a packet. Alignment 1, so they may be laid over any byte a Reader checked.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/big_endian.h"
#include "common/net/address.h"

namespace millrace::net {

namespace ether_type {
inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kVlan = 0x8100;  // IEEE 802.1Q C-tag
inline constexpr std::uint16_t kQinQ = 0x88a8;  // IEEE 802.1ad S-tag
inline constexpr std::uint16_t kIpv6 = 0x86dd;
inline constexpr std::uint16_t kMpls = 0x8847;
inline constexpr std::uint16_t kNsh = 0x894f;
inline constexpr std::uint16_t kBridged = 0x6558;  // a whole Ethernet frame, in GRE and Geneve
}  // namespace ether_type

inline constexpr std::uint16_t kMostVlanId = 0xfff;  // 12 bits; 802.1Q reserves the last for itself

namespace protocol {  // IANA protocol numbers
inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kIpv4InIp = 4;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIpv6InIp = 41;
inline constexpr std::uint8_t kIpv6Routing = 43;
inline constexpr std::uint8_t kIpv6Fragment = 44;
inline constexpr std::uint8_t kGre = 47;
inline constexpr std::uint8_t kEsp = 50;
inline constexpr std::uint8_t kAh = 51;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kIpv6NoNext = 59;
inline constexpr std::uint8_t kIpv6Destination = 60;
inline constexpr std::uint8_t kSctp = 132;
inline constexpr std::uint8_t kMobility = 135;
inline constexpr std::uint8_t kHip = 139;
inline constexpr std::uint8_t kShim6 = 140;

[[nodiscard]] constexpr bool is_icmp(std::uint8_t protocol) noexcept {  // of either family
  return protocol == kIcmp || protocol == kIcmpv6;
}
}  // namespace protocol

namespace tcp_flag {  // RFC 9293 section 3.1
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;
inline constexpr std::uint8_t kUrg = 0x20;
inline constexpr std::uint8_t kEce = 0x40;
inline constexpr std::uint8_t kCwr = 0x80;
}  // namespace tcp_flag

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

// What follows the 0x8100: priority, drop-eligible, 12-bit id; then the next type.
struct VlanTag {
  be16 tci;
  be16 type;
};
static_assert(sizeof(VlanTag) == 4);

struct ArpHeader {  // RFC 826, for Ethernet and IPv4
  be16 hardware;
  be16 protocol;
  std::uint8_t hardware_length;
  std::uint8_t protocol_length;
  be16 operation;  // 1 request, 2 reply
  MacAddress sender_mac;
  Ipv4Address sender;
  MacAddress target_mac;
  Ipv4Address target;
};
static_assert(sizeof(ArpHeader) == 28);

struct Ipv4Header {  // RFC 791
  std::uint8_t version_length;
  std::uint8_t tos;
  be16 total_length;
  be16 id;
  be16 fragment;  // flags and offset in units of 8 bytes
  std::uint8_t ttl;
  std::uint8_t protocol;
  be16 checksum;
  Ipv4Address source;
  Ipv4Address destination;

  static constexpr std::uint16_t kDontFragment = 0x4000;
  static constexpr std::uint16_t kMoreFragments = 0x2000;
  static constexpr std::uint16_t kOffsetMask = 0x1fff;

  [[nodiscard]] unsigned version() const noexcept { return version_length >> 4; }
  [[nodiscard]] unsigned header_length() const noexcept { return (version_length & 0x0fU) * 4; }
};
static_assert(sizeof(Ipv4Header) == 20);

struct Ipv6Header {  // RFC 8200
  be32 version_class_flow;
  be16 payload_length;
  std::uint8_t next_header;
  std::uint8_t hop_limit;
  Ipv6Address source;
  Ipv6Address destination;

  [[nodiscard]] unsigned version() const noexcept { return version_class_flow.host() >> 28; }
  [[nodiscard]] std::uint8_t traffic_class() const noexcept {
    return static_cast<std::uint8_t>(version_class_flow.host() >> 20);
  }
};
static_assert(sizeof(Ipv6Header) == 40);

// RFC 8200 section 4: how the options headers and the routing header begin.
struct Ipv6Extension {
  std::uint8_t next_header;
  std::uint8_t length;  // in units of 8 bytes, not counting the first 8
};

struct Ipv6FragmentHeader {  // RFC 8200 section 4.5
  std::uint8_t next_header;
  std::uint8_t reserved;
  be16 offset_more;  // offset in the upper 13 bits, more-fragments in the lowest
  be32 id;
};
static_assert(sizeof(Ipv6FragmentHeader) == 8);

struct TcpHeader {  // RFC 9293
  be16 source_port;
  be16 destination_port;
  be32 sequence;
  be32 acknowledgment;
  std::uint8_t data_offset;  // upper four bits, in words
  std::uint8_t flags;
  be16 window;
  be16 checksum;
  be16 urgent;

  [[nodiscard]] unsigned header_length() const noexcept { return (data_offset >> 4) * 4U; }
};
static_assert(sizeof(TcpHeader) == 20);

struct UdpHeader {  // RFC 768
  be16 source_port;
  be16 destination_port;
  be16 length;
  be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

struct SctpHeader {  // RFC 9260 section 3.1
  be16 source_port;
  be16 destination_port;
  be32 verification_tag;
  be32 checksum;
};
static_assert(sizeof(SctpHeader) == 12);

struct IcmpHeader {  // RFC 792, RFC 4443: the two families share this shape
  std::uint8_t type;
  std::uint8_t code;
  be16 checksum;
  be16 id;        // echo and the other queries; 0 or the MTU's upper half in errors
  be16 sequence;  // echo; the next-hop MTU in "fragmentation needed" (RFC 1191)
};
static_assert(sizeof(IcmpHeader) == 8);

struct GreHeader {  // RFC 2784, RFC 2890; checksum, key and sequence number follow where the flags say so
  be16 flags_version;
  be16 protocol;

  static constexpr std::uint16_t kChecksum = 0x8000;
  static constexpr std::uint16_t kKey = 0x2000;
  static constexpr std::uint16_t kSequence = 0x1000;
};
static_assert(sizeof(GreHeader) == 4);

struct VxlanHeader {  // RFC 7348 section 5; with the generic protocol extension, draft-ietf-nvo3-vxlan-gpe-13
  std::uint8_t flags;
  std::array<std::uint8_t, 2> reserved;
  std::uint8_t next_protocol;  // with kNextProtocol
  be32 vni_reserved;           // the VNI in the upper 24 bits

  static constexpr std::uint8_t kVersion = 0x30;  // two bits
  static constexpr std::uint8_t kVni = 0x08;
  static constexpr std::uint8_t kNextProtocol = 0x04;
  static constexpr std::uint8_t kOam = 0x01;
};
static_assert(sizeof(VxlanHeader) == 8);

struct GeneveHeader {           // RFC 8926 section 3.4
  std::uint8_t version_length;  // two bits of version, six of the options' length in words
  std::uint8_t flags;
  be16 protocol;
  be32 vni_reserved;

  static constexpr std::uint8_t kControl = 0x80;
  static constexpr std::uint8_t kCritical = 0x40;

  [[nodiscard]] unsigned version() const noexcept { return version_length >> 6; }
  [[nodiscard]] unsigned options_length() const noexcept { return (version_length & 0x3fU) * 4; }
};
static_assert(sizeof(GeneveHeader) == 8);

struct GeneveOption {  // RFC 8926 section 3.5
  be16 option_class;
  std::uint8_t type;
  std::uint8_t length;  // of the data, in words; the upper three bits are reserved

  static constexpr std::uint8_t kCritical = 0x80;  // of the type

  [[nodiscard]] unsigned data_length() const noexcept { return (length & 0x1fU) * 4; }
};
static_assert(sizeof(GeneveOption) == 4);

struct NshHeader {  // RFC 8300 section 2; metadata follows
  be16 base;        // version 2 bits, O, a bit, TTL 6, length 6 in words
  std::uint8_t md;  // four bits unassigned, MD type 4
  std::uint8_t next_protocol;
  be32 path_index;  // service path identifier 24, service index 8

  static constexpr unsigned kMdFixed = 1;
  static constexpr unsigned kMdVariable = 2;

  [[nodiscard]] unsigned version() const noexcept { return base.host() >> 14; }
  [[nodiscard]] bool oam() const noexcept { return (base.host() & 0x2000U) != 0; }
  [[nodiscard]] unsigned ttl() const noexcept { return base.host() >> 6 & 0x3fU; }
  [[nodiscard]] unsigned length() const noexcept {
    return (base.host() & 0x3fU) * 4;
  }  // this header included
  [[nodiscard]] unsigned md_type() const noexcept { return md & 0xfU; }
};
static_assert(sizeof(NshHeader) == 8);

struct MplsEntry {  // RFC 3032 section 2.1
  be32 word;        // label 20 bits, traffic class 3, bottom of stack 1, TTL 8

  static constexpr unsigned kLabelShift = 12;

  [[nodiscard]] std::uint32_t label() const noexcept { return word.host() >> kLabelShift; }
  [[nodiscard]] bool is_last() const noexcept { return (word.host() & 0x100U) != 0; }
};
static_assert(sizeof(MplsEntry) == 4);

// draft-ietf-intarea-gue-09 section 3.1, variant 0: data, without extension fields, when all but `protocol`
// are zero.
struct GueHeader {
  std::uint8_t variant_length;  // variant, control bit, length of what follows these four bytes, in words
  std::uint8_t protocol;        // of the datagram inside
  be16 flags;
};
static_assert(sizeof(GueHeader) == 4);

struct EspHeader {  // RFC 4303
  be32 spi;
  be32 sequence;
};

namespace icmp {  // RFC 792
inline constexpr std::uint8_t kEchoReply = 0;
inline constexpr std::uint8_t kUnreachable = 3;
inline constexpr std::uint8_t kSourceQuench = 4;
inline constexpr std::uint8_t kRedirect = 5;
inline constexpr std::uint8_t kEchoRequest = 8;
inline constexpr std::uint8_t kTimeExceeded = 11;
inline constexpr std::uint8_t kParameterProblem = 12;
inline constexpr std::uint8_t kTimestampRequest = 13;
inline constexpr std::uint8_t kTimestampReply = 14;
inline constexpr std::uint8_t kCodeNetUnreachable = 0;
inline constexpr std::uint8_t kCodeHostUnreachable = 1;
inline constexpr std::uint8_t kCodeProtocolUnreachable = 2;
inline constexpr std::uint8_t kCodePortUnreachable = 3;
inline constexpr std::uint8_t kCodeFragmentationNeeded = 4;
inline constexpr std::uint8_t kCodeHostProhibited = 10;
inline constexpr std::uint8_t kCodeAdminProhibited = 13;
}  // namespace icmp

namespace icmpv6 {  // RFC 4443, RFC 4861
inline constexpr std::uint8_t kUnreachable = 1;
inline constexpr std::uint8_t kPacketTooBig = 2;
inline constexpr std::uint8_t kTimeExceeded = 3;
inline constexpr std::uint8_t kParameterProblem = 4;
inline constexpr std::uint8_t kEchoRequest = 128;
inline constexpr std::uint8_t kEchoReply = 129;
inline constexpr std::uint8_t kRouterSolicitation = 133;
inline constexpr std::uint8_t kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighborSolicitation = 135;
inline constexpr std::uint8_t kNeighborAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
inline constexpr std::uint8_t kCodeNoRoute = 0;
inline constexpr std::uint8_t kCodeAdminProhibited = 1;
inline constexpr std::uint8_t kCodeAddressUnreachable = 3;
inline constexpr std::uint8_t kCodePortUnreachable = 4;
inline constexpr std::uint8_t kCodeSourcePolicy = 5;
inline constexpr std::uint8_t kCodeErroneousField = 0;
inline constexpr std::uint8_t kCodeUnknownNextHeader = 1;
}  // namespace icmpv6

}  // namespace millrace::net
