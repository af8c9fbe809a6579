// SPDX-License-Identifier: BSD-3-Clause
// Small integers that name things (an interface, a routing domain) and cannot be mixed up.
#pragma once

#include <compare>
#include <concepts>
#include <functional>
#include <limits>

namespace millrace {

template <class Tag, std::unsigned_integral Int>
class StrongId {
 public:
  using value_type = Int;

  constexpr StrongId() noexcept = default;
  constexpr explicit StrongId(Int value) noexcept : value_(value) {}

  [[nodiscard]] static constexpr StrongId none() noexcept {
    return StrongId(std::numeric_limits<Int>::max());
  }
  [[nodiscard]] constexpr bool valid() const noexcept { return *this != none(); }
  [[nodiscard]] constexpr Int value() const noexcept { return value_; }

  constexpr auto operator<=>(const StrongId&) const noexcept = default;  // NOLINT(modernize-use-nullptr)

 private:
  Int value_ = std::numeric_limits<Int>::max();
};

}  // namespace millrace

template <class Tag, std::unsigned_integral Int>
struct std::hash<millrace::StrongId<Tag, Int>> {
  std::size_t operator()(millrace::StrongId<Tag, Int> id) const noexcept {
    return std::hash<Int>{}(id.value());
  }
};
