// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/buffer_pool.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <limits>

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kMostUnits = std::numeric_limits<BlockNumber>::max() - 1;

std::size_t units_of(std::size_t bytes) {
  return std::min<std::size_t>(bytes / BufferPool::kSmallestBlock, kMostUnits);
}

}  // namespace

BufferPool::BufferPool(std::size_t bytes)
    : memory_(units_of(bytes) * kSmallestBlock), units_(units_of(bytes) + 1) {
  const std::size_t units = units_.size() - 1;
  for (std::size_t at = 0; at < units;) {
    unsigned order = kOrders - 1;
    while ((at & ((std::size_t{1} << order) - 1)) != 0 || units - at < std::size_t{1} << order) --order;
    link(static_cast<BlockNumber>(at + 1), order);
    at += std::size_t{1} << order;
  }
}

std::uint32_t BufferPool::block_size(std::uint32_t bytes) noexcept {
  return bytes > kLargestBlock ? 0 : std::bit_ceil(std::max(bytes, kSmallestBlock));
}

std::uint32_t BufferPool::growing_block_size(std::uint32_t bytes) const noexcept {
  const std::uint32_t size = block_size(bytes);
  const auto order = static_cast<unsigned>(std::countr_zero(size / kSmallestBlock));
  if (order % 2 == 0 || order + 1 >= kOrders) return size;  // also of 0
  const bool ample = in_use_.read() <= capacity() / 2 && orders_free_ >> (order + 1) != 0;
  return ample ? 2 * size : size;
}

void BufferPool::link(BlockNumber block, unsigned order) noexcept {
  const BlockNumber next = free_[order];
  units_[block] = {
      .next = next, .previous = kNoBlock, .order = static_cast<std::uint8_t>(order), .state = State::kFree};
  if (next != kNoBlock) units_[next].previous = block;
  free_[order] = block;
  orders_free_ |= 1U << order;
}

void BufferPool::unlink(BlockNumber block) noexcept {
  const Unit& unit = units_[block];
  (unit.previous == kNoBlock ? free_[unit.order] : units_[unit.previous].next) = unit.next;
  if (unit.next != kNoBlock) units_[unit.next].previous = unit.previous;
  if (free_[unit.order] == kNoBlock) orders_free_ &= ~(1U << unit.order);
  units_[block].state = State::kInside;
}

BlockNumber BufferPool::take(std::uint32_t bytes) noexcept {
  const std::uint32_t size = block_size(bytes);
  const auto wanted = static_cast<unsigned>(std::countr_zero(size / kSmallestBlock));
  const std::uint32_t large_enough = size == 0 ? 0 : orders_free_ >> wanted << wanted;
  if (large_enough == 0) {
    refusals_.add(1);
    return kNoBlock;
  }
  auto order = static_cast<unsigned>(std::countr_zero(large_enough));
  const BlockNumber block = free_[order];
  unlink(block);
  while (order > wanted) {
    --order;
    link(block + (1U << order), order);
  }
  units_[block].order = static_cast<std::uint8_t>(wanted);
  units_[block].state = State::kTaken;
  in_use_.add(size);
  return block;
}

void BufferPool::give_back(BlockNumber block) noexcept {
  if (block == kNoBlock) return;
  const bool taken = block < units_.size() && units_[block].state == State::kTaken;
  assert(taken);
  if (!taken) return;
  unsigned order = units_[block].order;
  in_use_.set(in_use_.read() - (std::uint64_t{kSmallestBlock} << order));
  units_[block].state = State::kInside;
  for (; order + 1 < kOrders; ++order) {
    const BlockNumber buddy = ((block - 1) ^ (1U << order)) + 1;
    if (buddy >= units_.size()) break;
    if (units_[buddy].state != State::kFree || units_[buddy].order != order) break;
    unlink(buddy);
    block = std::min(block, buddy);
  }
  link(block, order);
}

bool PooledBytes::make_room(BufferPool& pool, std::uint32_t bytes_in_all) noexcept {
  if (bytes_in_all <= capacity) return true;
  const std::uint32_t wanted = pool.growing_block_size(bytes_in_all);
  const BlockNumber larger = pool.take(wanted == 0 ? bytes_in_all : wanted);
  if (larger == kNoBlock) return false;
  if (size != 0) std::memcpy(pool.bytes(larger, size).data(), pool.bytes(block, size).data(), size);
  pool.give_back(block);
  block = larger;
  capacity = wanted;
  return true;
}

}  // namespace millrace::firewall::inspection
