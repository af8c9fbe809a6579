// SPDX-License-Identifier: BSD-3-Clause
// What signatures remember of a session for each other (flowbits).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace millrace::firewall::inspection {

// Of one session, both directions. All zero: none is set.
struct FlowBits {
  static constexpr std::uint16_t kMost = 512;

  std::array<std::uint64_t, kMost / 64> words{};

  [[nodiscard]] bool is_set(std::uint16_t bit) const noexcept {
    return (words[bit / 64] >> bit % 64 & 1U) != 0;
  }
  void set(std::uint16_t bit) noexcept { words[bit / 64] |= std::uint64_t{1} << bit % 64; }
  void unset(std::uint16_t bit) noexcept { words[bit / 64] &= ~(std::uint64_t{1} << bit % 64); }
  void toggle(std::uint16_t bit) noexcept { words[bit / 64] ^= std::uint64_t{1} << bit % 64; }
};

// Names and their numbers. Lives longer than any set of signatures, so that a number means the same in all of
// them. Control thread.
class FlowBitNames {
 public:
  // The same for the same name. None when kMost names have one.
  [[nodiscard]] std::optional<std::uint16_t> number(const std::string& name) {
    if (const auto known = numbers_.find(name); known != numbers_.end()) return known->second;
    if (numbers_.size() == FlowBits::kMost) return std::nullopt;
    return numbers_.emplace(name, static_cast<std::uint16_t>(numbers_.size())).first->second;
  }

 private:
  std::map<std::string, std::uint16_t> numbers_;
};

}  // namespace millrace::firewall::inspection
