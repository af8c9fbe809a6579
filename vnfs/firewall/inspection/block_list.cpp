// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/block_list.h"

#include <algorithm>
#include <bit>

#include "common/flow/key.h"

namespace millrace::firewall::inspection {

BlockList::BlockList(std::span<const Block> blocks, std::uint8_t ipv6_source_bits, std::uint64_t seed)
    : slots_(std::bit_ceil(std::max<std::size_t>(2 * blocks.size(), 2)), Block{flow::SourceKey::none(), 0}),
      mask_(slots_.size() - 1),
      ipv6_source_bits_(ipv6_source_bits),
      seed_(seed) {
  for (const Block& block : blocks) {
    Block& slot = slots_[place_of(block.source)];
    if (slot.source.rest == 0) {
      slot = block;
      ++count_;
    } else if (tick_after(block.until, slot.until)) {
      slot.until = block.until;
    }
  }
}

// Where the key stands, or would.
std::size_t BlockList::place_of(const flow::SourceKey& key) const noexcept {
  std::size_t at = flow::hash_words(key.first ^ key.rest, key.second, seed_) & mask_;
  while (slots_[at].source.rest != 0 && slots_[at].source != key) at = (at + 1) & mask_;
  return at;
}

bool BlockList::blocks(const net::IpAddress& source, flow::Segment segment, Tick now) const noexcept {
  if (count_ == 0) return false;
  const auto key = flow::SourceKey::of_network(source, ipv6_source_bits_, segment);
  const Block& slot = slots_[place_of(key)];
  return slot.source.rest != 0 && tick_after(slot.until, now);
}

}  // namespace millrace::firewall::inspection
