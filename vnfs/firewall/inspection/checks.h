// SPDX-License-Identifier: BSD-3-Clause
// A signature's tests, made ready for the data path.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "vnfs/firewall/inspection/byte_search.h"
#include "vnfs/firewall/inspection/regex.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::firewall::inspection {

struct RegexCheck {
  Regex regex;
  bool negated = false;
  bool relative = false;
};

// The bytes of a caseless Content are folded.
using Check = std::variant<Content, RegexCheck, IsDataAt, ByteTest, ByteJump, ByteExtract, Length>;

// Of a content whose bytes are folded when it is caseless.
[[nodiscard]] inline std::size_t find_content(Bytes in, const Content& content) noexcept {
  return content.caseless ? find_caseless(in, content.bytes) : find_bytes(in, content.bytes);
}

// One after the other in one buffer.
struct BufferChecks {
  static constexpr std::size_t kMost = 64;

  Buffer buffer = Buffer::kPayload;
  std::vector<Check> checks;
  bool uses_variables = false;  // that one of these tests sets, and another asks for
};

}  // namespace millrace::firewall::inspection
