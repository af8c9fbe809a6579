// SPDX-License-Identifier: BSD-3-Clause
// Packets as text, one field a line, and comparisons that show where two packets differ.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace millrace::testing {

// Every field of every header that can be read, checksums with their verdict, then the payload in hex. Reads
// what is there and never fails; what it does not know is hex.
[[nodiscard]] std::vector<std::string> dissect(std::span<const std::uint8_t> frame);

// The lines of `expected` and `actual` that differ, under those both share: "- ..." expected, "+ ..." actual.
[[nodiscard]] std::string difference(std::span<const std::uint8_t> expected,
                                     std::span<const std::uint8_t> actual);

[[nodiscard]] ::testing::AssertionResult same_packet(const Frame& expected, const Frame& actual);
// The same frames; in any order unless `in_order`.
[[nodiscard]] ::testing::AssertionResult same_packets(std::vector<Frame> expected, std::vector<Frame> actual,
                                                      bool in_order = true);

}  // namespace millrace::testing
