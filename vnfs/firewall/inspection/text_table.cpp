// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/text_table.h"

#include <algorithm>
#include <cstring>

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kRecordHead = 2;
constexpr unsigned kMarkShift = 6;  // in the second byte

bool same_bytes(const std::uint8_t* stored, Bytes bytes) noexcept {
  return bytes.empty() || std::memcmp(stored, bytes.data(), bytes.size()) == 0;
}

}  // namespace

TextTable::TextTable(std::size_t texts, std::size_t bytes)
    : slots_(texts == 0 ? 0 : texts + texts / 2 + 1),
      texts_(texts == 0 ? 0 : 1 + texts * kRecordHead + bytes),
      used_(1) {}

bool TextTable::holds(std::size_t record, Bytes head, Bytes tail) const noexcept {
  const std::uint8_t* const at = texts_.data() + record;
  const std::size_t length = at[0] | (at[1] & 0x3fU) << 8U;
  return length == head.size() + tail.size() && same_bytes(at + kRecordHead, head) &&
         same_bytes(at + kRecordHead + head.size(), tail);
}

std::size_t TextTable::seek(std::uint64_t hash, Bytes head, Bytes tail) const noexcept {
  const auto tag = static_cast<std::uint32_t>(hash);
  for (std::size_t at = place_of(hash);; at = at + 1 == slots_.size() ? 0 : at + 1) {
    const Slot& slot = slots_[at];
    if (slot.record == 0 || (slot.tag == tag && holds(slot.record, head, tail))) return at;
  }
}

void TextTable::add(std::uint64_t hash, Bytes head, Bytes tail, std::uint8_t marks) noexcept {
  Slot& slot = slots_[seek(hash, head, tail)];
  const auto mark_bits = static_cast<std::uint8_t>(marks << kMarkShift);
  if (slot.record != 0) {
    std::uint8_t& byte = texts_[slot.record + 1];
    byte = static_cast<std::uint8_t>(byte | mark_bits);
    return;
  }
  slot = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(used_)};
  const std::size_t length = head.size() + tail.size();
  std::uint8_t* at = texts_.data() + used_;
  *at++ = static_cast<std::uint8_t>(length);
  *at++ = static_cast<std::uint8_t>(length >> 8U | mark_bits);
  at = std::ranges::copy(head, at).out;
  std::ranges::copy(tail, at);
  used_ += kRecordHead + length;
  ++count_;
}

std::uint8_t TextTable::find(std::uint64_t hash, Bytes head, Bytes tail) const noexcept {
  if (count_ == 0) return 0;
  const std::uint32_t record = slots_[seek(hash, head, tail)].record;
  return record == 0 ? 0 : static_cast<std::uint8_t>(texts_[record + 1] >> kMarkShift);
}

}  // namespace millrace::firewall::inspection
