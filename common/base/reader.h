// SPDX-License-Identifier: BSD-3-Clause
// Bounds-checked access to bytes that came from outside. A short read gives null, never a stray byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

namespace millrace {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

// A header type that may be laid over unaligned packet bytes.
template <class T>
concept WireFormat = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && alignof(T) == 1;

// Walks forward over a buffer it does not own.
class Reader {
 public:
  constexpr explicit Reader(Bytes bytes) noexcept : bytes_(bytes) {}

  // The next T, or null (and no step forward) when fewer than sizeof(T) bytes are left.
  template <WireFormat T>
  [[nodiscard]] const T* read() noexcept {
    const T* header = peek<T>();
    if (header != nullptr) offset_ += sizeof(T);
    return header;
  }

  template <WireFormat T>
  [[nodiscard]] const T* peek() const noexcept {
    if (left() < sizeof(T)) return nullptr;
    return reinterpret_cast<const T*>(bytes_.data() + offset_);
  }

  // The next `count` bytes, or an empty span (and no step forward) when they are not there.
  [[nodiscard]] constexpr Bytes take(std::size_t count) noexcept {
    if (left() < count) return {};
    const Bytes taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

  [[nodiscard]] constexpr bool skip(std::size_t count) noexcept {
    if (left() < count) return false;
    offset_ += count;
    return true;
  }

  [[nodiscard]] constexpr std::size_t offset() const noexcept { return offset_; }
  [[nodiscard]] constexpr std::size_t left() const noexcept { return bytes_.size() - offset_; }
  [[nodiscard]] constexpr Bytes rest() const noexcept { return bytes_.subspan(offset_); }

 private:
  Bytes bytes_;
  std::size_t offset_ = 0;
};

}  // namespace millrace
