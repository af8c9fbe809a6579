// SPDX-License-Identifier: BSD-3-Clause
// What signatures mean, without any thought of speed: every place of every test is tried, contents with
// std::search, expressions with PCRE2's interpreter, numbers with strtoull(3).
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "vnfs/firewall/inspection/signature.h"

namespace millrace::testing {

struct NaiveBuffer {
  std::string bytes;
  bool grows = false;
};
using NaiveBuffers = std::map<firewall::inspection::Buffer, NaiveBuffer>;

// Whether all the tests of bytes hold; headers, flow bits and thresholds are not looked at. In a buffer that
// grows, other than the payload, what more bytes could undo does not hold yet.
[[nodiscard]] bool naively_holds(const firewall::inspection::Signature& signature,
                                 const NaiveBuffers& buffers);

}  // namespace millrace::testing
