// SPDX-License-Identifier: BSD-3-Clause
// The checksums of a state stream (common/control/state_stream.h) would stop a fuzzer at once, so they are
// set right first: frames are walked by their lengths as the format says.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "common/base/big_endian.h"
#include "common/base/crc32c.h"

namespace millrace::fuzz {

inline std::string with_right_checksums(std::string stream) {
  constexpr std::size_t kHeader = 16;
  constexpr std::size_t kFrameHead = 8;
  for (std::size_t at = kHeader; at + kFrameHead + 4 <= stream.size();) {
    be32 length;
    std::memcpy(&length, stream.data() + at + 4, sizeof length);
    const std::size_t checked = kFrameHead + length.host();
    if (stream.size() - at < checked + 4) break;
    const be32 check(crc32c(std::string_view(stream).substr(at, checked)));
    std::memcpy(stream.data() + at + checked, &check, sizeof check);
    at += checked + 4;
  }
  return stream;
}

}  // namespace millrace::fuzz
