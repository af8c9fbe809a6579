// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/text_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>

#include <immintrin.h>

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kRecordHead = 2;
constexpr unsigned kMarkShift = 6;  // in the second byte

bool same_bytes(const std::uint8_t* stored, Bytes bytes) noexcept {
  return bytes.empty() || std::memcmp(stored, bytes.data(), bytes.size()) == 0;
}

// Places in it are numbers of 32 bits, and 0 is none.
std::size_t room_for(std::size_t texts, std::size_t bytes) {
  constexpr std::size_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (texts == 0) return 0;
  if (bytes > kMost || texts * kRecordHead >= kMost - bytes) throw std::bad_alloc();
  return 1 + texts * kRecordHead + bytes;
}

// Not 0, which is of what is free.
std::uint8_t tag_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint8_t>((hash & 0xffU) == 0 ? 1 : hash & 0xffU);
}

// A bit for each of the sixteen bytes that is `tag`.
unsigned places_of(std::uint8_t tag, const std::uint8_t* tags) noexcept {
  const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(tags));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8(static_cast<char>(tag)))));
}

}  // namespace

TextTable::TextTable(std::size_t texts, std::size_t bytes)
    : tags_(texts == 0 ? 0 : (texts + texts / 2) / kBucket + 1),
      records_(tags_.size()),
      texts_(room_for(texts, bytes)),
      used_(1) {}

bool TextTable::holds(std::size_t record, Bytes head, Bytes tail) const noexcept {
  const std::uint8_t* const at = texts_.data() + record;
  const std::size_t length = at[0] | (at[1] & 0x3fU) << 8U;
  return length == head.size() + tail.size() && same_bytes(at + kRecordHead, head) &&
         same_bytes(at + kRecordHead + head.size(), tail);
}

TextTable::Place TextTable::seek(std::uint64_t hash, Bytes head, Bytes tail) const noexcept {
  const std::uint8_t tag = tag_of(hash);
  for (std::size_t bucket = bucket_of(hash);; bucket = bucket + 1 == tags_.size() ? 0 : bucket + 1) {
    const std::uint8_t* const tags = tags_[bucket].of.data();
    for (unsigned same = places_of(tag, tags); same != 0; same &= same - 1) {
      const auto slot = static_cast<std::size_t>(std::countr_zero(same));
      const std::uint32_t record = records_[bucket][slot];
      if (holds(record, head, tail)) return {bucket, slot, record};
    }
    const unsigned free = places_of(kFree, tags);
    if (free != 0) return {bucket, static_cast<std::size_t>(std::countr_zero(free)), 0};
  }
}

void TextTable::add(std::uint64_t hash, Bytes head, Bytes tail, std::uint8_t marks) noexcept {
  const Place place = seek(hash, head, tail);
  const auto mark_bits = static_cast<std::uint8_t>(marks << kMarkShift);
  if (place.record != 0) {
    std::uint8_t& byte = texts_[place.record + 1];
    byte = static_cast<std::uint8_t>(byte | mark_bits);
    return;
  }
  tags_[place.bucket].of[place.slot] = tag_of(hash);
  records_[place.bucket][place.slot] = static_cast<std::uint32_t>(used_);
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
  const std::uint32_t record = seek(hash, head, tail).record;
  return record == 0 ? 0 : static_cast<std::uint8_t>(texts_[record + 1] >> kMarkShift);
}

}  // namespace millrace::firewall::inspection
