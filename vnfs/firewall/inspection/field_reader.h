// SPDX-License-Identifier: BSD-3-Clause
// Numbers and fields with a length in front of them, as TLS and DNS write them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

// After a read past the end everything is empty and zero, and good() says so.
class FieldReader {
 public:
  explicit FieldReader(Bytes bytes) noexcept : bytes_(bytes) {}

  // Big-endian, of 1 to 4 bytes.
  [[nodiscard]] std::uint32_t number(unsigned bytes) noexcept {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(bytes)) value = value << 8U | byte;
    return value;
  }
  [[nodiscard]] Bytes take(std::size_t count) noexcept {
    if (!good_ || bytes_.size() < count) {
      good_ = false;
      bytes_ = {};
      return {};
    }
    const Bytes taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  // What a length of so many bytes in front of it covers.
  [[nodiscard]] Bytes field(unsigned length_bytes) noexcept {
    const std::uint32_t length = number(length_bytes);
    return take(length);
  }
  void skip(std::size_t count) noexcept { static_cast<void>(take(count)); }

  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] Bytes rest() const noexcept { return bytes_; }

 private:
  Bytes bytes_;
  bool good_ = true;
};

}  // namespace millrace::firewall::inspection
