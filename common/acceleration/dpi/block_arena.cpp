// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/block_arena.h"

#include <algorithm>
#include <bit>

#include <sanitizer/asan_interface.h>

namespace millrace::dpi {
namespace {

constexpr std::size_t whole_blocks(std::size_t bytes) {
  return (bytes + BlockArena::kLargest - 1) / BlockArena::kLargest + 1;
}
constexpr std::uint32_t units_of(unsigned order) noexcept { return std::uint32_t{1} << order; }

}  // namespace

BlockArena::BlockArena(std::size_t bytes)
    : memory_(whole_blocks(bytes) * kLargest), units_(memory_.size() / kSmallest) {
  free_.fill(kNone);
  const auto spare = static_cast<std::uint32_t>(units_.size()) - units_of(kOrders - 1);
  for (std::uint32_t unit = spare; unit != 0;) make_free(unit -= units_of(kOrders - 1), kOrders - 1);
  ASAN_POISON_MEMORY_REGION(memory_.data(), memory_.bytes());
}

BlockArena::~BlockArena() { ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.bytes()); }

void BlockArena::link(std::uint32_t& head, std::uint32_t unit) noexcept {
  units_[unit].previous = kNone;
  units_[unit].next = head;
  if (head != kNone) units_[head].previous = unit;
  head = unit;
}

void BlockArena::unlink(std::uint32_t& head, std::uint32_t unit) noexcept {
  const Unit& gone = units_[unit];
  (gone.previous == kNone ? head : units_[gone.previous].next) = gone.next;
  if (gone.next != kNone) units_[gone.next].previous = gone.previous;
}

void BlockArena::make_free(std::uint32_t unit, unsigned order) noexcept {
  units_[unit].order = order & 15U;
  units_[unit].state = State::kFree;
  link(free_[order], unit);
  if (order == kOrders - 1) ++untouched_;
}

void* BlockArena::take(std::size_t size, std::size_t most, Holder& holder) noexcept {
  const std::size_t rounded = std::bit_ceil(std::clamp(size, kSmallest, kLargest));
  const auto order = static_cast<unsigned>(std::countr_zero(rounded / kSmallest));
  unsigned found = order;
  while (found < kOrders && free_[found] == kNone) ++found;
  if (size > kLargest || holder.bytes + rounded > most || found == kOrders) {
    ++holder.refused;
    return nullptr;
  }
  const std::uint32_t unit = free_[found];
  unlink(free_[found], unit);
  if (found == kOrders - 1) --untouched_;
  while (found != order) {
    --found;
    make_free(unit + units_of(found), found);
  }
  units_[unit].order = order & 15U;
  units_[unit].size = static_cast<std::uint32_t>(std::max<std::size_t>(size, 1)) & 0xfffffU;
  units_[unit].state = State::kTaken;
  units_[unit].holder = holder.number;
  link(holder.first, unit);
  holder.bytes += static_cast<std::uint32_t>(rounded);
  taken_ += rounded;
  ASAN_UNPOISON_MEMORY_REGION(at(unit), size);
  return at(unit);
}

std::uint32_t BlockArena::unit_of(const void* block, const Holder& holder) const noexcept {
  if (!contains(block)) return kNone;
  const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(block) - memory_.data());
  if (offset % kSmallest != 0) return kNone;
  const Unit& unit = units_[offset / kSmallest];
  if (unit.state != State::kTaken || unit.holder != holder.number) return kNone;
  return static_cast<std::uint32_t>(offset / kSmallest);
}

bool BlockArena::contains(const void* pointer) const noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  const auto begin = reinterpret_cast<std::uintptr_t>(memory_.data());
  return address - begin < memory_.bytes();
}

std::size_t BlockArena::size_of(const void* block, const Holder& holder) const noexcept {
  const std::uint32_t unit = unit_of(block, holder);
  return unit == kNone ? 0 : units_[unit].size;
}

bool BlockArena::give_back(void* block, Holder& holder) noexcept {
  const std::uint32_t unit = unit_of(block, holder);
  if (unit == kNone) return false;
  const std::size_t size = kSmallest << units_[unit].order;
  unlink(holder.first, unit);
  holder.bytes -= static_cast<std::uint32_t>(size);
  taken_ -= size;
  ASAN_POISON_MEMORY_REGION(at(unit), size);
  merge(unit);
  return true;
}

void BlockArena::merge(std::uint32_t unit) noexcept {
  unsigned order = units_[unit].order;
  for (; order + 1 < kOrders; ++order) {
    const std::uint32_t buddy = unit ^ units_of(order);
    if (units_[buddy].state != State::kFree || units_[buddy].order != order) break;
    unlink(free_[order], buddy);
    units_[std::max(unit, buddy)].state = State::kInside;
    unit = std::min(unit, buddy);
  }
  make_free(unit, order);
}

std::uint32_t BlockArena::give_back_all(Holder& holder) noexcept {
  std::uint32_t blocks = 0;
  for (; holder.first != kNone; ++blocks) static_cast<void>(give_back(at(holder.first), holder));
  return blocks;
}

}  // namespace millrace::dpi
