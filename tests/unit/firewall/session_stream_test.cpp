// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_stream.h"

#include <cstring>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "common/base/crc32c.h"

namespace millrace::firewall {
namespace {

PortableSession tcp_session() {
  PortableSession session;
  session.ends = {.initiator = *net::IpAddress::parse("192.0.2.7"),
                  .responder = *net::IpAddress::parse("198.51.100.9"),
                  .initiator_port = 40001,
                  .responder_port = 443};
  session.protocol = 6;
  session.tcp_state = flow::TcpState::kEstablished;
  session.tcp.side[0] = {.end = 0x01020304, .max_ack = 5, .max_window = 65535, .scale = 7, .flags = 0x87};
  session.tcp.side[1] = {.end = 77, .max_ack = 0xfffffffe, .max_window = 1, .scale = 14, .flags = 0x84};
  session.replied = true;
  session.packets = {3, 1ULL << 40};
  session.bytes = {1234, 1ULL << 50};
  session.age = 4'000'000'000U;
  session.idle = 1500;
  session.dscp = 46;
  session.first_tcp_flags = 2;
  session.tags = {.outer = 4095, .vlan = 258};
  session.naming = Naming::kOther;
  return session;
}

PortableSession some_session(std::mt19937& random) {
  const auto number = [&] { return static_cast<std::uint32_t>(random()); };
  PortableSession session;
  const bool v6 = number() % 2 == 0;
  const auto address = [&]() -> net::IpAddress {
    if (!v6) return net::Ipv4Address{be32(number())};
    net::Ipv6Address one;
    for (auto& byte : one.bytes) byte = static_cast<std::uint8_t>(number());
    return one;
  };
  session.ends = {.initiator = address(),
                  .responder = address(),
                  .initiator_port = static_cast<std::uint16_t>(number()),
                  .responder_port = static_cast<std::uint16_t>(number())};
  session.protocol = number() % 2 == 0 ? 6 : 17;
  if (session.protocol == 6) session.tcp_state = static_cast<flow::TcpState>(1 + number() % 9);
  for (auto& side : session.tcp.side) {
    side = {.end = number(),
            .max_ack = number(),
            .max_window = static_cast<std::uint16_t>(number()),
            .scale = static_cast<std::uint8_t>(number() % 15),
            .flags = static_cast<std::uint8_t>(number())};
  }
  session.replied = number() % 2 == 0;
  session.logged = number() % 2 == 0;
  session.dscp = static_cast<std::uint8_t>(number() % 64);
  session.icmp_type = static_cast<std::uint8_t>(number());
  session.icmp_code = static_cast<std::uint8_t>(number());
  session.first_tcp_flags = static_cast<std::uint8_t>(number());
  session.proxied = session.protocol == 6 && number() % 4 == 0;
  session.joining = session.proxied && number() % 2 == 0;
  session.proxy_sequence = number();
  session.proxy_delta = number();
  session.proxy_segment_size = static_cast<std::uint16_t>(number());
  session.packets = {number(), std::uint64_t{number()} << 32};
  session.bytes = {std::uint64_t{number()} << 20, number()};
  session.age = number();
  session.idle = number();
  session.naming = static_cast<Naming>(number() % 4);
  session.refused = session.naming >= Naming::kNamed && number() % 2 == 0;
  if (number() % 2 == 0) session.tags.vlan = static_cast<std::uint16_t>(1 + number() % 4095);
  if (session.tags.vlan != 0) session.tags.outer = static_cast<std::uint16_t>(number() % 4096);
  return session;
}

std::string small_stream() {
  SessionStreamWriter writer;
  PortableSession session = tcp_session();
  session.rule = writer.number(NameKind::kRule, "web-in");
  session.ingress = writer.number(NameKind::kInterface, "untrust");
  session.egress = writer.number(NameKind::kInterface, "trust");
  session.domain = writer.number(NameKind::kDomain, "default");
  std::string stream = writer.begin();
  stream += writer.append({session});
  return stream + writer.end();
}

TEST(SessionStream, Crc32cIsThatOfRfc3720) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720 appendix B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(SessionStream, WhatIsWrittenIsRead) {
  std::mt19937 random(3);
  std::vector<PortableSession> sessions;
  SessionStreamWriter writer;
  std::string stream = writer.begin();
  for (const unsigned count : {1U, 0U, 255U, 256U, 257U, 700U}) {
    std::vector<PortableSession> piece;
    for (unsigned i = 0; i < count; ++i) {
      PortableSession session = some_session(random);
      session.rule = writer.number(NameKind::kRule, "rule-" + std::to_string(random() % 40));
      session.ingress = writer.number(NameKind::kInterface, random() % 2 == 0 ? "trust" : "untrust");
      session.egress = writer.number(NameKind::kInterface, "");  // none
      session.domain = writer.number(NameKind::kDomain, "default");
      if (session.naming == Naming::kNamed) {
        session.application = writer.number(NameKind::kApplication, random() % 2 == 0 ? "tls" : "quic");
        if (random() % 2 == 0) session.carried = writer.number(NameKind::kApplication, "youtube");
      }
      piece.push_back(session);
    }
    stream += writer.append(piece);
    sessions.insert(sessions.end(), piece.begin(), piece.end());
  }
  stream += writer.end();
  const auto read = read_session_stream(stream);
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->sessions.size(), sessions.size());
  for (std::size_t i = 0; i < sessions.size(); ++i) ASSERT_EQ(read->sessions[i], sessions[i]) << i;
  EXPECT_EQ(read->sessions[0].egress, kNoName);
  const auto& names = read->names.of(NameKind::kInterface);
  EXPECT_EQ(names.size(), 2U);
}

TEST(SessionStream, AnEmptyStreamHoldsNothing) {
  const SessionStreamWriter writer;
  const auto read = read_session_stream(writer.begin() + writer.end());
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->sessions.empty());
}

TEST(SessionStream, TheBytesOfVersionThreeStayAsTheyAre) {
  const std::string stream = small_stream();
  EXPECT_EQ(stream.substr(0, 16), std::string("MRSESSN\n\0\3\0\0\0\0\0\0", 16));
  // The first frame: a rule's name, number 0.
  EXPECT_EQ(stream.substr(16, 8 + 5 + 6), std::string("\1\0\0\0\0\0\0\x0b\1\0\0\0\0web-in", 19));
  // 16 of header, four names, one session, the end.
  EXPECT_EQ(stream.size(), 16U + 4 * (8 + 5 + 4) + 6 + 7 + 5 + 7 + (8 + 146 + 4) + (8 + 8 + 4));
  // The record ends with the VLAN ids, the outer one first, and the two names of the application.
  EXPECT_EQ(stream.substr(stream.size() - 20 - 4 - 12, 12),
            "\x0f\xff\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff");
}

// The same as an earlier version writes it, whose records are so long and whose flags were fewer.
std::string small_stream_of(char version, std::size_t record, bool flags_too) {
  std::string stream = small_stream();
  const std::size_t frame = stream.size() - 20 - (8 + 146 + 4);
  stream[9] = version;
  stream.erase(frame + 8 + record, 146 - record);
  stream[frame + 7] = static_cast<char>(record);
  if (flags_too) stream[frame + 8 + 3] = static_cast<char>(stream[frame + 8 + 3] & 0x0f);
  const be32 check(crc32c(std::string_view(stream).substr(frame, 8 + record)));
  std::memcpy(stream.data() + frame + 8 + record, &check, sizeof check);
  return stream;
}

// Version 2 is the same without the application, version 1 without the VLAN ids as well.
TEST(SessionStream, EarlierVersionsAreRead) {
  for (const bool tags : {true, false}) {
    const auto read = read_session_stream(small_stream_of(tags ? 2 : 1, tags ? 138 : 134, true));
    ASSERT_TRUE(read) << read.error().message();
    ASSERT_EQ(read->sessions.size(), 1U);
    PortableSession expected = read_session_stream(small_stream())->sessions[0];
    if (!tags) expected.tags = {};
    expected.naming = Naming::kNone;
    EXPECT_EQ(read->sessions[0], expected);
  }
  EXPECT_FALSE(read_session_stream(small_stream_of(2, 138, false))) << "version 2 had no such flags";
}

TEST(SessionStream, EveryCutIsNoticed) {
  const std::string stream = small_stream();
  for (std::size_t length = 0; length < stream.size(); ++length) {
    ASSERT_FALSE(read_session_stream(std::string_view(stream).substr(0, length))) << length;
  }
  EXPECT_FALSE(read_session_stream(stream + "x"));
}

TEST(SessionStream, EveryFlippedBitIsNoticed) {
  const std::string stream = small_stream();
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    std::string damaged = stream;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_FALSE(read_session_stream(damaged)) << "bit " << bit;
  }
}

TEST(SessionStream, ALaterVersionIsRefusedByItsNumber) {
  std::string stream = small_stream();
  stream[9] = 4;
  const auto read = read_session_stream(stream);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message().find("version 4"), std::string::npos) << read.error().message();
}

// A stream whose checksums are right, and whose only session has one thing wrong.
std::string reading(const std::function<void(PortableSession&)>& spoil) {
  SessionStreamWriter writer;
  PortableSession session = tcp_session();
  session.rule = session.ingress = session.egress = session.domain = kNoName;
  spoil(session);
  std::string stream = writer.begin();
  stream += writer.append({session});
  const auto read = read_session_stream(stream + writer.end());
  return read ? "accepted" : read.error().reason;
}

TEST(SessionStream, ImpossibleSessionsAreRefused) {
  EXPECT_EQ(reading([](PortableSession&) {}), "accepted");
  EXPECT_NE(reading([](auto& s) { s.rule = 0; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.ingress = 7; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tcp_state = flow::TcpState::kNone; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tcp_state = static_cast<flow::TcpState>(10); }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.protocol = 17; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tcp.side[1].scale = 15; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.dscp = 64; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.joining = true; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tags.vlan = 4096; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tags.outer = 4096; }), "accepted");
  EXPECT_NE(reading([](auto& s) { s.tags.vlan = 0; }), "accepted");  // an outer tag alone
  EXPECT_NE(reading([](auto& s) {
              s.naming = Naming::kUndecided;
              s.refused = true;
            }),
            "accepted");
  EXPECT_NE(reading([](auto& s) {
              s.naming = Naming::kNamed;
              s.application = 3;
            }),
            "accepted");
}

}  // namespace
}  // namespace millrace::firewall
