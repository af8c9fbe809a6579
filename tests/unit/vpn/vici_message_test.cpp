// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/vici_message.h"

#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::vpn::vici {
namespace {

using ::testing::HasSubstr;

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

// The example of strongSwan's description of the protocol, with its bytes as that gives them: a section with
// keys, a list and a section in it.
TEST(ViciMessage, AMessageIsWrittenAsItsDescriptionSays) {
  const boost::json::object message{
      {"key1", "value1"},
      {"section1", boost::json::object{{"sub-section", boost::json::object{{"key2", "value2"}}},
                                       {"list1", boost::json::array{"item1", "item2"}}}}};
  const auto packet = write_packet(PacketType::kCommand, "cmd", message);
  ASSERT_TRUE(packet);
  using namespace std::string_view_literals;
  const auto expected = bytes_of(
      "\x00\x00\x00\x5a\x00\x03"
      "cmd"
      "\x03\x04key1\x00\x06value1"
      "\x01\x08section1"
      "\x01\x0bsub-section"
      "\x03\x04key2\x00\x06value2"
      "\x02"
      "\x04\x05list1"
      "\x05\x00\x05item1"
      "\x05\x00\x05item2"
      "\x06"
      "\x02"sv);
  EXPECT_EQ(std::vector<std::uint8_t>(packet->begin() + 4, packet->end()),
            std::vector<std::uint8_t>(expected.begin() + 4, expected.end()));
  EXPECT_EQ((*packet)[3], expected.size() - 4);
  const auto read = read_message(Bytes(expected).subspan(9));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, message);
}

TEST(ViciMessage, EventsHaveAName) {
  const auto bytes = bytes_of(
      "\x07\x09"
      "ike-rekey");
  const auto packet = read_packet(bytes);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->type, PacketType::kEvent);
  EXPECT_EQ(packet->name, "ike-rekey");
  EXPECT_TRUE(packet->message.empty());
}

TEST(ViciMessage, WhatBreaksOffIsRefused) {
  const auto whole = write_packet(
      PacketType::kCommand, "c",
      {{"section", boost::json::object{{"list", boost::json::array{"item"}}, {"key", "value"}}}});
  ASSERT_TRUE(whole);
  const Bytes message = Bytes(*whole).subspan(4 + 3);
  ASSERT_TRUE(read_message(message));
  for (std::size_t length = 1; length < message.size(); ++length)
    EXPECT_FALSE(read_message(message.first(length))) << length;
  EXPECT_TRUE(read_message({}));
  EXPECT_FALSE(read_message(bytes_of("\x09")));
  EXPECT_FALSE(read_message(bytes_of("\x02"))) << "the end of a section that nobody began";
  EXPECT_FALSE(read_packet({}));
  EXPECT_FALSE(read_packet(bytes_of("\x08")));
  EXPECT_FALSE(
      read_packet(bytes_of("\x07\x09"
                           "ike")));
}

TEST(ViciMessage, SectionsInSectionsHaveAnEnd) {
  std::vector<std::uint8_t> deep;
  for (unsigned i = 0; i < 100'000; ++i) deep.insert(deep.end(), {1, 1, 'x'});
  EXPECT_FALSE(read_message(deep));
}

TEST(ViciMessage, WhatIsTooLongIsNamedAndNotTold) {
  const std::string secret(70'000, 's');
  const auto packet = write_packet(PacketType::kCommand, "load-shared", {{"data", secret}});
  ASSERT_FALSE(packet);
  EXPECT_EQ(packet.error().message(), "tell charon 'load-shared': data has 70000 bytes, and may have 65535");
}

}  // namespace
}  // namespace millrace::vpn::vici
