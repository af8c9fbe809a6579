// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/prefix_map.h"

#include <cstring>

#include "common/net/checksum.h"

namespace millrace::net {
namespace {

constexpr std::uint16_t kAllOnes = 0xffff;  // the other zero of the one's complement

std::uint64_t first_half(const IpAddress& address) noexcept {
  std::uint64_t bits = 0;
  std::memcpy(&bits, address.bytes().data(), sizeof bits);
  return bits;
}

}  // namespace

std::optional<PrefixMap> PrefixMap::of(const Prefix& inside, const Prefix& outside) noexcept {
  if (inside.address.is_v4() || outside.address.is_v4() || inside.length != outside.length ||
      inside.length > kLongest)
    return std::nullopt;
  PrefixMap made;
  made.length_ = inside.length;
  made.inside_ = first_half(inside.address);
  made.outside_ = first_half(outside.address);
  made.mask_ = inside.length == 0 ? 0 : byte_swap(~std::uint64_t{0} << (kLongest - inside.length));
  // Section 3.1: what the outside prefix adds to the sum, the adjustment takes away again.
  made.adjustment_ = fold(difference(sum_object(made.outside_), sum_object(made.inside_)));
  return made;
}

bool PrefixMap::map(Ipv6Address& address, std::uint64_t prefix, std::uint16_t adjustment) const noexcept {
  constexpr std::size_t kSubnet = 6;
  constexpr std::size_t kInterface = 8;
  std::uint16_t word = kAllOnes;
  std::size_t at = adjusts_subnet() ? kSubnet : kInterface;
  const std::size_t end = adjusts_subnet() ? kInterface : address.bytes.size();
  // Section 3.5: the first that is not all ones. What is adjusted never becomes so, hence the way back finds
  // the same one.
  for (; at < end; at += sizeof word) {
    std::memcpy(&word, address.bytes.data() + at, sizeof word);
    if (word != kAllOnes) break;
  }
  if (word == kAllOnes) return false;
  word = fold(ChecksumSum{word} + adjustment);
  if (word == kAllOnes) word = 0;

  std::uint64_t bits = 0;
  std::memcpy(&bits, address.bytes.data(), sizeof bits);
  bits = (bits & ~mask_) | prefix;
  std::memcpy(address.bytes.data(), &bits, sizeof bits);
  std::memcpy(address.bytes.data() + at, &word, sizeof word);
  return true;
}

}  // namespace millrace::net
