// SPDX-License-Identifier: BSD-3-Clause
// How the sequence numbers of one direction of a TCP connection differ on both sides of the NAT, once
// messages in it were made longer or shorter (RFC 2663 section 2.9, RFC 3022 section 4.4.2).
//
// Numbers as the sender has them are "sent", as the receiver has them "received". The last few changes are
// remembered, so that segments that are sent again, and what acknowledges them, get the numbers they had.
// Plain data, no allocation, one thread's own.
#pragma once

#include <array>
#include <cstdint>

namespace millrace::nat {

// RFC 9293 section 3.4: numbers are compared modulo 2^32.
[[nodiscard]] constexpr bool sequence_after(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) > 0;
}

class SequenceShift {
 public:
  // As many messages can be on their way to a peer that is far off: one that is lost must be told again.
  static constexpr unsigned kMostChanges = 16;

  // What is known of a place in the stream.
  enum class Place : std::uint8_t {
    kNew,        // nothing has passed there yet
    kChanged,    // a change is remembered there
    kPassed,     // it has passed as it was
    kForgotten,  // it has passed, and nobody remembers how
  };

  // A connection whose first byte has the number `first`, as sent. True when it is another than before: then
  // no change is remembered.
  constexpr bool begin(std::uint32_t first) noexcept {
    if (begun_ && first_ == first) return false;
    *this = {};
    first_ = reach_ = first;
    begun_ = true;
    return true;
  }
  [[nodiscard]] constexpr bool begun() const noexcept { return begun_; }
  // One past the last byte that has passed, as sent.
  [[nodiscard]] constexpr std::uint32_t reach() const noexcept { return reach_; }
  // What has been sent up to `end` has passed.
  constexpr void extend(std::uint32_t end) noexcept {
    if (sequence_after(end, reach_)) reach_ = end;
    // Before half the numbers have gone round, an old change is one of all that follows.
    while (count_ != 0 && reach_ - changes_[0].position > kOld) forget_first();
    if (has_forgotten_ && reach_ - forgotten_ > kOld) has_forgotten_ = false;
  }
  [[nodiscard]] constexpr Place place_of(std::uint32_t position) const noexcept {
    if (find(position) != nullptr) return Place::kChanged;
    if (!sequence_after(reach_, position)) return Place::kNew;
    return has_forgotten_ && !sequence_after(position, forgotten_) ? Place::kForgotten : Place::kPassed;
  }
  // `length` bytes from `position` on, as sent, become `length + delta`. True for a change that is known, if
  // it is the same again, and for one in a new place; else nothing happens.
  [[nodiscard]] constexpr bool add(std::uint32_t position, std::uint16_t length,
                                   std::int32_t delta) noexcept {
    if (!may_add(position, delta)) return false;
    if (find(position) != nullptr) return true;
    if (count_ == kMostChanges) forget_first();
    changes_[count_++] = {.position = position, .delta = delta, .length = length};
    return true;
  }
  // What add() would return.
  [[nodiscard]] constexpr bool may_add(std::uint32_t position, std::int32_t delta) const noexcept {
    if (const Change* known = find(position); known != nullptr) return known->delta == delta;
    return place_of(position) == Place::kNew;
  }

  // Whether one change more leaves those from `since` on remembered.
  [[nodiscard]] constexpr bool has_room(std::uint32_t since) const noexcept {
    return count_ < kMostChanges || sequence_after(since, changes_[0].position);
  }

  // From sent to received, for segments.
  [[nodiscard]] constexpr std::uint32_t received(std::uint32_t sent) const noexcept {
    std::uint32_t sum = before_;
    for (unsigned i = 0; i < count_ && sequence_after(sent, changes_[i].position); ++i)
      sum += static_cast<std::uint32_t>(changes_[i].delta);
    return sent + sum;
  }
  // From received to sent, for acknowledgments. One in the middle of bytes that were changed acknowledges
  // none of them.
  [[nodiscard]] constexpr std::uint32_t sent(std::uint32_t received) const noexcept {
    std::uint32_t sum = before_;
    for (unsigned i = 0; i < count_; ++i) {
      const Change& change = changes_[i];
      if (!sequence_after(received, change.position + sum)) break;
      const std::uint32_t after = sum + static_cast<std::uint32_t>(change.delta);
      if (sequence_after(change.position + change.length + after, received)) return change.position;
      sum = after;
    }
    return received - sum;
  }
  // Whether numbers are the same on both sides.
  [[nodiscard]] constexpr bool idle() const noexcept { return count_ == 0 && before_ == 0; }

 private:
  static constexpr std::uint32_t kOld = 0x40000000;

  struct Change {
    std::uint32_t position;  // of its first byte, as sent
    std::int32_t delta;
    std::uint16_t length;  // as sent
  };

  [[nodiscard]] constexpr const Change* find(std::uint32_t position) const noexcept {
    for (unsigned i = 0; i < count_; ++i) {
      if (changes_[i].position == position) return &changes_[i];
    }
    return nullptr;
  }
  constexpr void forget_first() noexcept {
    before_ += static_cast<std::uint32_t>(changes_[0].delta);
    forgotten_ = changes_[0].position;
    has_forgotten_ = true;
    --count_;
    for (unsigned i = 0; i < count_; ++i) changes_[i] = changes_[i + 1];
  }

  std::array<Change, kMostChanges> changes_{};  // in the order of the stream
  std::uint32_t before_ = 0;                    // the sum of those that are forgotten
  std::uint32_t first_ = 0;
  std::uint32_t reach_ = 0;
  std::uint32_t forgotten_ = 0;  // where the last of them was
  bool begun_ = false;
  bool has_forgotten_ = false;
  std::uint8_t count_ = 0;
};

}  // namespace millrace::nat
