// SPDX-License-Identifier: BSD-3-Clause
// JA3 hashes of TLS clients that are listed (Salesforce, "TLS Fingerprinting with JA3 and JA3S", 2019: the
// MD5 of what a ClientHello offers). Built off the data path, then only read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/base/siphash.h"
#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/text_table.h"

namespace millrace::firewall::inspection {

using Ja3 = std::array<std::uint8_t, 16>;

// From 32 hexadecimal digits of either case; nothing from anything else.
[[nodiscard]] inline std::optional<Ja3> read_ja3(Bytes digits) noexcept {
  Ja3 read{};
  if (digits.size() != 2 * read.size()) return std::nullopt;
  int all = 0;  // negative once one is no digit
  for (std::size_t i = 0; i < read.size(); ++i) {
    const int high = hex_value(digits[2 * i]);
    const int low = hex_value(digits[2 * i + 1]);
    all |= high | low;
    read[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (all < 0) return std::nullopt;
  return read;
}

class Ja3List {
 public:
  using Entry = Ja3;
  // What entries take.
  struct Room {
    std::size_t entries = 0;

    void add(const Entry& /*entry*/) noexcept { ++entries; }
  };

  Ja3List() = default;
  // Throws std::bad_alloc.
  Ja3List(const Room& room, const SipKey& seed)
      : hashes_(room.entries, room.entries * sizeof(Ja3)), seed_(seed) {}

  // There must be room.
  void add(const Entry& ja3) noexcept { hashes_.add(siphash(ja3, seed_), ja3, {}, kPresent); }

  // Data path.
  [[nodiscard]] bool matches(const Ja3& ja3) const noexcept {
    return hashes_.find(siphash(ja3, seed_), ja3) != 0;
  }

  [[nodiscard]] std::size_t size() const noexcept { return hashes_.size(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept { return hashes_.memory_bytes(); }

 private:
  static constexpr std::uint8_t kPresent = 1;

  TextTable hashes_;
  SipKey seed_{};
};

}  // namespace millrace::firewall::inspection
