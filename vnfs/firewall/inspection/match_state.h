// SPDX-License-Identifier: BSD-3-Clause
// What is remembered of one direction of a session between two calls of Matcher::match(). Starts as {}.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "vnfs/firewall/inspection/buffer.h"

namespace millrace::firewall::inspection {

// A signature that may hold when there are more bytes, in four bytes.
class Waiting {
 public:
  static constexpr std::uint32_t kMostSignatures = 1U << 20U;
  static constexpr std::size_t kMostBuffers = 63;
  static constexpr std::size_t kMostChecks = 64;

  Waiting() = default;
  explicit Waiting(std::uint32_t signature) noexcept : Waiting(signature, kMostBuffers, 0) {}
  // It can not hold before this content has been found.
  Waiting(std::uint32_t signature, std::size_t buffer, std::size_t check) noexcept
      : bits_(signature << 12U | static_cast<std::uint32_t>(buffer << 6U | check)) {}

  [[nodiscard]] std::uint32_t signature() const noexcept { return bits_ >> 12U; }
  [[nodiscard]] bool misses_content() const noexcept { return buffer() != kMostBuffers; }
  [[nodiscard]] std::size_t buffer() const noexcept { return bits_ >> 6U & 63U; }
  [[nodiscard]] std::size_t check() const noexcept { return bits_ & 63U; }

 private:
  std::uint32_t bits_ = 0;
};

struct MatchState {
  static constexpr std::size_t kMostWaiting = 16;
  static constexpr std::size_t kMostFired = 8;
  // Work of evaluations (see Work): so much for the session, and for each of its bytes. What is not used is
  // kept, up to a limit.
  static constexpr std::uint32_t kFirstWork = 1U << 20U;
  static constexpr std::uint32_t kWorkPerByte = 64;
  static constexpr std::uint32_t kMostWork = 1U << 24U;

  // Buffers that grow are scanned from where they ended the last time.
  enum Growing : std::uint8_t { kStream, kBody, kFile };

  std::array<Waiting, kMostWaiting> waiting;      // the first waiting_count
  std::array<std::uint32_t, kMostFired> fired{};  // keys; the oldest gives way
  std::array<std::uint32_t, 3> scanned{};         // by Growing
  std::uint32_t work = kFirstWork;
  std::uint32_t generation = 0;  // of the set that numbered `waiting`
  std::uint8_t waiting_count = 0;
  std::uint8_t fired_count = 0;
  std::uint8_t next_fired = 0;
  std::uint8_t fired_of_message = 0;  // bits: which of `fired` hold for this message alone
  bool scan_again = false;            // more were waiting than there is room for

  // A new message begins: what was found in the parts of the last one is of no meaning. Not for kPayload.
  void next_message() noexcept;
  [[nodiscard]] bool has_fired(std::uint32_t key) const noexcept {
    return std::find(fired.begin(), fired.begin() + fired_count, key) != fired.begin() + fired_count;
  }
  void fire(std::uint32_t key, bool of_message) noexcept;
};
static_assert(std::is_trivially_copyable_v<MatchState> && sizeof(MatchState) <= 128);

inline void MatchState::next_message() noexcept {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < fired_count; ++i) {
    if ((fired_of_message >> i & 1U) == 0) fired[kept++] = fired[i];
  }
  fired_count = static_cast<std::uint8_t>(kept);
  next_fired = static_cast<std::uint8_t>(kept % kMostFired);
  fired_of_message = 0;
  scanned[kBody] = 0;
  scanned[kFile] = 0;
}

inline void MatchState::fire(std::uint32_t key, bool of_message) noexcept {
  fired[next_fired] = key;
  const auto mark = static_cast<std::uint8_t>(1U << next_fired);
  fired_of_message =
      static_cast<std::uint8_t>(of_message ? fired_of_message | mark : fired_of_message & ~mark);
  next_fired = static_cast<std::uint8_t>((next_fired + 1) % kMostFired);
  fired_count = static_cast<std::uint8_t>(std::min<std::size_t>(fired_count + 1U, kMostFired));
}

}  // namespace millrace::firewall::inspection
