// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/dns_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace millrace::firewall::inspection {
namespace {

using testing::Octets;

// RFC 1035 section 4.1: id, "recursion desired", one question, and F.ISI.ARPA of section 4.1.4.
const Octets kQuery = testing::hex("abcd0100000100000000000001460349534904415250410000010001");

std::vector<std::string> names(const Octets& message, bool* good = nullptr) {
  Room room(65'536);
  std::vector<std::string> found;
  const bool is_query = read_dns_query(message, room, [&](Bytes name, std::uint16_t type) noexcept {
    EXPECT_EQ(type, 1);
    found.emplace_back(name.begin(), name.end());
    return true;
  });
  if (good != nullptr) *good = is_query;
  return found;
}

TEST(DnsReader, NamesOfQuestions) {
  EXPECT_EQ(names(kQuery), std::vector<std::string>{"F.ISI.ARPA"});
  Octets two = kQuery;
  two[5] = 2;
  two.insert(two.end(), kQuery.begin() + 12, kQuery.end());
  EXPECT_EQ(names(two).size(), 2U);
}

TEST(DnsReader, DotsInLabelsAreTold) {
  Octets query = kQuery;
  query[13] = '.';
  EXPECT_EQ(names(query), std::vector<std::string>{"\\..ISI.ARPA"});
}

TEST(DnsReader, WhatIsNoQuery) {
  bool good = true;
  Octets answer = kQuery;
  answer[2] |= 0x80U;
  EXPECT_TRUE(names(answer, &good).empty());
  EXPECT_FALSE(good);
  Octets pointer = kQuery;
  pointer[12] = 0xc0;  // to itself
  EXPECT_TRUE(names(pointer, &good).empty());
  EXPECT_FALSE(good);
  Octets many = kQuery;
  many[4] = 1;
  EXPECT_TRUE(names(many, &good).empty());
  for (std::size_t length = 0; length < kQuery.size(); ++length) {
    EXPECT_TRUE(
        names(Octets(kQuery.begin(), kQuery.begin() + static_cast<std::ptrdiff_t>(length)), &good).empty());
    EXPECT_FALSE(good);
  }
}

TEST(DnsReader, NamesThatAreTooLong) {
  Octets query(kQuery.begin(), kQuery.begin() + 12);
  for (int i = 0; i < 5; ++i) {
    query.push_back(63);
    query.insert(query.end(), 63, 'a');
  }
  query.insert(query.end(), {0, 0, 1, 0, 1});
  bool good = true;
  EXPECT_TRUE(names(query, &good).empty());
  EXPECT_FALSE(good);
}

}  // namespace
}  // namespace millrace::firewall::inspection
