// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_stream.h"

#include <random>

#include <gtest/gtest.h>

#include "common/net/wire.h"

namespace millrace::load_balancer {
namespace {

using Connections = std::vector<PortableConnection>;

net::IpAddress address_at(std::string_view text) { return *net::IpAddress::parse(text); }

PortableConnection example() {
  return {.ends = {.client = address_at("192.0.2.7"),
                   .service = address_at("203.0.113.80"),
                   .client_port = be16(40000),
                   .service_port = be16(443),
                   .protocol = net::protocol::kTcp},
          .service = 0,
          .backend = address_at("10.0.0.13"),
          .backend_port = 8443,
          .tcp = tcp_seen::kSynOut | tcp_seen::kSynIn | tcp_seen::kAckOut,
          .bytes = {1000, 2000},
          .age = 61'000,
          .idle = 500};
}

class SomeConnections {
 public:
  explicit SomeConnections(unsigned seed) : random_(seed) {}

  Connections take(unsigned count) {
    Connections all;
    for (unsigned i = 0; i < count; ++i) all.push_back(one());
    return all;
  }

 private:
  std::uint16_t number16() { return static_cast<std::uint16_t>(random_()); }
  std::uint32_t number32() { return static_cast<std::uint32_t>(random_()); }
  net::IpAddress address(bool v4) {
    if (v4) return net::Ipv4Address{be32(number32())};
    net::Ipv6Address six;
    for (auto& byte : six.bytes) byte = static_cast<std::uint8_t>(random_());
    return six;
  }
  PortableConnection one() {
    const bool v4 = random_() % 2 == 0;
    PortableConnection connection;
    connection.ends = {.client = address(v4),
                       .service = address(v4),
                       .client_port = be16(number16()),
                       .service_port = be16(number16()),
                       .protocol = random_() % 2 == 0 ? net::protocol::kTcp : net::protocol::kUdp,
                       .domain = static_cast<std::uint16_t>(random_() % 2)};
    connection.service = number32() % 3;
    connection.backend = address(random_() % 2 == 0);
    connection.backend_port = number16();
    if (connection.ends.protocol == net::protocol::kTcp)
      connection.tcp = static_cast<std::uint8_t>(random_() & 0x7f);
    connection.bytes = {random_(), random_()};
    connection.age = number32();
    connection.idle = number32();
    return connection;
  }

  std::mt19937_64 random_;
};

std::string stream_of(const std::vector<Connections>& pieces) {
  ConnectionStreamWriter writer;
  std::string stream = writer.begin();
  EXPECT_EQ(writer.number(NameKind::kDomain, "default"), 0U);
  EXPECT_EQ(writer.number(NameKind::kDomain, "tenant"), 1U);
  EXPECT_EQ(writer.number(NameKind::kDomain, "default"), 0U);
  EXPECT_EQ(writer.number(NameKind::kService, "web"), 0U);
  EXPECT_EQ(writer.number(NameKind::kService, "default"), 1U);
  EXPECT_EQ(writer.number(NameKind::kService, "dns"), 2U);
  for (const Connections& piece : pieces) stream += writer.append(piece);
  return stream + writer.end();
}

std::string message_of(std::string_view stream) {
  const auto read = read_connection_stream(stream);
  return read ? "" : read.error().message();
}

TEST(ConnectionStream, WhatIsWrittenIsRead) {
  SomeConnections some(3);
  const std::vector<Connections> pieces{some.take(1), some.take(0), some.take(256), some.take(257),
                                        some.take(700)};
  const auto read = read_connection_stream(stream_of(pieces));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->domains, (std::vector<std::string>{"default", "tenant"}));
  EXPECT_EQ(read->services, (std::vector<std::string>{"web", "default", "dns"}));
  Connections all;
  for (const Connections& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  EXPECT_EQ(read->connections, all);
}

// A later version of the appliance must read what this one writes. The bytes were laid out by hand from the
// format, their checksums made by another implementation of CRC32C.
TEST(ConnectionStream, TheBytesOfVersionOneStayAsTheyAre) {
  constexpr std::string_view kExpected =
      "4d52434f4e4e530a"
      "0001000000000000"  // MRCONNS, version
      "010000000000000c"
      "0100000000"
      "64656661756c74"
      "5bbf5a76"  // default
      "0100000000000008"
      "0200000000"
      "776562"
      "e54dc2db"  // web
      "020000000000005a"
      "04040607"
      "c0000207000000000000000000000000"
      "cb007150000000000000000000000000"
      "0a00000d000000000000000000000000"
      "9c4001bb20fb"
      "0000000000000000"
      "00000000000003e800000000000007d0"
      "0000ee48000001f4"
      "79449100"
      "0300000000000008"
      "0000000000000001"
      "1b908b8d";
  ConnectionStreamWriter writer;
  std::string stream = writer.begin();
  static_cast<void>(writer.number(NameKind::kDomain, "default"));
  static_cast<void>(writer.number(NameKind::kService, "web"));
  stream += writer.append({example()});
  stream += writer.end();
  std::string hex;
  for (const char byte : stream) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<std::uint8_t>(byte) >> 4];
    hex += kDigits[static_cast<std::uint8_t>(byte) & 0x0f];
  }
  EXPECT_EQ(hex, kExpected);
}

TEST(ConnectionStream, EveryCutIsNoticed) {
  const std::string stream = stream_of({SomeConnections(5).take(3)});
  for (std::size_t length = 0; length < stream.size(); ++length)
    ASSERT_NE(message_of(std::string_view(stream).substr(0, length)), "") << length;
  EXPECT_NE(message_of(stream + "x").find("bytes follow its end"), std::string::npos);
}

TEST(ConnectionStream, EveryFlippedBitIsNoticed) {
  const std::string stream = stream_of({SomeConnections(5).take(3)});
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    std::string damaged = stream;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_NE(message_of(damaged), "") << "bit " << bit;
  }
}

TEST(ConnectionStream, ErrorsNameWhatIsWrong) {
  EXPECT_NE(message_of("MRSESSN\n").find("does not begin like a stream of connections"), std::string::npos);
  std::string later = stream_of({});
  later[9] = 7;
  EXPECT_NE(message_of(later).find("it has version 7; this appliance reads version 1"), std::string::npos);
  const auto fault = [](auto&& change) {
    Connections connections{example(), example()};
    change(connections[1]);
    return message_of(stream_of({connections}));
  };
  EXPECT_EQ(fault([](PortableConnection&) {}), "");
  const auto expect = [](const std::string& message, std::string_view wanted) {
    EXPECT_NE(message.find(wanted), std::string::npos) << message;
  };
  expect(fault([](PortableConnection& one) { one.service = 3; }),
         "connection 1: it refers to a name that was not given");
  expect(fault([](PortableConnection& one) { one.ends.domain = 2; }),
         "connection 1: it refers to a name that was not given");
  expect(fault([](PortableConnection& one) { one.tcp = 0x80; }), "its TCP state is unknown");
  expect(fault([](PortableConnection& one) { one.ends.protocol = net::protocol::kUdp; }),
         "its TCP state does not fit its protocol");
}

TEST(ConnectionStream, NamesOutOfOrderOrTooLongAreRefused) {
  ConnectionStreamWriter writer;
  const std::string begin = writer.begin();
  static_cast<void>(writer.number(NameKind::kService, std::string(256, 'x')));
  EXPECT_NE(message_of(begin + writer.append({}) + writer.end()).find("empty or too long"),
            std::string::npos);
  ConnectionStreamWriter empty;
  static_cast<void>(empty.number(NameKind::kService, ""));
  EXPECT_NE(message_of(begin + empty.append({}) + empty.end()).find("empty or too long"), std::string::npos);
  ConnectionStreamWriter two;
  static_cast<void>(two.number(NameKind::kService, "web"));
  const std::string name = two.append({});
  EXPECT_NE(message_of(begin + name + name + two.end()).find("out of order"), std::string::npos);
}

}  // namespace
}  // namespace millrace::load_balancer
