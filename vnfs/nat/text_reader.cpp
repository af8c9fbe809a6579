// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/text_reader.h"

namespace millrace::nat {

std::optional<std::uint32_t> TextReader::take_number(std::uint32_t most) noexcept {
  const std::size_t from = at_;
  std::uint64_t number = 0;
  while (!at_end() && is_digit(text_[at_])) {
    number = number * 10 + static_cast<unsigned>(text_[at_] - '0');
    if (number > most) break;
    ++at_;
  }
  if (at_ != from && number <= most) return static_cast<std::uint32_t>(number);
  at_ = from;
  return std::nullopt;
}

std::optional<net::Ipv4Address> TextReader::take_ipv4() noexcept {
  const std::size_t from = at_;
  std::uint32_t address = 0;
  for (unsigned part = 0; part < 4; ++part) {
    const std::size_t digits = at_ + (part == 0 ? 0 : 1);
    const bool dotted = part == 0 || take('.');
    const auto number = dotted ? take_number(255) : std::nullopt;
    // "010" is eight to some and ten to others.
    if (!number || (text_[digits] == '0' && at_ - digits > 1)) {
      at_ = from;
      return std::nullopt;
    }
    address = address << 8 | *number;
  }
  const char next = peek();
  if (is_digit(next) || is_letter(next) || next == '.' || next == '-' || next == '_') {
    at_ = from;
    return std::nullopt;
  }
  return net::Ipv4Address{be32(address)};
}

}  // namespace millrace::nat
