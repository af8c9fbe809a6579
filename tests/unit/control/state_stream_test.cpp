// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/state_stream.h"

#include <gtest/gtest.h>

namespace millrace::control {
namespace {

struct WireThing {
  be16 value;
  be16 later;  // of version 2
};

constexpr std::uint8_t kNames = 1;
constexpr std::uint8_t kThings = 2;
constexpr std::uint8_t kEnd = 9;
constexpr StateFormat kFormat{.magic = "MRTHING\n",
                              .of = "things",
                              .version = 2,
                              .name_type = kNames,
                              .end_type = kEnd,
                              .longest = sizeof(WireThing) * kMostRecordsPerFrame};
constexpr std::size_t kSizeOfVersion1 = sizeof(be16);

struct Things {
  std::vector<std::string> names;
  std::vector<std::uint16_t> values;
};

Result<Things> read(std::string_view stream) {
  Things out;
  StateReader reader(stream, kFormat);
  const auto version = reader.header({1, 2});
  if (!version) return tl::unexpected(version.error());
  const std::size_t size = *version == 1 ? kSizeOfVersion1 : sizeof(WireThing);
  const auto frames = reader.frames([&](const StateReader::Frame& frame) -> Result<void> {
    if (frame.type == kNames) return reader.name(millrace::Reader(frame.payload), out.names);
    if (frame.type == kEnd) return reader.end(millrace::Reader(frame.payload), out.values.size());
    if (frame.type != kThings) return reader.unknown(frame);
    const auto things = reader.records<WireThing>(frame.payload, "thing", size);
    if (!things) return tl::unexpected(things.error());
    for (const WireThing& thing : *things)
      out.values.push_back(static_cast<std::uint16_t>(thing.value.host() + thing.later.host()));
    return {};
  });
  if (!frames) return tl::unexpected(frames.error());
  return out;
}

std::string message_of(std::string_view stream) {
  const auto things = read(stream);
  return things ? "" : things.error().message();
}

void expect_message(std::string_view stream, std::string_view wanted) {
  const std::string message = message_of(stream);
  EXPECT_NE(message.find(wanted), std::string::npos) << message << "\nlacks " << wanted;
}

be16 be16_of(std::uint16_t value) { return be16(value); }
WireThing wire_of(std::uint16_t value) { return {be16(value), be16(0)}; }

// A frame of any type with any bytes in it, where the writer has no such frame.
std::string frame_of(std::uint8_t type, const std::string& payload) {
  StateFormat format = kFormat;
  format.name_type = type;
  StateWriter writer(format);
  static_cast<void>(writer.number(payload));  // behind a number, which is zero
  return writer.new_names();
}

TEST(StateStream, WhatIsWrittenIsRead) {
  std::vector<std::uint16_t> values;
  for (std::uint16_t i = 0; i < 2 * kMostRecordsPerFrame + 1; ++i) values.push_back(i);
  StateWriter writer(kFormat);
  std::string stream = writer.begin();
  EXPECT_EQ(writer.number("one"), 0U);
  EXPECT_EQ(writer.number("two"), 1U);
  EXPECT_EQ(writer.number("one"), 0U);
  stream += writer.new_names();
  EXPECT_EQ(writer.new_names(), "");
  stream += writer.records(kThings, values, wire_of);
  stream += writer.records(kThings, std::vector<std::uint16_t>{}, wire_of);
  stream += writer.end();
  const auto things = read(stream);
  ASSERT_TRUE(things) << things.error().message();
  EXPECT_EQ(things->names, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(things->values, values);
}

TEST(StateStream, EachKindOfNamesCountsFromZero) {
  StateWriter writer(kFormat);
  EXPECT_EQ(writer.number("one", 1), 0U);
  EXPECT_EQ(writer.number("one", 2), 0U);
  EXPECT_EQ(writer.number("two", 2), 1U);
  EXPECT_EQ(writer.number("two", 1), 1U);
}

TEST(StateStream, RecordsOfAnEarlierVersionEndInZeroes) {
  StateFormat earlier = kFormat;
  earlier.version = 1;
  StateWriter writer(earlier);
  std::string stream = writer.begin();
  stream += writer.records(kThings, std::vector<std::uint16_t>{7, 8}, be16_of);
  const auto things = read(stream + writer.end());
  ASSERT_TRUE(things) << things.error().message();
  EXPECT_EQ(things->values, (std::vector<std::uint16_t>{7, 8}));
}

TEST(StateStream, ErrorsSayWhatIsWrong) {
  StateWriter writer(kFormat);
  const std::string begin = writer.begin();
  std::string later = begin;
  later[9] = 3;
  expect_message(later + writer.end(), "it has version 3; this appliance reads versions 1 and 2");
  expect_message("MROTHER\n" + begin.substr(8), "it does not begin like a stream of things");
  expect_message(begin, "it is cut off");
  expect_message(begin + frame_of(77, "?"),
                 "byte 16: read the stream of things: a frame has the unknown type 77");
  expect_message(begin + frame_of(kThings, "?"), "a thing is cut off");
  expect_message(begin + frame_of(kEnd, "?"), "its end is malformed");
  expect_message(begin + frame_of(kEnd, std::string(4, '\x01')),
                 "it should hold 16843009 things and holds 0");
  expect_message(begin + writer.end() + "x", "bytes follow its end");
  expect_message(begin + frame_of(kNames, ""), "a name is out of order, empty or too long");
  expect_message(begin + frame_of(kNames, "a") + frame_of(kNames, "b"), "a name is out of order");
  expect_message(begin + frame_of(kNames, std::string(kLongestStateName + 1, 'a')), "too long");
  const std::string halved = writer.records(kNames, std::vector<std::uint16_t>{1}, be16_of);
  expect_message(begin + halved, "a name is malformed");
  std::string damaged = begin + writer.end();
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  expect_message(damaged, "a frame is damaged");
}

TEST(StateStream, AddressesOfIpv4AreTheFirstFourBytes) {
  const net::IpAddress four = *net::IpAddress::parse("192.0.2.7");
  const net::IpAddress six = *net::IpAddress::parse("2001:db8::7");
  EXPECT_EQ(address_of(4, four.bytes()), four);
  EXPECT_EQ(address_of(6, six.bytes()), six);
  EXPECT_TRUE(is_padded(4, four.bytes()));
  EXPECT_TRUE(is_padded(6, six.bytes()));
  EXPECT_FALSE(is_padded(4, six.bytes()));
  EXPECT_TRUE(is_family(4) && is_family(6));
  EXPECT_FALSE(is_family(5));
}

}  // namespace
}  // namespace millrace::control
