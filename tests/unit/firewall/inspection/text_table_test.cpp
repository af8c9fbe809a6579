// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/text_table.h"

#include <map>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include "common/base/siphash.h"
#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

TEST(TextTable, AnEmptyOneHoldsNothing) {
  EXPECT_EQ(TextTable().find(5, bytes_of("a")), 0);
  EXPECT_EQ(TextTable(0, 0).find(5, bytes_of("a")), 0);
  EXPECT_EQ(TextTable(3, 9).find(0, {}), 0);
}

TEST(TextTable, OneThatIsTooLargeIsNotMade) {
  EXPECT_THROW(TextTable(1, std::size_t{1} << 32U), std::bad_alloc);
  EXPECT_THROW(TextTable(1, ~std::size_t{0} - 16), std::bad_alloc);
}

TEST(TextTable, MarksOfATextAreAddedUp) {
  TextTable table(2, 10);
  table.add(7, bytes_of("ab"), bytes_of("c"), 1);
  table.add(7, bytes_of("a"), bytes_of("bc"), 2);
  table.add(8, bytes_of("d"), {}, 1);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.find(7, bytes_of("abc")), 3);
  EXPECT_EQ(table.find(7, {}, bytes_of("abc")), 3);
  EXPECT_EQ(table.find(8, bytes_of("d")), 1);
  EXPECT_EQ(table.find(7, bytes_of("abd")), 0);
  EXPECT_EQ(table.find(7, bytes_of("ab")), 0);
  EXPECT_EQ(table.find(9, bytes_of("abc")), 0);
}

// All of one bucket, the last: they go on into the first.
TEST(TextTable, TextsOfOneHashAreToldApart) {
  constexpr std::uint64_t kHash = ~std::uint64_t{0};
  TextTable table(200, 1000);
  for (int i = 0; i < 200; ++i)
    table.add(kHash, bytes_of(std::to_string(i)), {}, static_cast<std::uint8_t>(1 + i % 3));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(table.find(kHash, bytes_of(std::to_string(i))), 1 + i % 3) << i;
  EXPECT_EQ(table.find(kHash, bytes_of("200")), 0);
}

TEST(TextTable, FindsWhatAMapFinds) {
  constexpr SipKey kKey = {1, 2};
  for (const int count : {1, 10, 11, 100, 3000}) {
    TextTable table(static_cast<std::size_t>(count), static_cast<std::size_t>(count) * 5);
    std::map<std::string, std::uint8_t> model;
    for (int i = 0; i < count; ++i) {
      const std::string text = std::to_string(i * 7 % 9000);
      const auto marks = static_cast<std::uint8_t>(1 + i % 2);
      table.add(siphash(bytes_of(text), kKey), bytes_of(text), {}, marks);
      model[text] = static_cast<std::uint8_t>(model[text] | marks);
    }
    EXPECT_EQ(table.size(), model.size());
    for (int i = 0; i < 9000; ++i) {
      const std::string text = std::to_string(i);
      const auto found = model.find(text);
      ASSERT_EQ(table.find(siphash(bytes_of(text), kKey), bytes_of(text)),
                found == model.end() ? 0 : found->second);
    }
  }
}

}  // namespace
}  // namespace millrace::firewall::inspection
