// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/thresholds.h"

#include <array>
#include <bit>
#include <cstring>

namespace millrace::firewall::inspection {

Thresholds::Thresholds(std::uint32_t most, const SipKey& seed)
    : seed_(seed),
      counts_(std::bit_ceil(std::max<std::size_t>(most, kGroup))),
      mask_(counts_.size() / kGroup - 1) {}

std::uint64_t Thresholds::name_of(const Threshold& threshold, std::uint32_t key, const net::IpAddress& source,
                                  const net::IpAddress& destination) const noexcept {
  using Track = Threshold::Track;
  std::array<std::uint8_t, 4 + 2 + 2 * 17> bytes{};
  std::memcpy(bytes.data(), &key, sizeof key);
  bytes[4] = static_cast<std::uint8_t>(threshold.kind);
  bytes[5] = static_cast<std::uint8_t>(threshold.track);
  const auto add = [&](std::size_t at, const net::IpAddress& address) noexcept {
    bytes[at] = static_cast<std::uint8_t>(address.family());
    std::memcpy(&bytes[at + 1], address.bytes().data(), address.bytes().size());
  };
  if (threshold.track == Track::kSource || threshold.track == Track::kBoth) add(6, source);
  if (threshold.track == Track::kDestination || threshold.track == Track::kBoth) add(6 + 17, destination);
  return siphash(bytes, seed_) | 1;
}

Thresholds::Count& Thresholds::find_or_add(std::uint64_t name, Tick now) noexcept {
  Count* const group = &counts_[(name >> 32 & mask_) * kGroup];
  Count* oldest = group;
  for (Count* count = group; count != group + kGroup; ++count) {
    if (count->name == name) return *count;
    if (oldest->name != 0 && (count->name == 0 || tick_after(oldest->begun, count->begun))) oldest = count;
  }
  if (oldest->name != 0) evicted_.add(1);
  *oldest = {.name = name, .begun = now, .count = 0};
  return *oldest;
}

bool Thresholds::passes(const Threshold& threshold, std::uint32_t key, const net::IpAddress& source,
                        const net::IpAddress& destination, Tick now) noexcept {
  Count& count = find_or_add(name_of(threshold, key, source, destination), now);
  if (now - count.begun >= std::uint64_t{threshold.seconds} * 1000) {
    count.begun = now;
    count.count = 0;
  }
  if (count.count != 0xffffffff) ++count.count;
  switch (threshold.kind) {
    case Threshold::Kind::kLimit:
      return count.count <= threshold.count;
    case Threshold::Kind::kThreshold:
      if (count.count < threshold.count) return false;
      count.count = 0;
      return true;
    case Threshold::Kind::kBoth:
      return count.count == threshold.count;
    case Threshold::Kind::kFilter:
      break;
  }
  return count.count > threshold.count;
}

}  // namespace millrace::firewall::inspection
