// SPDX-License-Identifier: BSD-3-Clause
// Sparse rows of bits, and the first bit that is set in several rows at once.
//
// A row has a summary bit for each 64-bit word that is not zero, and only those words are stored (the
// aggregated bit vectors of Baboescu and Varghese, "Scalable packet classification", SIGCOMM 2001). Rows that
// are equal are stored once. Built off the data path; first_common() is for the data path.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace millrace::firewall {

// A row while it is being put together.
class DenseRow {
 public:
  explicit DenseRow(std::size_t bits) : words_((bits + 63) / 64) {}

  // Bits first to last - 1.
  void set(std::size_t first, std::size_t last) noexcept {
    for (std::size_t bit = first; bit < last; ++bit) words_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  void clear(std::size_t first, std::size_t last) noexcept {
    for (std::size_t bit = first; bit < last; ++bit) words_[bit / 64] &= ~(std::uint64_t{1} << (bit % 64));
  }
  [[nodiscard]] std::span<const std::uint64_t> words() const noexcept { return words_; }

 private:
  std::vector<std::uint64_t> words_;
};

class BitRows {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // A run of 64 words of a row.
  struct Block {
    std::uint64_t summary = 0;     // which of them are not zero
    std::uint32_t first_word = 0;  // where those are stored
  };

  explicit BitRows(std::size_t bits) : blocks_per_row_((bits + 4095) / 4096) {}

  // The number of the row with these bits.
  std::uint32_t add(const DenseRow& row);
  // After the last add: gives back what only building needs.
  void finish();

  [[nodiscard]] const Block* row(std::uint32_t number) const noexcept {
    return &blocks_[number * blocks_per_row_];
  }

  // The lowest bit set in all of the rows, or kNone. At least one row.
  [[nodiscard]] std::uint32_t first_common(const Block* const* rows, unsigned count) const noexcept {
    std::uint32_t first = kNone;
    each_common(rows, count, [&first](std::uint32_t bit) noexcept {
      first = bit;
      return false;
    });
    return first;
  }

  // Calls `bool on_bit(bit)` for each bit set in all of the rows, rising, until it returns false.
  template <class OnBit>
  void each_common(const Block* const* rows, unsigned count, OnBit&& on_bit) const noexcept {
    for (std::size_t block = 0; block < blocks_per_row_; ++block) {
      std::uint64_t summary = rows[0][block].summary;
      for (unsigned i = 1; i < count; ++i) summary &= rows[i][block].summary;
      for (; summary != 0; summary &= summary - 1) {
        const std::uint64_t before = (summary & -summary) - 1;
        std::uint64_t word = ~std::uint64_t{0};
        for (unsigned i = 0; i < count; ++i) {
          const Block& of = rows[i][block];
          word &= words_[of.first_word + static_cast<unsigned>(std::popcount(of.summary & before))];
        }
        for (; word != 0; word &= word - 1) {
          const auto of_block = static_cast<unsigned>(std::countr_zero(summary)) * 64U +
                                static_cast<unsigned>(std::countr_zero(word));
          if (!on_bit(static_cast<std::uint32_t>(block * 4096) + of_block)) return;
        }
      }
    }
  }

  void prefetch(std::uint32_t number) const noexcept { __builtin_prefetch(row(number)); }

  [[nodiscard]] std::size_t count() const noexcept {
    return blocks_per_row_ == 0 ? 0 : blocks_.size() / blocks_per_row_;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return blocks_.capacity() * sizeof(Block) + words_.capacity() * sizeof(std::uint64_t);
  }

 private:
  [[nodiscard]] bool equal(std::uint32_t number, std::span<const std::uint64_t> words) const noexcept;

  std::size_t blocks_per_row_;
  std::vector<Block> blocks_;
  std::vector<std::uint64_t> words_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> by_hash_;
};

}  // namespace millrace::firewall
