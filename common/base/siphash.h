// SPDX-License-Identifier: BSD-3-Clause
// SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): who does not know the key can
// not tell its values from random ones.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "common/base/reader.h"

namespace millrace {

using SipKey = std::array<std::uint64_t, 2>;

namespace detail {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() noexcept {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) noexcept {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

}  // namespace detail

// Of pieces one after another: siphash() of the first is value() after it, and each value is of all pieces so
// far and where they were parted. A piece costs its own bytes, whatever came before.
class SipSequence {
 public:
  explicit SipSequence(const SipKey& key) noexcept
      : state_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
               key[1] ^ 0x7465646279746573} {}

  void add(Bytes piece) noexcept {
    const std::uint64_t length = std::uint64_t{piece.size()} << 56;
    std::uint64_t word = 0;
    for (; piece.size() >= sizeof word; piece = piece.subspan(sizeof word)) {
      std::memcpy(&word, piece.data(), sizeof word);
      state_.absorb(word);
    }
    word = 0;
    if (!piece.empty()) std::memcpy(&word, piece.data(), piece.size());
    state_.absorb(word | length);
  }
  [[nodiscard]] std::uint64_t value() const noexcept {
    detail::SipState last = state_;
    last.v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) last.round();
    return last.v0 ^ last.v1 ^ last.v2 ^ last.v3;
  }

 private:
  detail::SipState state_;
};

[[nodiscard]] inline std::uint64_t siphash(Bytes bytes, const SipKey& key) noexcept {
  SipSequence whole(key);
  whole.add(bytes);
  return whole.value();
}

// Numbers that nobody foresees who does not know the key, however many of them he has seen: the hashes of a
// count. One thread's own.
class SipRandom {
 public:
  explicit SipRandom(const SipKey& key) noexcept : key_(key) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    std::array<std::uint8_t, sizeof count_> bytes{};
    ++count_;
    std::memcpy(bytes.data(), &count_, sizeof count_);
    return siphash(bytes, key_);
  }

 private:
  SipKey key_;
  std::uint64_t count_ = 0;
};

}  // namespace millrace
