// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/stream.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <type_traits>

namespace millrace::firewall::inspection {
namespace {

static_assert(std::is_trivially_copyable_v<Stream>);

// Walks forward over a segment's pieces as if they were one.
class PieceCursor {
 public:
  PieceCursor(std::span<const MutableBytes> pieces, std::size_t skipped) noexcept : pieces_(pieces) {
    while (skipped > 0 && !pieces_.empty()) skipped -= next(skipped).size();
  }

  // At most `most` bytes, up to the end of their piece; empty only at the segment's end.
  MutableBytes next(std::size_t most) noexcept {
    while (!pieces_.empty() && offset_ == pieces_.front().size()) {
      pieces_ = pieces_.subspan(1);
      offset_ = 0;
    }
    if (pieces_.empty()) return {};
    const MutableBytes rest = pieces_.front().subspan(offset_);
    const MutableBytes taken = rest.first(std::min(most, rest.size()));
    offset_ += taken.size();
    return taken;
  }

 private:
  std::span<const MutableBytes> pieces_;
  std::size_t offset_ = 0;  // into the first of them
};

std::size_t length_of(std::span<const MutableBytes> pieces) noexcept {
  std::size_t length = 0;
  for (const MutableBytes piece : pieces) length += piece.size();
  return length;
}

}  // namespace

void Stream::begin(std::uint32_t first_sequence, const StreamSettings& settings) noexcept {
  assert(window_ == 0);
  first_ = first_sequence;
  window_ = std::clamp(settings.inspect_bytes, 1U, StreamSettings::kMostInspectBytes);
}

// Calls each(seen, position, bytes) for the parts of a segment, in order, each wholly seen before or wholly
// new. `range` is where they lie, `skipped` how many bytes of the segment lie before it.
template <class Each>
void Stream::for_each_part(Range range, std::uint32_t skipped, std::span<const MutableBytes> pieces,
                           Each&& each) const noexcept {
  PieceCursor cursor(pieces, skipped);
  unsigned next = 0;  // of those held, the first that ends past `at`
  for (std::uint32_t at = range.begin; at < range.end;) {
    while (next < held_count_ && held_[next].end <= at) ++next;
    const Range held = next < held_count_ ? held_[next] : Range{range.end, range.end};
    const bool in_order = at < data_.size;
    const bool seen = in_order || held.begin <= at;
    const std::uint32_t until = in_order ? data_.size : seen ? held.end : held.begin;
    const MutableBytes part = cursor.next(std::min(until, range.end) - at);
    if (part.empty()) return;
    each(seen, at, part);
    at += static_cast<std::uint32_t>(part.size());
  }
}

// kHeld when the range can be kept, as far as holes and distance go.
StreamVerdict Stream::placeable(Range range, const StreamSettings& settings) const noexcept {
  if (range.begin <= data_.size) return StreamVerdict::kHeld;
  if (range.end - data_.size > settings.most_ahead) return StreamVerdict::kTooFarAhead;
  if (held_count_ < kMostHeld) return StreamVerdict::kHeld;
  const bool touches = std::any_of(held_.begin(), held_.end(), [&](const Range& held) noexcept {
    return held.begin <= range.end && range.begin <= held.end;
  });
  return touches ? StreamVerdict::kHeld : StreamVerdict::kTooManyHoles;
}

Offer Stream::offer_any(BufferPool& pool, std::uint32_t sequence, std::span<const MutableBytes> pieces,
                        const StreamSettings& settings) noexcept {
  const std::int64_t position = static_cast<std::int32_t>(sequence - first_);
  const std::int64_t end = position + static_cast<std::int64_t>(length_of(pieces));
  // What counts of it: neither acknowledged nor past the window.
  const std::int64_t from = std::max<std::int64_t>(position, acknowledged_);
  const std::int64_t to = std::min<std::int64_t>(end, window_);
  if (from >= to) return {position >= window_ ? StreamVerdict::kBeyond : StreamVerdict::kOld, false};
  const Range range{static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to)};
  const auto skipped = static_cast<std::uint32_t>(from - position);

  if (const StreamVerdict verdict = placeable(range, settings); refused(verdict)) return {verdict, false};
  const std::uint8_t* const seen_bytes = data_.room(pool).data();
  bool differs = false;
  bool fresh = false;
  for_each_part(range, skipped, pieces, [&](bool seen, std::uint32_t at, MutableBytes part) noexcept {
    if (!seen) {
      fresh = true;
    } else if (!differs) {
      differs = std::memcmp(part.data(), seen_bytes + at, part.size()) != 0;
    }
  });
  if (differs && settings.on_conflict == OnConflict::kDrop) return {StreamVerdict::kConflict, false};
  if (!differs && !fresh) return {StreamVerdict::kOld, false};
  if (fresh && !make_room(pool, range.end)) return {StreamVerdict::kNoMemory, false};

  std::uint8_t* const bytes = data_.room(pool).data();
  for_each_part(range, skipped, pieces, [&](bool seen, std::uint32_t at, MutableBytes part) noexcept {
    if (!seen) {
      std::memcpy(bytes + at, part.data(), part.size());
    } else if (differs) {
      std::memcpy(part.data(), bytes + at, part.size());
    }
  });
  if (!fresh) return {StreamVerdict::kOld, differs};
  if (range.begin > data_.size) {
    hold(range);
    return {StreamVerdict::kHeld, differs};
  }
  advance(range.end);
  return {StreamVerdict::kNew, differs};
}

// As PooledBytes::make_room(), and what is held moves too. Only bytes that came are copied, so that none is
// copied more often than the block's size doubles.
bool Stream::make_room(BufferPool& pool, std::uint32_t end) noexcept {
  if (end <= data_.capacity) return true;
  PooledBytes larger;
  if (!larger.make_room(pool, end)) return false;
  const Bytes from = data_.room(pool);
  const MutableBytes to = larger.room(pool);
  const auto copy = [&](Range range) noexcept {
    std::copy(from.begin() + range.begin, from.begin() + range.end, to.begin() + range.begin);
  };
  copy({0, data_.size});
  std::for_each(held_.begin(), held_.begin() + held_count_, copy);
  larger.size = data_.size;
  data_.clear(pool);
  data_ = larger;
  return true;
}

// The in-order end is now at least `end`, and behind whatever was held there.
void Stream::advance(std::uint32_t end) noexcept {
  unsigned joined = 0;
  for (; joined < held_count_ && held_[joined].begin <= end; ++joined) end = std::max(end, held_[joined].end);
  std::copy(held_.begin() + joined, held_.begin() + held_count_, held_.begin());
  held_count_ -= joined;
  data_.size = end;
}

// Joins what it touches.
void Stream::hold(Range range) noexcept {
  unsigned first = 0;
  while (first < held_count_ && held_[first].end < range.begin) ++first;
  unsigned last = first;
  for (; last < held_count_ && held_[last].begin <= range.end; ++last) {
    range.begin = std::min(range.begin, held_[last].begin);
    range.end = std::max(range.end, held_[last].end);
  }
  const auto begin = held_.begin();
  if (first == last) {
    assert(held_count_ < kMostHeld);
    std::copy_backward(begin + first, begin + held_count_, begin + held_count_ + 1);
  } else {
    std::copy(begin + last, begin + held_count_, begin + first + 1);
  }
  held_count_ += 1 - (last - first);
  held_[first] = range;
}

std::string_view name(StreamVerdict verdict) noexcept {
  switch (verdict) {
    case StreamVerdict::kNew:
      return "new";
    case StreamVerdict::kHeld:
      return "held";
    case StreamVerdict::kOld:
      return "old";
    case StreamVerdict::kBeyond:
      return "beyond";
    case StreamVerdict::kConflict:
      return "conflict";
    case StreamVerdict::kNoMemory:
      return "no_memory";
    case StreamVerdict::kTooManyHoles:
      return "too_many_holes";
    case StreamVerdict::kTooFarAhead:
      return "too_far_ahead";
  }
  return "unknown";
}

}  // namespace millrace::firewall::inspection
