// SPDX-License-Identifier: BSD-3-Clause
// Sources that are shut out for a time. Made whole on the control side, then only read: by workers, through
// whatever hands them the policy.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/clock.h"
#include "common/base/replaceable.h"
#include "common/flow/source_table.h"

namespace millrace::firewall::inspection {

struct Block {
  flow::SourceKey source;  // IPv6: of its network
  Tick until;
};

class BlockList {
 public:
  BlockList() : BlockList({}, 64, 0) {}
  // `ipv6_source_bits`: of WatchSettings; `seed` is secret.
  BlockList(std::span<const Block> blocks, std::uint8_t ipv6_source_bits, std::uint64_t seed);

  // Data path. Whether the source is shut out at this time.
  [[nodiscard]] bool blocks(const net::IpAddress& source, flow::Segment segment, Tick now) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return count_; }

 private:
  [[nodiscard]] std::size_t place_of(const flow::SourceKey& key) const noexcept;

  std::vector<Block> slots_;  // open addressing, at most half full; `rest` of 0: not in use
  std::size_t mask_;
  std::size_t count_ = 0;
  std::uint8_t ipv6_source_bits_;
  std::uint64_t seed_;
};

// Where all workers find it. Outlives them.
using BlockDirectory = Replaceable<BlockList>;

}  // namespace millrace::firewall::inspection
