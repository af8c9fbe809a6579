// SPDX-License-Identifier: BSD-3-Clause
// From what was said of a packet to its bytes.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "tests/support/frame_bytes.h"
#include "tests/support/packet_builder.h"

namespace millrace::testing {
namespace {

// RFC 9260 appendix A: CRC-32C, reflected, sent in little-endian order.
std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xffffffffU;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

}  // namespace

std::uint8_t PacketBuilder::transport_protocol() const {
  if (protocol_) return *protocol_;
  switch (transport_) {
    case Transport::kTcp:
      return 6;
    case Transport::kUdp:
      return 17;
    case Transport::kSctp:
      return 132;
    case Transport::kIcmp:
      return network_ == Network::kIpv6 ? 58 : 1;
    case Transport::kGre:
      return 47;
    case Transport::kEsp:
      return 50;
    case Transport::kNone:
      break;
  }
  return network_ == Network::kIpv6 ? 59 : 255;
}

// The sum runs over the pseudo-header of RFC 9293 section 3.1 or RFC 8200 section 8.1.
void PacketBuilder::put_transport_checksum(Frame& segment) const {
  std::size_t at = 0;
  switch (transport_) {
    case Transport::kTcp:
      at = 16;
      break;
    case Transport::kUdp:
      at = 6;
      break;
    case Transport::kIcmp:
      at = 2;
      break;
    case Transport::kSctp: {
      std::uint32_t crc = crc32c(segment);
      if (bad_transport_checksum_) crc ^= 1U;
      for (std::size_t i = 0; i < 4; ++i) segment[8 + i] = static_cast<std::uint8_t>(crc >> (8 * i));
      return;
    }
    default:
      return;
  }
  Frame summed;
  if (transport_ != Transport::kIcmp || network_ == Network::kIpv6) {
    put(summed, source_);
    put(summed, destination_);
    put32(summed, static_cast<std::uint32_t>(segment.size()));
    put32(summed, transport_ == Transport::kTcp ? 6 : transport_ == Transport::kUdp ? 17 : 58);
  }
  put(summed, segment);
  std::uint16_t checksum = plain_checksum(summed);
  if (transport_ == Transport::kUdp) {
    if (no_checksum_) return;
    if (checksum == 0) checksum = 0xffff;  // RFC 768
  }
  if (bad_transport_checksum_) checksum ^= 0x5555;
  set16(segment, at, checksum);
}

Frame PacketBuilder::transport() const {
  Frame out;
  switch (transport_) {
    case Transport::kNone:
      break;
    case Transport::kTcp: {
      Frame options = tcp_options_;
      pad(options, 4);
      put16(out, source_port_);
      put16(out, destination_port_);
      put32(out, seq_);
      put32(out, ack_);
      put8(out, unsigned{data_offset_.value_or(static_cast<std::uint8_t>(5 + options.size() / 4))} << 4);
      put8(out, flags_);
      put16(out, window_);
      put32(out, 0);  // checksum, urgent pointer
      put(out, options);
      break;
    }
    case Transport::kUdp:
      put16(out, source_port_);
      put16(out, destination_port_);
      put16(out, udp_length_.value_or(static_cast<std::uint16_t>(8 + payload_.size())));
      put16(out, 0);
      break;
    case Transport::kSctp:
      put16(out, source_port_);
      put16(out, destination_port_);
      put32(out, word_);
      put32(out, 0);
      break;
    case Transport::kIcmp:
      put8(out, icmp_type_);
      put8(out, icmp_code_);
      put16(out, 0);
      put32(out, word_);
      break;
    case Transport::kGre:
      put16(out, 0);
      put16(out, source_port_);
      break;
    case Transport::kEsp:
      put32(out, word_);
      put32(out, second_word_);
      break;
  }
  put(out, payload_);
  put_transport_checksum(out);
  return out;
}

Frame PacketBuilder::network() const {
  if (network_ == Network::kArp) return arp_;
  Frame out;
  const Frame segment = transport();
  if (network_ == Network::kIpv4) {
    Frame options = ip_options_;
    pad(options, 4);
    const std::size_t header = 20 + options.size();
    put8(out,
         unsigned{version_.value_or(4)} << 4 | header_words_.value_or(static_cast<std::uint8_t>(header / 4)));
    put8(out, traffic_class_);
    put16(out, ip_length_.value_or(static_cast<std::uint16_t>(header + segment.size())));
    put16(out, id_);
    put16(out, fragment_);
    put8(out, ttl_);
    put8(out, transport_protocol());
    put16(out, 0);
    put(out, source_);
    put(out, destination_);
    put(out, options);
    set16(out, 10, plain_checksum(out) ^ (bad_ip_checksum_ ? 0x5555U : 0U));
  } else if (network_ == Network::kIpv6) {
    Frame chain;
    for (std::size_t i = 0; i < extensions_.size(); ++i) {
      const std::size_t start = chain.size();
      put(chain, extensions_[i].bytes);
      if (!extensions_[i].bytes.empty())
        chain[start] = i + 1 < extensions_.size() ? extensions_[i + 1].type : transport_protocol();
    }
    put32(out, std::uint32_t{version_.value_or(6)} << 28 | std::uint32_t{traffic_class_} << 20 | flow_label_);
    put16(out, ip_length_.value_or(static_cast<std::uint16_t>(chain.size() + segment.size())));
    put8(out, extensions_.empty() ? transport_protocol() : extensions_[0].type);
    put8(out, ttl_);
    put(out, source_);
    put(out, destination_);
    put(out, chain);
  }
  put(out, segment);
  return out;
}

Frame PacketBuilder::datagram() const { return network(); }

Frame PacketBuilder::bytes() const {
  Frame out;
  if (has_ethernet_) {
    put(out, destination_mac_.bytes);
    put(out, source_mac_.bytes);
    for (const Tag& tag : tags_) {
      put16(out, tag.type);
      put16(out, tag.tci);
    }
    constexpr std::array<std::uint16_t, 4> kTypes = {0x88b5, 0x0806, 0x0800,
                                                     0x86dd};  // 0x88b5: local experiments
    put16(out, ether_type_.value_or(kTypes[static_cast<std::size_t>(network_)]));
  }
  put(out, network());
  if (out.size() < pad_to_) out.resize(pad_to_);
  if (out.size() > truncate_) out.resize(truncate_);
  return out;
}

Frame PacketBuilder::ip_payload() const {
  Frame whole = network();
  const std::size_t header = network_ == Network::kIpv4 ? 20 + (ip_options_.size() + 3) / 4 * 4 : 40;
  return {whole.begin() + static_cast<std::ptrdiff_t>(std::min(header, whole.size())), whole.end()};
}

// RFC 791 section 2.3, RFC 8200 section 4.5. Of the options, IPv4's are all copied; IPv6 packets to be cut
// have none.
PacketBuilder PacketBuilder::piece(std::size_t offset, std::size_t length, std::uint32_t fragment_id) const {
  if (!extensions_.empty()) throw std::logic_error("cutting a packet with extension headers");
  const Frame whole = ip_payload();
  const std::size_t end = std::min(offset + length, whole.size());
  PacketBuilder out = *this;
  out.transport_ = Transport::kNone;
  out.protocol_ = transport_protocol();
  out.payload_.assign(whole.begin() + static_cast<std::ptrdiff_t>(offset),
                      whole.begin() + static_cast<std::ptrdiff_t>(end));
  const auto at = static_cast<std::uint16_t>(offset);
  if (network_ == Network::kIpv4) {
    out.id(static_cast<std::uint16_t>(fragment_id)).fragment(at, end < whole.size());
  } else {
    out.fragment_header(at, end < whole.size(), fragment_id);
  }
  return out;
}

}  // namespace millrace::testing
