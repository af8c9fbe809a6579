// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/numeral.h"

#include <bit>
#include <limits>

#include "vnfs/firewall/inspection/byte_search.h"

namespace millrace::firewall::inspection {
namespace {

// 99 of what is no digit in any base.
unsigned digit_of(std::uint8_t byte) noexcept {
  if (byte >= '0' && byte <= '9') return byte - unsigned{'0'};
  const std::uint8_t letter = folded(byte);
  return letter >= 'a' && letter <= 'f' ? letter - unsigned{'a'} + 10 : 99;
}

bool is_space(std::uint8_t byte) noexcept { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

}  // namespace

ReadNumber read_binary(Bytes bytes, bool little_endian) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    value = value << 8 | bytes[little_endian ? bytes.size() - 1 - i : i];
  return {value, bytes.size()};
}

std::optional<ReadNumber> read_digits(Bytes bytes, unsigned base) noexcept {
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) noexcept { return i < bytes.size() ? bytes[i] : std::uint8_t{0}; };
  while (is_space(byte(at))) ++at;
  const bool negative = byte(at) == '-';
  if (negative || byte(at) == '+') ++at;
  if (base == 16 && byte(at) == '0' && folded(byte(at + 1)) == 'x' && digit_of(byte(at + 2)) < 16) at += 2;
  const std::size_t first = at;
  std::uint64_t value = 0;
  for (; at < bytes.size() && digit_of(bytes[at]) < base; ++at) {
    const unsigned digit = digit_of(bytes[at]);
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  if (at == first) return std::nullopt;
  return ReadNumber{negative ? 0 - value : value, at};
}

std::uint64_t masked(std::uint64_t value, std::uint64_t mask) noexcept {
  return mask == 0 ? value : (value & mask) >> static_cast<unsigned>(std::countr_zero(mask));
}

}  // namespace millrace::firewall::inspection
