// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/syn_cookie.h"

#include <bit>
#include <cstring>

namespace millrace::flow {
namespace {

constexpr std::uint32_t kSizeMask = SynCookies::kSegmentSizes.size() - 1;
static_assert(std::has_single_bit(SynCookies::kSegmentSizes.size()));
constexpr Tick kPeriodMask = 0xffffffffU >> SynCookies::kPeriodBits;  // periods wrap as the clock does

}  // namespace

// The seed also keys hash tables; what is derived here can not be learnt from them, nor the other way round.
SynCookies::SynCookies(std::uint64_t seed) noexcept : key_{} {
  constexpr std::array<std::uint8_t, 2> kPurpose{'s', 'c'};
  key_ = {siphash(Bytes(kPurpose).first(1), {seed, 0}), siphash(Bytes(kPurpose), {seed, 1})};
}

std::uint32_t SynCookies::sign(const FlowLookup& flow, std::uint32_t initial_sequence, std::uint32_t size,
                               Tick period) const noexcept {
  struct {
    std::uint64_t low, high, sequence_sender, size_period;
    Ipv6Pair addresses;
  } input{.low = flow.key.low,
          .high = flow.key.high,
          .sequence_sender = initial_sequence | std::uint64_t{static_cast<std::uint8_t>(flow.sender)} << 32,
          .size_period = size | std::uint64_t{period} << 32,
          .addresses = {}};
  static_assert(sizeof input == 64);
  constexpr std::size_t kNarrowSize = 32;
  if (flow.key.is_wide()) input.addresses = flow.addresses;
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(&input),
                    flow.key.is_wide() ? sizeof input : kNarrowSize);
  return (static_cast<std::uint32_t>(siphash(bytes, key_)) & ~kSizeMask) | size;
}

std::uint32_t SynCookies::make(const FlowLookup& flow, std::uint32_t initial_sequence,
                               std::uint16_t segment_size, Tick now) const noexcept {
  std::uint32_t size = kSizeMask;
  while (size != 0 && kSegmentSizes[size] > segment_size) --size;
  return sign(flow, initial_sequence, size, now >> kPeriodBits);
}

std::optional<std::uint16_t> SynCookies::check(const FlowLookup& flow, std::uint32_t initial_sequence,
                                               std::uint32_t cookie, Tick now) const noexcept {
  const std::uint32_t size = cookie & kSizeMask;
  const Tick period = now >> kPeriodBits;
  for (const Tick given : {period, (period - 1) & kPeriodMask}) {
    if (sign(flow, initial_sequence, size, given) == cookie) return kSegmentSizes[size];
  }
  return std::nullopt;
}

}  // namespace millrace::flow
