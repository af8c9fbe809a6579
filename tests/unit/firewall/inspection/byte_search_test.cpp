// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/byte_search.h"

#include <algorithm>
#include <cctype>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "vnfs/firewall/inspection/numeral.h"

namespace millrace::firewall::inspection {
namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(ByteSearch, AgreesWithTheStandardLibrary) {
  std::mt19937 random(1);
  std::size_t found = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string in(random() % 120, ' ');
    for (char& c : in) c = "abAB@[`{\xc1\xe1"[random() % 10];
    std::string wanted(1 + random() % 4, ' ');
    for (char& c : wanted) c = "abAB@[`{\xc1\xe1"[random() % 10];
    if (random() % 4 == 0 && in.size() > 40) wanted = in.substr(random() % 8, 33);
    const std::size_t place = in.find(wanted);
    EXPECT_EQ(find_bytes(bytes_of(in), wanted), place == std::string::npos ? kNowhere : place);
    const auto lower = [](unsigned char c) { return std::tolower(c); };
    std::string folded_in = in;
    std::ranges::transform(folded_in, folded_in.begin(), lower);
    std::ranges::transform(wanted, wanted.begin(), lower);
    const std::size_t folded_place = folded_in.find(wanted);
    EXPECT_EQ(find_caseless(bytes_of(in), wanted),
              folded_place == std::string::npos ? kNowhere : folded_place);
    found += place == std::string::npos ? 0 : 1;
  }
  EXPECT_GT(found, 1000U);
}

TEST(ByteSearch, FoldsLettersAlone) {
  for (unsigned c = 0; c < 256; ++c) {
    const std::string in(64, static_cast<char>(c));
    for (unsigned wanted = 0; wanted < 256; ++wanted) {
      if (wanted >= 'A' && wanted <= 'Z') continue;  // it is folded
      const bool same =
          c < 128 ? static_cast<unsigned>(std::tolower(static_cast<int>(c))) == wanted : c == wanted;
      EXPECT_EQ(find_caseless(bytes_of(in), std::string(2, static_cast<char>(wanted))) == 0, same)
          << c << " " << wanted;
    }
  }
}

TEST(Numerals, AreReadAsTheCLibraryReadsThem) {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 24, ' ');
    for (char& c : text) c = " \t+-0012789xXafF;"[random() % 17];
    for (const int base : {8, 10, 16}) {
      char* end = nullptr;
      errno = 0;
      const std::uint64_t value = std::strtoull(text.c_str(), &end, base);
      const auto read = read_digits(bytes_of(text), static_cast<unsigned>(base));
      const bool is_number = end != text.c_str() && errno == 0;
      ASSERT_EQ(read.has_value(), is_number) << text << " base " << base;
      if (!read) continue;
      EXPECT_EQ(read->value, value) << text;
      EXPECT_EQ(read->bytes, static_cast<std::size_t>(end - text.c_str())) << text;
    }
  }
  EXPECT_FALSE(read_digits(bytes_of("18446744073709551616"), 10));
  EXPECT_EQ(read_digits(bytes_of("18446744073709551615"), 10)->value, ~std::uint64_t{0});
}

TEST(Numerals, InBinary) {
  const std::string text("\x01\x02\xff", 3);
  EXPECT_EQ(read_binary(bytes_of(text), false).value, 0x0102ffU);
  EXPECT_EQ(read_binary(bytes_of(text), true).value, 0xff0201U);
  EXPECT_EQ(masked(0xabcd, 0), 0xabcdU);
  EXPECT_EQ(masked(0xabcd, 0x0ff0), 0xbcU);
}

}  // namespace
}  // namespace millrace::firewall::inspection
