// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/packet_builder.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "tests/support/frame_bytes.h"

namespace millrace::testing {
namespace {

net::MacAddress mac_of(std::string_view text) {
  const auto mac = net::MacAddress::parse(text);
  if (!mac) throw std::invalid_argument(std::string(text));
  return *mac;
}

Frame address_of(std::string_view text, net::Family family) {
  const auto address = net::IpAddress::parse(text);
  if (!address || address->family() != family) throw std::invalid_argument(std::string(text));
  const auto& bytes = address->bytes();
  return {bytes.begin(), bytes.begin() + (address->is_v4() ? 4 : 16)};
}

}  // namespace

std::uint16_t plain_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    const unsigned low = at + 1 < bytes.size() ? bytes[at + 1] : 0U;
    sum += (unsigned{bytes[at]} << 8) + low;
    sum = (sum & 0xffffU) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

PacketBuilder& PacketBuilder::ethernet(const net::MacAddress& source, const net::MacAddress& destination) {
  has_ethernet_ = true;
  source_mac_ = source;
  destination_mac_ = destination;
  return *this;
}
PacketBuilder& PacketBuilder::ethernet(std::string_view source, std::string_view destination) {
  return ethernet(mac_of(source), mac_of(destination));
}
PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint8_t priority) {
  tags_.push_back({0x8100, static_cast<std::uint16_t>(priority << 13 | id)});
  return *this;
}
PacketBuilder& PacketBuilder::service_vlan(std::uint16_t id, std::uint8_t priority) {
  tags_.push_back({0x88a8, static_cast<std::uint16_t>(priority << 13 | id)});
  return *this;
}
PacketBuilder& PacketBuilder::untagged() {
  tags_.clear();
  return *this;
}
PacketBuilder& PacketBuilder::ether_type(std::uint16_t type) {
  ether_type_ = type;
  return *this;
}

PacketBuilder& PacketBuilder::arp(std::uint16_t operation, const net::MacAddress& sender_mac,
                                  std::string_view sender, const net::MacAddress& target_mac,
                                  std::string_view target) {
  network_ = Network::kArp;
  arp_.clear();
  put16(arp_, 1);
  put16(arp_, 0x0800);
  put8(arp_, 6);
  put8(arp_, 4);
  put16(arp_, operation);
  put(arp_, sender_mac.bytes);
  put(arp_, address_of(sender, net::Family::kIpv4));
  put(arp_, target_mac.bytes);
  put(arp_, address_of(target, net::Family::kIpv4));
  return *this;
}

PacketBuilder& PacketBuilder::ipv4(std::string_view source, std::string_view destination) {
  network_ = Network::kIpv4;
  source_ = address_of(source, net::Family::kIpv4);
  destination_ = address_of(destination, net::Family::kIpv4);
  return *this;
}
PacketBuilder& PacketBuilder::ipv6(std::string_view source, std::string_view destination) {
  network_ = Network::kIpv6;
  source_ = address_of(source, net::Family::kIpv6);
  destination_ = address_of(destination, net::Family::kIpv6);
  return *this;
}
PacketBuilder& PacketBuilder::ttl(std::uint8_t value) {
  ttl_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::traffic_class(std::uint8_t value) {
  traffic_class_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::flow_label(std::uint32_t value) {
  flow_label_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::id(std::uint16_t value) {
  id_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::df(bool set) {
  fragment_ = static_cast<std::uint16_t>((fragment_ & ~0x4000) | (set ? 0x4000 : 0));
  return *this;
}
PacketBuilder& PacketBuilder::reserved_flag() {
  fragment_ |= 0x8000;
  return *this;
}
PacketBuilder& PacketBuilder::fragment(std::uint16_t offset_bytes, bool more) {
  fragment_ = static_cast<std::uint16_t>((fragment_ & 0xc000) | (more ? 0x2000 : 0) | offset_bytes / 8);
  return *this;
}
PacketBuilder& PacketBuilder::ip_option(std::vector<std::uint8_t> option) {
  put(ip_options_, option);
  return *this;
}
PacketBuilder& PacketBuilder::protocol(std::uint8_t value) {
  protocol_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::ip_length(std::uint16_t value) {
  ip_length_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::version(std::uint8_t value) {
  version_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::header_words(std::uint8_t value) {
  header_words_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::bad_ip_checksum() {
  bad_ip_checksum_ = true;
  return *this;
}

PacketBuilder& PacketBuilder::extension(std::uint8_t type, std::vector<std::uint8_t> whole) {
  extensions_.push_back({type, std::move(whole)});
  return *this;
}
PacketBuilder& PacketBuilder::hop_by_hop(std::vector<std::uint8_t> body) {
  Frame whole{0, 0};
  put(whole, body);
  // RFC 8200 section 4.2: PadN fills what the options leave.
  const std::size_t left = (8 - whole.size() % 8) % 8;
  if (left == 1) whole.push_back(0);
  if (left >= 2) {
    whole.push_back(1);
    whole.push_back(static_cast<std::uint8_t>(left - 2));
    whole.resize(whole.size() + left - 2);
  }
  whole[1] = static_cast<std::uint8_t>(whole.size() / 8 - 1);
  return extension(0, std::move(whole));
}
PacketBuilder& PacketBuilder::destination_options(std::vector<std::uint8_t> body) {
  hop_by_hop(std::move(body));
  extensions_.back().type = 60;
  return *this;
}
PacketBuilder& PacketBuilder::routing(std::uint8_t type, std::vector<std::uint8_t> data) {
  Frame whole{0, 0, type, 0};
  put(whole, data);
  pad(whole, 8);
  whole[1] = static_cast<std::uint8_t>(whole.size() / 8 - 1);
  return extension(43, std::move(whole));
}
PacketBuilder& PacketBuilder::fragment_header(std::uint16_t offset_bytes, bool more, std::uint32_t id) {
  Frame whole{0, 0};
  put16(whole, (offset_bytes & 0xfff8U) | (more ? 1U : 0U));
  put32(whole, id);
  return extension(44, std::move(whole));
}
PacketBuilder& PacketBuilder::authentication(std::uint32_t spi, std::uint32_t sequence, unsigned icv_words) {
  Frame whole{0, static_cast<std::uint8_t>(icv_words + 1), 0, 0};
  put32(whole, spi);
  put32(whole, sequence);
  for (unsigned i = 0; i < icv_words; ++i) put32(whole, 0xa5a5a5a5U);
  return extension(51, std::move(whole));
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t source_port, std::uint16_t destination_port) {
  transport_ = Transport::kTcp;
  source_port_ = source_port;
  destination_port_ = destination_port;
  return *this;
}
PacketBuilder& PacketBuilder::flags(std::string_view letters) {
  constexpr std::string_view kLetters = "FSRPAUEC";
  flags_ = 0;
  for (const char letter : letters) {
    const auto bit = kLetters.find(letter);
    if (bit == std::string_view::npos) throw std::invalid_argument(std::string(letters));
    flags_ = static_cast<std::uint8_t>(flags_ | 1U << bit);
  }
  return *this;
}
PacketBuilder& PacketBuilder::seq(std::uint32_t value) {
  seq_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::ack(std::uint32_t value) {
  ack_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::window(std::uint16_t value) {
  window_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::option_mss(std::uint16_t value) {
  return option({2, 4, static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
}
PacketBuilder& PacketBuilder::option_window_scale(std::uint8_t shift) { return option({3, 3, shift}); }
PacketBuilder& PacketBuilder::option_sack_permitted() { return option({4, 2}); }
PacketBuilder& PacketBuilder::option_timestamps(std::uint32_t value, std::uint32_t echo) {
  Frame raw{8, 10};
  put32(raw, value);
  put32(raw, echo);
  return option(raw);
}
PacketBuilder& PacketBuilder::option(const std::vector<std::uint8_t>& raw) {
  put(tcp_options_, raw);
  return *this;
}
PacketBuilder& PacketBuilder::data_offset(std::uint8_t words) {
  data_offset_ = words;
  return *this;
}

PacketBuilder& PacketBuilder::udp(std::uint16_t source_port, std::uint16_t destination_port) {
  transport_ = Transport::kUdp;
  source_port_ = source_port;
  destination_port_ = destination_port;
  return *this;
}
PacketBuilder& PacketBuilder::udp_length(std::uint16_t value) {
  udp_length_ = value;
  return *this;
}
PacketBuilder& PacketBuilder::no_udp_checksum() {
  no_checksum_ = true;
  return *this;
}
PacketBuilder& PacketBuilder::sctp(std::uint16_t source_port, std::uint16_t destination_port,
                                   std::uint32_t tag) {
  transport_ = Transport::kSctp;
  source_port_ = source_port;
  destination_port_ = destination_port;
  word_ = tag;
  return *this;
}
PacketBuilder& PacketBuilder::icmp(std::uint8_t type, std::uint8_t code, std::uint32_t word) {
  transport_ = Transport::kIcmp;
  icmp_type_ = type;
  icmp_code_ = code;
  word_ = word;
  return *this;
}
PacketBuilder& PacketBuilder::echo_request(std::uint16_t id, std::uint16_t sequence) {
  return icmp(network_ == Network::kIpv6 ? 128 : 8, 0, std::uint32_t{id} << 16 | sequence);
}
PacketBuilder& PacketBuilder::echo_reply(std::uint16_t id, std::uint16_t sequence) {
  return icmp(network_ == Network::kIpv6 ? 129 : 0, 0, std::uint32_t{id} << 16 | sequence);
}
PacketBuilder& PacketBuilder::gre(std::uint16_t inner_type) {
  transport_ = Transport::kGre;
  source_port_ = inner_type;
  return *this;
}
PacketBuilder& PacketBuilder::esp(std::uint32_t spi, std::uint32_t sequence) {
  transport_ = Transport::kEsp;
  word_ = spi;
  second_word_ = sequence;
  return *this;
}
PacketBuilder& PacketBuilder::bad_transport_checksum() {
  bad_transport_checksum_ = true;
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::size_t count) {
  payload_.resize(count);
  for (std::size_t i = 0; i < count; ++i) payload_[i] = static_cast<std::uint8_t>(i);
  return *this;
}
PacketBuilder& PacketBuilder::payload(std::vector<std::uint8_t> data) {
  payload_ = std::move(data);
  return *this;
}
PacketBuilder& PacketBuilder::payload(std::string_view text) {
  payload_.assign(text.begin(), text.end());
  return *this;
}
PacketBuilder& PacketBuilder::embed(const PacketBuilder& inner, std::size_t most) {
  payload_ = inner.datagram();
  payload_.resize(std::min(payload_.size(), most));
  return *this;
}
PacketBuilder& PacketBuilder::pad_to(std::size_t frame_bytes) {
  pad_to_ = frame_bytes;
  return *this;
}
PacketBuilder& PacketBuilder::truncate(std::size_t frame_bytes) {
  truncate_ = frame_bytes;
  return *this;
}

}  // namespace millrace::testing
