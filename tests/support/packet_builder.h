// SPDX-License-Identifier: BSD-3-Clause
// Packets for tests, written field by field:
//
//   packet().ethernet(client_mac, our_mac).ipv4("10.0.0.1", "192.168.1.2").ttl(63).tcp(1024,
//   80).flags("S").bytes()
//
// Lengths, types and checksums are right unless a test breaks them. A builder is a value: copy it and change
// a field to say "the same packet, but". Nothing of common/net is used here, so that it can not agree with
// its own mistakes; only its address types are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"

namespace millrace::testing {

using Frame = std::vector<std::uint8_t>;

class PacketBuilder {
 public:
  // Link layer. Without ethernet() the packet begins with its IP header. vlan() adds a tag inside those
  // before it.
  PacketBuilder& ethernet(const net::MacAddress& source, const net::MacAddress& destination);
  PacketBuilder& ethernet(std::string_view source, std::string_view destination);
  PacketBuilder& vlan(std::uint16_t id, std::uint8_t priority = 0);
  PacketBuilder& service_vlan(std::uint16_t id, std::uint8_t priority = 0);  // 802.1ad, 0x88a8
  PacketBuilder& untagged();
  PacketBuilder& ether_type(std::uint16_t type);  // instead of the right one

  PacketBuilder& arp(std::uint16_t operation, const net::MacAddress& sender_mac, std::string_view sender,
                     const net::MacAddress& target_mac, std::string_view target);

  // Network layer. What is said after ipv4() or ipv6() is said of that header.
  PacketBuilder& ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& ipv6(std::string_view source, std::string_view destination);
  PacketBuilder& ttl(std::uint8_t value);  // or the hop limit
  PacketBuilder& hop() { return ttl(static_cast<std::uint8_t>(ttl_ - 1)); }
  PacketBuilder& traffic_class(std::uint8_t value);  // or the TOS byte
  PacketBuilder& dscp(std::uint8_t value) { return traffic_class(static_cast<std::uint8_t>(value << 2)); }
  PacketBuilder& flow_label(std::uint32_t value);
  PacketBuilder& id(std::uint16_t value);
  PacketBuilder& df(bool set = true);
  PacketBuilder& reserved_flag();                                  // the IPv4 header's, beside DF and MF
  PacketBuilder& fragment(std::uint16_t offset_bytes, bool more);  // in the IPv4 header
  PacketBuilder& ip_option(std::vector<std::uint8_t> option);      // whole; the header is padded with zeros
  PacketBuilder& protocol(std::uint8_t value);                     // instead of the right one
  PacketBuilder& ip_length(std::uint16_t value);  // total length (v4), payload length (v6), as written
  PacketBuilder& version(std::uint8_t value);
  PacketBuilder& header_words(std::uint8_t value);
  PacketBuilder& bad_ip_checksum();

  // IPv6 extension headers, in the order of the calls. `body` is what follows next header and length; it is
  // padded.
  PacketBuilder& hop_by_hop(std::vector<std::uint8_t> body = {});
  PacketBuilder& destination_options(std::vector<std::uint8_t> body = {});
  PacketBuilder& routing(std::uint8_t type, std::vector<std::uint8_t> data = {});
  PacketBuilder& fragment_header(std::uint16_t offset_bytes, bool more, std::uint32_t id);
  PacketBuilder& authentication(std::uint32_t spi, std::uint32_t sequence, unsigned icv_words = 3);
  PacketBuilder& extension(std::uint8_t type,
                           std::vector<std::uint8_t> whole);  // its first byte is overwritten

  // Transport layer.
  PacketBuilder& tcp(std::uint16_t source_port, std::uint16_t destination_port);
  PacketBuilder& flags(std::string_view letters);  // of "FSRPAUEC"
  PacketBuilder& seq(std::uint32_t value);
  PacketBuilder& ack(std::uint32_t value);  // the number only; the flag is flags()'
  PacketBuilder& window(std::uint16_t value);
  PacketBuilder& option_mss(std::uint16_t value);
  PacketBuilder& option_window_scale(std::uint8_t shift);
  PacketBuilder& option_sack_permitted();
  PacketBuilder& option_timestamps(std::uint32_t value, std::uint32_t echo);
  PacketBuilder& option(const std::vector<std::uint8_t>& raw);
  PacketBuilder& data_offset(std::uint8_t words);  // instead of the right one

  PacketBuilder& udp(std::uint16_t source_port, std::uint16_t destination_port);
  PacketBuilder& udp_length(std::uint16_t value);  // instead of the right one
  PacketBuilder& no_udp_checksum();
  PacketBuilder& sctp(std::uint16_t source_port, std::uint16_t destination_port,
                      std::uint32_t tag = 0x11223344);
  // ICMP or ICMPv6 by the IP header before it. `word` is what follows the checksum.
  PacketBuilder& icmp(std::uint8_t type, std::uint8_t code, std::uint32_t word = 0);
  PacketBuilder& echo_request(std::uint16_t id, std::uint16_t sequence);
  PacketBuilder& echo_reply(std::uint16_t id, std::uint16_t sequence);
  PacketBuilder& gre(std::uint16_t inner_type);
  PacketBuilder& esp(std::uint32_t spi, std::uint32_t sequence);
  PacketBuilder& bad_transport_checksum();

  // What the transport header carries. payload(n): n bytes counting up from 0.
  PacketBuilder& payload(std::size_t count);
  PacketBuilder& payload(std::vector<std::uint8_t> data);
  PacketBuilder& payload(std::string_view text);
  // The IP datagram of another packet, its first `most` bytes: inside an ICMP error or a tunnel.
  PacketBuilder& embed(const PacketBuilder& inner, std::size_t most = 65535);

  // Behind the datagram; then from the end.
  PacketBuilder& pad_to(std::size_t frame_bytes);
  PacketBuilder& truncate(std::size_t frame_bytes);

  [[nodiscard]] Frame bytes() const;
  [[nodiscard]] Frame datagram() const;  // from the IP header on, without padding
  // For fragments: what the IP header (and hop-by-hop options) carries, and an IP fragment with part of it.
  [[nodiscard]] Frame ip_payload() const;
  [[nodiscard]] PacketBuilder piece(std::size_t offset, std::size_t length, std::uint32_t fragment_id) const;

 private:
  enum class Network : std::uint8_t { kNone, kArp, kIpv4, kIpv6 };
  enum class Transport : std::uint8_t { kNone, kTcp, kUdp, kSctp, kIcmp, kGre, kEsp };
  struct Tag {
    std::uint16_t type;
    std::uint16_t tci;
  };
  struct Extension {
    std::uint8_t type;
    std::vector<std::uint8_t> bytes;
  };

  [[nodiscard]] std::uint8_t transport_protocol() const;
  [[nodiscard]] Frame transport() const;  // header and payload
  [[nodiscard]] Frame network() const;
  void put_transport_checksum(Frame& segment) const;

  bool has_ethernet_ = false;
  net::MacAddress source_mac_;
  net::MacAddress destination_mac_;
  std::vector<Tag> tags_;
  std::optional<std::uint16_t> ether_type_;

  Network network_ = Network::kNone;
  Frame arp_;
  Frame source_;  // addresses on the wire
  Frame destination_;
  std::uint8_t ttl_ = 64;
  std::uint8_t traffic_class_ = 0;
  std::uint32_t flow_label_ = 0;
  std::uint16_t id_ = 1;
  std::uint16_t fragment_ = 0;
  Frame ip_options_;
  std::optional<std::uint8_t> protocol_;
  std::optional<std::uint16_t> ip_length_;
  std::optional<std::uint8_t> version_;
  std::optional<std::uint8_t> header_words_;
  bool bad_ip_checksum_ = false;
  std::vector<Extension> extensions_;

  Transport transport_ = Transport::kNone;
  std::uint16_t source_port_ = 0;
  std::uint16_t destination_port_ = 0;
  std::uint8_t flags_ = 0x10;
  std::uint32_t seq_ = 0;
  std::uint32_t ack_ = 0;
  std::uint16_t window_ = 65535;
  Frame tcp_options_;
  std::optional<std::uint8_t> data_offset_;
  std::optional<std::uint16_t> udp_length_;
  bool no_checksum_ = false;
  bool bad_transport_checksum_ = false;
  std::uint8_t icmp_type_ = 0;
  std::uint8_t icmp_code_ = 0;
  std::uint32_t word_ = 0;  // after ICMP's checksum; SCTP's tag; ESP's SPI
  std::uint32_t second_word_ = 0;

  Frame payload_;
  std::size_t pad_to_ = 0;
  std::size_t truncate_ = SIZE_MAX;
};

[[nodiscard]] inline PacketBuilder packet() { return {}; }

// The one's complement checksum of RFC 1071, word by word as the RFC writes it; the oracle of checksum tests.
[[nodiscard]] std::uint16_t plain_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0);

}  // namespace millrace::testing
