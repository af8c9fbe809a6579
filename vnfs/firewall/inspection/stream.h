// SPDX-License-Identifier: BSD-3-Clause
// One direction of a TCP connection, as the receiver's application will read it: the bytes from the first on,
// up to the end of a window of inspection, in one piece.
//
// The receiver gets a segment only after it was offered here and not refused. What it does with two different
// copies of a byte is its own choice (RFC 9293 section 3.10.7.4 leaves it open; Ptacek and Newsham,
// "Insertion, Evasion, and Denial of Service", 1998, section 5.3), so it is never given two: the first copy
// counts, and a later one that differs is refused, or made equal to the first. A segment that is refused was
// not seen.
//
// Of a byte the receiver has acknowledged no copy is compared any more: it cuts off what lies below RCV.NXT
// (RFC 9293 section 3.10.7.4), so that none can reach the application, while a keepalive may well carry
// another byte there (section 3.8.4). Selective acknowledgments do not count: a receiver may renege (RFC 2018
// section 8).
//
// A position is a sequence number less that of the first byte, modulo 2^32. Nothing here trusts the sequence
// numbers it is given; that what is offered can be told old from new rests on windows of at most 1 GiB (RFC
// 7323 section 2.3), and on done().
//
// An offer costs at most two looks at each of its bytes, and a step for each piece and each range held.
// Memory is of a worker's BufferPool, and so is the thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/buffer_pool.h"

namespace millrace::firewall::inspection {

// What is done with a segment that carries other bytes than were seen first.
enum class OnConflict : std::uint8_t {
  kDrop,     // it is refused, as a whole
  kRewrite,  // it is given the bytes that were seen first
};

struct StreamSettings {
  static constexpr std::uint32_t kMostInspectBytes = BufferPool::kLargestBlock;

  std::uint32_t inspect_bytes = 64U << 10U;  // the window, 1 to kMostInspectBytes
  // How far past the in-order end a segment that leaves a hole may reach: one byte of it takes the memory of
  // all that is missing before it.
  std::uint32_t most_ahead = 256U << 10U;
  OnConflict on_conflict = OnConflict::kDrop;
};

enum class StreamVerdict : std::uint8_t {
  kNew,     // the in-order end has moved: there are bytes to judge
  kHeld,    // kept, behind a hole
  kOld,     // nothing that was not seen, or acknowledged, before
  kBeyond,  // all of it lies past the window
  // What follows refuses the segment, which must not reach the receiver, and has changed nothing.
  kConflict,      // other bytes than were seen first
  kNoMemory,      // the pool has no room
  kTooManyHoles,  // one more than are kept track of
  kTooFarAhead,   // past StreamSettings::most_ahead
};

[[nodiscard]] constexpr bool refused(StreamVerdict verdict) noexcept {
  return verdict > StreamVerdict::kBeyond;
}
// "in_snake_case", for counters and logs.
[[nodiscard]] std::string_view name(StreamVerdict verdict) noexcept;

struct Offer {
  StreamVerdict verdict = StreamVerdict::kBeyond;
  // The segment's bytes were changed to those seen first: its checksum is wrong. Never when refused.
  bool rewritten = false;

  bool operator==(const Offer&) const noexcept = default;
};

// All zero is unused: it has no window, so everything lies beyond and it is done. Copies are one and the same
// stream, of which one may be used.
class Stream {
 public:
  static constexpr unsigned kMostHeld = 8;  // ranges of bytes behind holes

  // On an unused stream. `first_sequence` is that of the first byte of data: the initial one + 1, or, in
  // midstream, that of the first segment, before which nothing is judged. The window is the settings' of now,
  // however they change.
  void begin(std::uint32_t first_sequence, const StreamSettings& settings) noexcept;

  // `pieces` are a segment's payload in order, `sequence` that of its first byte (in a SYN: the SYN's + 1).
  [[nodiscard]] Offer offer(BufferPool& pool, std::uint32_t sequence, std::span<const MutableBytes> pieces,
                            const StreamSettings& settings) noexcept {
    // Nearly all segments: one piece, the next bytes, nothing held, and all within the window.
    if (pieces.size() == 1 && held_count_ == 0 && sequence - first_ == data_.size &&
        pieces[0].size() <= window_ - data_.size && !pieces[0].empty()) [[likely]] {
      return {data_.append(pool, pieces[0]) ? StreamVerdict::kNew : StreamVerdict::kNoMemory, false};
    }
    return offer_any(pool, sequence, pieces, settings);
  }

  // The receiver's acknowledgment number. More than has gone by in order it can not have received: what it
  // says of that is not believed.
  void acknowledged(std::uint32_t acknowledgment) noexcept {
    const auto position = static_cast<std::int32_t>(acknowledgment - first_);
    if (position <= 0) return;
    acknowledged_ = std::max(acknowledged_, std::min(static_cast<std::uint32_t>(position), data_.size));
  }

  // The in-order bytes from the first on. They hold until the next offer or end().
  [[nodiscard]] Bytes bytes(const BufferPool& pool) const noexcept { return data_.bytes(pool); }
  [[nodiscard]] std::uint32_t in_order_end() const noexcept { return data_.size; }  // a position
  [[nodiscard]] std::uint32_t window() const noexcept { return window_; }           // 0: unused

  // All of the window has gone by and was acknowledged: nothing can change what its bytes were, and no
  // segment need be offered any more.
  [[nodiscard]] bool done() const noexcept { return acknowledged_ == window_; }

  // Unused again; its memory is the pool's. Where a refused segment is let through all the same, the stream
  // has to end: nothing is known of the receiver's bytes then.
  void end(BufferPool& pool) noexcept {
    data_.clear(pool);
    *this = {};
  }

 private:
  struct Range {  // positions
    std::uint32_t begin;
    std::uint32_t end;
  };

  [[nodiscard]] Offer offer_any(BufferPool& pool, std::uint32_t sequence,
                                std::span<const MutableBytes> pieces,
                                const StreamSettings& settings) noexcept;
  template <class Each>
  void for_each_part(Range range, std::uint32_t skipped, std::span<const MutableBytes> pieces,
                     Each&& each) const noexcept;
  [[nodiscard]] StreamVerdict placeable(Range range, const StreamSettings& settings) const noexcept;
  [[nodiscard]] bool make_room(BufferPool& pool, std::uint32_t end) noexcept;
  void advance(std::uint32_t end) noexcept;
  void hold(Range range) noexcept;

  PooledBytes data_;                // its size is the in-order end
  std::uint32_t first_ = 0;         // sequence number
  std::uint32_t window_ = 0;        // bytes
  std::uint32_t acknowledged_ = 0;  // a position, at most the in-order end
  std::uint32_t held_count_ = 0;
  // Past the in-order end, sorted, none touches the next.
  std::array<Range, kMostHeld> held_{};
};
static_assert(sizeof(Stream) <= 96);

}  // namespace millrace::firewall::inspection
