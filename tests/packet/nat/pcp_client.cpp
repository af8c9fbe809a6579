// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/nat/pcp_client.h"

namespace millrace::testing::pcp_client {
namespace {

void put16(Frame& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}
void put32(Frame& to, std::uint32_t value) {
  put16(to, value >> 16);
  put16(to, value & 0xffffU);
}
void put_address(Frame& to, std::string_view text) {
  const auto address = *net::IpAddress::parse(text);
  const auto& bytes = address.bytes();
  if (!address.is_v4()) {
    to.insert(to.end(), bytes.begin(), bytes.end());
    return;
  }
  to.insert(to.end(), 10, 0);
  to.insert(to.end(), 2, 0xff);
  to.insert(to.end(), bytes.begin(), bytes.begin() + 4);
}

std::uint32_t get32(const Frame& from, std::size_t at) {
  return std::uint32_t{from.at(at)} << 24 | std::uint32_t{from.at(at + 1)} << 16 |
         std::uint32_t{from.at(at + 2)} << 8 | from.at(at + 3);
}
std::uint16_t get16(const Frame& from, std::size_t at) {
  return static_cast<std::uint16_t>(from.at(at) << 8 | from.at(at + 1));
}

Frame header(std::uint8_t opcode, std::uint32_t lifetime, std::string_view client) {
  Frame out{2, opcode, 0, 0};
  put32(out, lifetime);
  put_address(out, client);
  return out;
}

void put_mapping(Frame& to, const Wish& wish) {
  to.insert(to.end(), 12, wish.nonce);
  to.push_back(wish.protocol);
  to.insert(to.end(), 3, 0);
  put16(to, wish.port);
  put16(to, wish.suggested);
  put_address(to, wish.suggested_address);
}

}  // namespace

Frame announce(std::string_view client) { return header(0, 0, client); }

Frame map(const Wish& wish) {
  Frame out = header(1, wish.lifetime, wish.client);
  put_mapping(out, wish);
  return out;
}

Frame peer(const Wish& wish, std::string_view remote, std::uint16_t remote_port) {
  Frame out = header(2, wish.lifetime, wish.client);
  put_mapping(out, wish);
  put16(out, remote_port);
  put16(out, 0);
  put_address(out, remote);
  return out;
}

Frame option(std::uint8_t code, const Frame& data) {
  Frame out{code, 0};
  put16(out, static_cast<unsigned>(data.size()));
  out.insert(out.end(), data.begin(), data.end());
  out.resize((out.size() + 3) / 4 * 4);
  return out;
}

Frame third_party(std::string_view host) {
  Frame data;
  put_address(data, host);
  return option(1, data);
}

Frame prefer_failure() { return option(2, {}); }

Frame filter(std::string_view remote, std::uint8_t length, std::uint16_t port) {
  Frame data{0, length};
  put16(data, port);
  put_address(data, remote);
  return option(3, data);
}

Frame with(Frame message, const Frame& option) {
  message.insert(message.end(), option.begin(), option.end());
  return message;
}

namespace {
std::string_view server_of(std::string_view host) {
  return host.find(':') == std::string_view::npos ? "10.0.0.1" : "2001:db8:1::1";
}
}  // namespace

PacketBuilder packet_of(const Frame& message, std::string_view from) {
  return NatBed::inside(from, server_of(from)).udp(40000, 5351).payload(message);
}

Frame reply_to(NatBed& bed, const Frame& message, std::string_view from) {
  const std::uint64_t before = bed.dropped(nat::Drop::kPortControl);
  const auto answer = bed.one(kInside, packet_of(message, from));
  if (!answer) return {};
  EXPECT_EQ(bed.dropped(nat::Drop::kPortControl), before + 1);
  EXPECT_EQ(answer->port, kInside);
  EXPECT_EQ(answer->ends(), std::string(server_of(from)) + ":5351 > " + std::string(from) + ":40000");
  return answer->payload;
}

std::optional<Answer> ask(NatBed& bed, const Frame& message, std::string_view from) {
  const Frame payload = reply_to(bed, message, from);
  EXPECT_GE(payload.size(), 24U);
  if (payload.size() < 24) return std::nullopt;
  EXPECT_EQ(payload[0], 2);
  EXPECT_EQ(payload.size() % 4, 0U);
  EXPECT_LE(payload.size(), 1100U);
  Answer answer;
  EXPECT_NE(payload[1] & 0x80, 0);
  answer.opcode = payload[1] & 0x7f;
  EXPECT_EQ(payload[2], 0);
  answer.result = payload[3];
  answer.lifetime = get32(payload, 4);
  answer.epoch = get32(payload, 8);
  for (std::size_t at = 12; at < 24; ++at) EXPECT_EQ(payload[at], 0);
  answer.payload = payload;
  if (payload.size() < 60) return answer;
  answer.internal_port = get16(payload, 40);
  answer.port = get16(payload, 42);
  for (std::size_t at = 56; at < 60; ++at)
    answer.address += (at == 56 ? "" : ".") + std::to_string(payload[at]);
  return answer;
}

int result_of(NatBed& bed, const Frame& message, std::string_view from) {
  const auto answer = ask(bed, message, from);
  return answer ? answer->result : -1;
}

PacketBuilder into(const Answer& mapping, std::string_view from, std::uint16_t port) {
  return NatBed::outside(from, mapping.address).udp(port, mapping.port).payload(20);
}

std::size_t leases(const NatBed& bed) {
  std::size_t sum = 0;
  for (const nat::WorkerState* state : bed.states()) sum += state->bindings.leases().records().size();
  return sum;
}

NatSpec answering() {
  NatSpec spec;
  spec.port_control = nat::PortControl{};
  return spec;
}

}  // namespace millrace::testing::pcp_client
