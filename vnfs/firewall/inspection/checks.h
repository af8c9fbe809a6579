// SPDX-License-Identifier: BSD-3-Clause
// A signature's tests, made ready for the data path.
#pragma once

#include <memory>
#include <variant>
#include <vector>

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

// One after the other in one buffer.
struct BufferChecks {
  static constexpr std::size_t kMost = 64;

  Buffer buffer = Buffer::kPayload;
  std::vector<Check> checks;
  bool uses_variables = false;  // that one of these tests sets, and another asks for
};

}  // namespace millrace::firewall::inspection
