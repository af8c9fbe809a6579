// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_stream.h"

#include <random>

#include <gtest/gtest.h>

namespace millrace::nat {
namespace {

class SomeBindings {
 public:
  explicit SomeBindings(unsigned seed) : random_(seed) {}

  Bindings take(unsigned sessions, unsigned leases, unsigned mappings) {
    Bindings all;
    for (unsigned i = 0; i < sessions; ++i) all.sessions.push_back(session());
    for (unsigned i = 0; i < leases; ++i) all.leases.push_back(lease());
    for (unsigned i = 0; i < leases; ++i) all.algs.push_back(alg());
    for (unsigned i = 0; i < mappings; ++i) all.mappings.push_back(mapping());
    return all;
  }

 private:
  std::uint16_t number16() { return static_cast<std::uint16_t>(random_()); }
  std::uint32_t number32() { return static_cast<std::uint32_t>(random_()); }
  Endpoint end() { return {number32() | 1, number16()}; }
  OutsideEnd outside() {
    return {end(), static_cast<std::uint8_t>(random_() % 2 == 0 ? 6 : 17), number32() % 2};
  }

  PortableSession session() {
    PortableSession session;
    session.of = outside();
    session.source_port = {number16(), number16()};
    session.destination_port = {number16(), number16()};
    session.remote = number32();
    if (session.of.protocol == 6) session.tcp = static_cast<std::uint8_t>(random_() & 0x1f);
    session.inward_first = random_() % 2 == 0;
    session.replied = random_() % 2 == 0;
    session.bytes = {random_(), random_()};
    session.idle = number32();
    return session;
  }

  PortableLease lease() {
    PortableLease lease;
    lease.of = outside();
    lease.kind = random_() % 2 == 0 ? Lease::Kind::kMapping : Lease::Kind::kSession;
    lease.remote = end();
    for (auto& byte : lease.nonce) byte = static_cast<std::uint8_t>(random_());
    lease.pinhole = random_() % 2 == 0;
    lease.left = number32();
    for (unsigned i = random_() % (Lease::kMostRemotes + 1); i != 0; --i)
      lease.remotes.push_back({number32(), number32(), number16()});
    return lease;
  }

  PortableAlg alg() {
    PortableAlg alg;
    alg.of = outside();
    alg.remote = end();
    alg.kind = static_cast<AlgKind>(1 + random_() % 3);
    alg.mid_line = random_() % 2 == 0;
    alg.offered = number32();
    for (auto& shift : alg.shift)
      shift = {.first = number32(), .reach = number32(), .sum = number32(), .begun = random_() % 2 == 0};
    return alg;
  }

  PortableMapping mapping() {
    PortableMapping mapping;
    mapping.outside = outside();
    net::Ipv6Address six;
    for (auto& byte : six.bytes) byte = static_cast<std::uint8_t>(random_());
    if (random_() % 2 == 0) {
      mapping.inside = six;
    } else {
      mapping.inside = net::Ipv4Address{be32(number32())};
    }
    mapping.inside_port = number16();
    mapping.domain = number32() % 2;
    mapping.filtering = static_cast<Dependence>(random_() % 3);
    mapping.remote = end();
    mapping.is_static = random_() % 2 == 0;
    mapping.rests = random_() % 2 == 0;
    mapping.rested = number32();
    return mapping;
  }

  std::mt19937_64 random_;
};

std::string stream_of(const std::vector<Bindings>& pieces) {
  BindingStreamWriter writer;
  std::string stream = writer.begin();
  EXPECT_EQ(writer.domain("default"), 0U);
  EXPECT_EQ(writer.domain("tenant"), 1U);
  EXPECT_EQ(writer.domain("default"), 0U);
  for (const Bindings& piece : pieces) stream += writer.append(piece);
  return stream + writer.end();
}

std::string message_of(std::string_view stream) {
  const auto read = read_binding_stream(stream);
  return read ? "" : read.error().message();
}

TEST(BindingStream, WhatIsWrittenIsRead) {
  SomeBindings some(3);
  const std::vector<Bindings> pieces{some.take(1, 0, 0),       some.take(0, 1, 0), some.take(0, 0, 1),
                                     some.take(255, 256, 257), some.take(0, 0, 0), some.take(700, 600, 1)};
  const auto read = read_binding_stream(stream_of(pieces));
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->domains, (std::vector<std::string>{"default", "tenant"}));
  Bindings all;
  for (const Bindings& piece : pieces) {
    all.sessions.insert(all.sessions.end(), piece.sessions.begin(), piece.sessions.end());
    all.leases.insert(all.leases.end(), piece.leases.begin(), piece.leases.end());
    all.algs.insert(all.algs.end(), piece.algs.begin(), piece.algs.end());
    all.mappings.insert(all.mappings.end(), piece.mappings.begin(), piece.mappings.end());
  }
  EXPECT_EQ(read->bindings.sessions, all.sessions);
  EXPECT_EQ(read->bindings.leases, all.leases);
  EXPECT_EQ(read->bindings.algs, all.algs);
  EXPECT_EQ(read->bindings.mappings, all.mappings);
}

// A later version of the appliance must read what this one writes.
TEST(BindingStream, TheBytesOfVersionOneStayAsTheyAre) {
  PortableMapping mapping;
  mapping.outside = {Endpoint::of(net::Ipv4Address{be32(0xcb007101)}, be16(0x9c41)), 17, 0};
  mapping.inside = net::Ipv4Address{be32(0x0a00000a)};
  mapping.inside_port = be16(4000).wire();
  mapping.filtering = Dependence::kAddressAndPort;
  mapping.rests = true;
  mapping.rested = 61'000;
  BindingStreamWriter writer;
  std::string stream = writer.begin();
  static_cast<void>(writer.domain("wan"));
  stream += writer.append({.sessions = {}, .leases = {}, .algs = {}, .mappings = {mapping}});
  const std::string expected =
      std::string("MRNATBD\n\0\1\0\0\0\0\0\0", 16) + std::string("\1\0\0\0\0\0\0\x07\0\0\0\0wan", 15) +
      stream.substr(31, 4) + std::string("\4\0\0\0\0\0\0\x30", 8) +
      std::string("\xcb\0\x71\1\x9c\x41\x11\0\0\0\0\0\4\2\2\0\x0a\0\0\x0a\0\0\0\0\0\0\0\0\0\0\0\0\x0f\xa0",
                  34) +
      std::string("\0\0\0\0\0\0\0\0\0\0\0\0\xee\x48", 14) + stream.substr(stream.size() - 4);
  EXPECT_EQ(stream, expected);
}

TEST(BindingStream, EveryCutIsNoticed) {
  const std::string stream = stream_of({SomeBindings(5).take(2, 1, 2)});
  for (std::size_t length = 0; length < stream.size(); ++length)
    ASSERT_NE(message_of(std::string_view(stream).substr(0, length)), "") << length;
  EXPECT_NE(message_of(stream + "x").find("bytes follow its end"), std::string::npos);
}

TEST(BindingStream, EveryFlippedBitIsNoticed) {
  const std::string stream = stream_of({SomeBindings(5).take(2, 1, 2)});
  for (std::size_t bit = 0; bit < stream.size() * 8; ++bit) {
    std::string damaged = stream;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    ASSERT_NE(message_of(damaged), "") << "bit " << bit;
  }
}

TEST(BindingStream, ErrorsNameWhatIsWrongAndWhere) {
  EXPECT_NE(message_of("MRSESSN\n").find("does not begin like a stream of bindings"), std::string::npos);
  std::string later = stream_of({});
  later[9] = 7;
  EXPECT_NE(message_of(later).find("it has version 7; this appliance reads version 1"), std::string::npos);
  Bindings unknown = SomeBindings(9).take(0, 0, 3);
  unknown.mappings[1].domain = 2;
  const std::string message = message_of(stream_of({unknown}));
  EXPECT_NE(message.find("mapping 1 of this frame: it refers to a domain that was not given"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("byte 61"), std::string::npos) << message;  // 16, and two domains of 23 and 22
}

}  // namespace
}  // namespace millrace::nat
