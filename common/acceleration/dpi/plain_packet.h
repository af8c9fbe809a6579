// SPDX-License-Identifier: BSD-3-Clause
// A packet copied to where a reader that goes too far finds zeros, under the shortest IP header that says the
// same: no options, no extension headers, no fragment, lengths that are those of the bytes there are.
#pragma once

#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::dpi {

class PlainPacket {
 public:
  static constexpr std::size_t kMostTransportBytes = 4096;  // what is longer is cut off

  PlainPacket() : memory_(kRoom) {}

  struct Made {
    Bytes bytes;  // empty: it is cut off, of neither IP, or of another protocol than a transport
    bool says_nothing = false;  // a TCP segment without payload that does not open a connection
  };
  // `transport` is where the header of `protocol` begins. Good until the next one.
  [[nodiscard]] Made make(Bytes ip, std::size_t transport, std::uint8_t protocol) noexcept;

 private:
  static constexpr std::size_t kBefore = 256;
  // 16 bits can point that far.
  static constexpr std::size_t kRoom = kBefore + 40 + kMostTransportBytes + (std::size_t{64} << 10);

  PageArray<std::uint8_t> memory_;
  std::size_t last_bytes_ = 0;
};

}  // namespace millrace::dpi
