// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/checksum.h"

namespace millrace::net {

ChecksumSum sum_bytes(Bytes bytes, ChecksumSum sum) noexcept {
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 4; left -= 4, at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word;
  }
  if (left >= 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, at, sizeof word);
    sum += word;
    left -= 2;
    at += 2;
  }
  if (left == 1) sum += *at;  // little-endian: the byte is the word's first, its upper half on the wire
  return sum;
}

}  // namespace millrace::net
