// SPDX-License-Identifier: BSD-3-Clause
// A stream of a fuzzer's input, and where it is cut into segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tests/fuzz/input.h"

namespace millrace::fuzz {

class CutStream {
 public:
  // Takes how many cuts there are (0: one behind each byte, of the first 2048), a byte for each that tells
  // how far it is from the one before, and the rest as the stream.
  explicit CutStream(Input& input)
      : cuts_(input.bytes(input.u8() % 32U)), bytes_(input.bytes(input.left())) {}

  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  // What there is of it at each cut.
  template <class Each>
  void for_each_piece(Each&& each) const {
    std::size_t at = 0;
    for (std::size_t i = 0; cuts_.empty() ? i < 2048 : i < cuts_.size(); ++i) {
      at += cuts_.empty() ? 1U : cuts_[i] + 1U;
      if (at >= bytes_.size()) return;
      each(text().substr(0, at));
    }
  }

 private:
  std::span<const std::uint8_t> cuts_;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace millrace::fuzz
