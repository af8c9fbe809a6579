// SPDX-License-Identifier: BSD-3-Clause
// Hashes, on the data path: nothing is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "common/base/reader.h"

namespace millrace::firewall::inspection::readers {

[[nodiscard]] std::array<std::uint8_t, 16> md5(Bytes bytes) noexcept;
[[nodiscard]] std::array<std::uint8_t, 20> sha1(Bytes bytes) noexcept;
// RFC 2104, of the pieces one behind the other. Of the key the first 64 bytes count.
[[nodiscard]] std::array<std::uint8_t, 32> hmac_sha256(Bytes key,
                                                       std::initializer_list<Bytes> pieces) noexcept;

}  // namespace millrace::firewall::inspection::readers
