// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/tcp_mss.h"

#include "common/net/checksum.h"
#include "common/net/wire.h"

namespace millrace::net {
namespace {

constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::size_t kMssLength = 4;

// Where the option begins in the header; its size when there is none.
std::size_t find_mss(MutableBytes tcp) noexcept {
  std::size_t at = sizeof(TcpHeader);
  while (at + 1 < tcp.size() && tcp[at] != kEnd) {
    if (tcp[at] == kNoOperation) {
      ++at;
      continue;
    }
    const std::size_t length = tcp[at + 1];
    if (length < 2 || at + length > tcp.size()) break;
    if (tcp[at] == kMss && length == kMssLength) return at;
    at += length;
  }
  return tcp.size();
}

// As the checksum counts it: a word that begins at an odd byte has its halves in two words, RFC 1071
// section 2(B).
be16 counted(std::uint16_t value, std::size_t at) noexcept {
  return at % 2 == 0 ? be16(value) : be16(static_cast<std::uint16_t>(value << 8 | value >> 8));
}

}  // namespace

void hold_mss_to(MutableBytes tcp, std::uint16_t most) noexcept {
  if (tcp.size() < sizeof(TcpHeader)) return;
  const std::size_t option = find_mss(tcp);
  if (option == tcp.size()) return;
  const std::size_t at = option + 2;
  const auto asked = static_cast<std::uint16_t>(tcp[at] << 8 | tcp[at + 1]);
  if (asked <= most) return;
  tcp[at] = static_cast<std::uint8_t>(most >> 8);
  tcp[at + 1] = static_cast<std::uint8_t>(most);
  auto& header = *reinterpret_cast<TcpHeader*>(tcp.data());
  header.checksum = update(header.checksum, counted(asked, at), counted(most, at));
}

}  // namespace millrace::net
