// SPDX-License-Identifier: BSD-3-Clause
// The named parts of one message, as a reader of its protocol has found them: views of the stream's bytes, or
// of a worker's room for what had to be rewritten. They hold until either changes.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

struct Parts {
  Buffers present = 0;                // those that are there, though they may be empty
  Buffers growing = 0;                // of these, the ones that may yet become longer
  std::array<Bytes, kBuffers> bytes;  // by Buffer; of no meaning for others

  void set(Buffer buffer, Bytes what, bool grows = false) noexcept {
    present |= bit(buffer);
    growing = grows ? growing | bit(buffer) : growing & ~bit(buffer);
    bytes[static_cast<std::size_t>(buffer)] = what;
  }
  void clear() noexcept { present = growing = 0; }
  [[nodiscard]] bool has(Buffer buffer) const noexcept { return (present & bit(buffer)) != 0; }
  [[nodiscard]] Bytes operator[](Buffer buffer) const noexcept {
    return has(buffer) ? bytes[static_cast<std::size_t>(buffer)] : Bytes{};
  }
};

}  // namespace millrace::firewall::inspection
