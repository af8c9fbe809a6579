// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/inflate_pool.h"

#include <algorithm>
#include <new>

#include <zlib.h>

namespace millrace::firewall::inspection {
namespace {

// zlib's inflate allocates its state (about 9.5 KB) and a window of 32 KiB, the latter when it is needed
// first; both stay for the next stream.
constexpr std::size_t kStateBytes = std::size_t{44} << 10;
constexpr int kGzipOrZlib = MAX_WBITS + 32;  // whichever it is, as curl reads both codings
constexpr int kBare = -MAX_WBITS;

}  // namespace

struct InflatePool::State {
  z_stream zlib{};
  MutableBytes memory;
  std::size_t allocated = 0;
  Format format = Format::kGzip;
  bool begun = false;  // the first bytes have told how it is packed
  bool ended = false;  // a member has

  static voidpf allocate(voidpf opaque, uInt items, uInt size) noexcept {
    auto& self = *static_cast<State*>(opaque);
    constexpr std::size_t kAlign = alignof(std::max_align_t);
    const std::size_t bytes = (std::size_t{items} * size + kAlign - 1) / kAlign * kAlign;
    if (self.memory.size() - self.allocated < bytes) return nullptr;
    std::uint8_t* const at = self.memory.data() + self.allocated;
    self.allocated += bytes;
    return at;
  }
  static void release(voidpf, voidpf) noexcept {}

  // In place of what is there: windows of all streams have the same size, so none is made anew.
  [[nodiscard]] bool reset(int window_bits) noexcept { return inflateReset2(&zlib, window_bits) == Z_OK; }

  // With the first bytes; false when they are too few.
  [[nodiscard]] bool begin(Bytes packed) noexcept {
    if (format == Format::kDeflate) {
      if (packed.size() < 2) return false;
      // RFC 1950 section 2.2, and RFC 1952 section 2.3.1, whose first byte begins no deflate.
      const bool zlib_header = (packed[0] & 0x0fU) == 8 && (packed[0] * 256U + packed[1]) % 31 == 0;
      const bool gzip_header = packed[0] == 0x1f && packed[1] == 0x8b;
      begun = reset(zlib_header || gzip_header ? kGzipOrZlib : kBare);
    } else {
      begun = reset(kGzipOrZlib);
    }
    return begun;
  }
};

InflatePool::InflatePool(std::uint16_t states)
    : memory_(states * kStateBytes), output_(kOutputBytes), free_(states), free_count_(states) {
  states_.reserve(states);
  for (std::uint16_t i = 0; i < states; ++i) {
    State& state = *states_.emplace_back(std::make_unique<State>());
    state.memory = MutableBytes(memory_.data() + i * kStateBytes, kStateBytes);
    state.zlib.zalloc = &State::allocate;
    state.zlib.zfree = &State::release;
    state.zlib.opaque = &state;
    if (inflateInit2(&state.zlib, kGzipOrZlib) != Z_OK) throw std::bad_alloc();
    free_[i] = static_cast<Number>(states - i);
  }
}

InflatePool::~InflatePool() = default;

InflatePool::Number InflatePool::take(Format format) noexcept {
  if (free_count_ == 0) return 0;
  const Number number = free_[--free_count_];
  State& state = *states_[number - 1U];
  state.format = format;
  state.begun = false;
  state.ended = false;
  return number;
}

void InflatePool::give_back(Number state) noexcept { free_[free_count_++] = state; }

InflatePool::Fed InflatePool::feed(Number number, Bytes packed, BodyStore& store, std::size_t most) noexcept {
  State& state = *states_[number - 1U];
  std::size_t used = 0;
  while (used != packed.size()) {
    const Bytes rest = packed.subspan(used);
    if (state.ended) {
      // A member's first byte: all others are not told from what was left by mistake.
      if (state.format != Format::kGzip || rest[0] != 0x1f) return {Outcome::kBad, used};
      state.begun = state.ended = false;
    }
    if (!state.begun && !state.begin(rest)) return {Outcome::kMore, used};
    z_stream& zlib = state.zlib;
    zlib.next_in = const_cast<Bytef*>(rest.data());  // zlib does not write there
    zlib.avail_in = static_cast<uInt>(rest.size());
    int result = Z_OK;
    do {
      zlib.next_out = output_.data();
      zlib.avail_out = kOutputBytes;
      result = inflate(&zlib, Z_SYNC_FLUSH);
      const Bytes made(output_.data(), kOutputBytes - zlib.avail_out);
      const std::size_t room = most - std::min(most, store.bytes().size());
      if (!made.empty() && !store.append(made.first(std::min(made.size(), room))))
        return {Outcome::kNotKept, used};
      if (made.size() > room) return {Outcome::kTooLong, used};
    } while (result == Z_OK && zlib.avail_out == 0);
    used = packed.size() - zlib.avail_in;
    if (result == Z_STREAM_END) {
      state.ended = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return {Outcome::kBad, used};
    }
  }
  return {state.ended ? Outcome::kDone : Outcome::kMore, used};
}

}  // namespace millrace::firewall::inspection
