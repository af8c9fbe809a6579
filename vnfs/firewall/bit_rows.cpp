// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/bit_rows.h"

#include <algorithm>

namespace millrace::firewall {

std::uint32_t BitRows::add(const DenseRow& row) {
  const std::span<const std::uint64_t> words = row.words();
  std::uint64_t hash = 0;
  for (const std::uint64_t word : words) hash = (std::rotl(hash, 23) ^ word) * 0x9e3779b97f4a7c15U;
  const auto [begin, end] = by_hash_.equal_range(hash);
  for (auto known = begin; known != end; ++known) {
    if (equal(known->second, words)) return known->second;
  }

  const auto number = static_cast<std::uint32_t>(count());
  for (std::size_t at = 0; at < words.size(); at += 64) {
    Block block{.summary = 0, .first_word = static_cast<std::uint32_t>(words_.size())};
    const std::size_t size = std::min<std::size_t>(64, words.size() - at);
    for (std::size_t i = 0; i < size; ++i) {
      if (words[at + i] == 0) continue;
      block.summary |= std::uint64_t{1} << i;
      words_.push_back(words[at + i]);
    }
    blocks_.push_back(block);
  }
  by_hash_.emplace(hash, number);
  return number;
}

bool BitRows::equal(std::uint32_t number, std::span<const std::uint64_t> words) const noexcept {
  const Block* blocks = row(number);
  for (std::size_t at = 0; at < words.size(); ++at) {
    const Block& block = blocks[at / 64];
    const std::uint64_t bit = std::uint64_t{1} << (at % 64);
    const std::uint64_t stored =
        (block.summary & bit) == 0
            ? 0
            : words_[block.first_word + static_cast<unsigned>(std::popcount(block.summary & (bit - 1)))];
    if (stored != words[at]) return false;
  }
  return true;
}

void BitRows::finish() {
  by_hash_ = {};
  blocks_.shrink_to_fit();
  words_.shrink_to_fit();
}

}  // namespace millrace::firewall
