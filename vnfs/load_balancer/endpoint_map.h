// SPDX-License-Identifier: BSD-3-Clause
// From an address, a protocol and a port to what has them: services by what clients ask for, backends by what
// they answer from. Built once, read by all workers.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/flow/key.h"
#include "common/net/address.h"

namespace millrace::load_balancer {

// One address in its routing domain, as sixteen bytes and a word.
struct Place {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::uint32_t domain_and_family = 0;

  bool operator==(const Place&) const noexcept = default;

  [[nodiscard]] static Place of(net::Ipv4Address address, std::uint16_t domain) noexcept {
    return {.high = address.value.wire(), .low = 0, .domain_and_family = std::uint32_t{domain} << 8 | 4};
  }
  [[nodiscard]] static Place of(const net::Ipv6Address& address, std::uint16_t domain) noexcept {
    Place place{.high = 0, .low = 0, .domain_and_family = std::uint32_t{domain} << 8 | 6};
    std::memcpy(&place.high, address.bytes.data(), sizeof place.high);
    std::memcpy(&place.low, address.bytes.data() + sizeof place.high, sizeof place.low);
    return place;
  }
  [[nodiscard]] static Place of(const net::IpAddress& address, std::uint16_t domain) noexcept {
    return address.is_v4() ? of(address.v4(), domain) : of(address.v6(), domain);
  }
  [[nodiscard]] std::uint64_t hash() const noexcept {
    return flow::hash_words(high ^ domain_and_family, low, 0);
  }
};

// Immutable after settle(). `Value` is small and trivially copyable.
template <class Value>
class EndpointMap {
 public:
  struct Range {
    std::uint8_t protocol = 0;  // 0: all
    std::uint16_t first = 0;    // both ends included
    std::uint16_t last = 65535;
    Value value;
  };

  // Ranges of one place do not overlap, but that one for all protocols may stand behind others.
  void add(const Place& place, const Range& range) { added_.push_back({place, range}); }
  // After the last add(), before the first find().
  void settle();

  [[nodiscard]] bool empty() const noexcept { return ranges_.empty(); }
  // Whether anything has the address.
  [[nodiscard]] bool knows(const Place& place) const noexcept { return find_end(place) != nullptr; }
  // Null when nothing has the endpoint.
  [[nodiscard]] const Value* find(const Place& place, std::uint8_t protocol,
                                  std::uint16_t port) const noexcept {
    const End* end = find_end(place);
    if (end == nullptr) [[likely]]
      return nullptr;
    for (std::uint32_t i = end->first; i < end->end; ++i) {
      const Range& range = ranges_[i];
      if ((range.protocol == protocol || range.protocol == 0) && port >= range.first && port <= range.last)
        return &range.value;
    }
    return nullptr;
  }

 private:
  struct Added {
    Place place;
    Range range;
  };
  struct End {
    Place place;
    std::uint32_t first = 0;
    std::uint32_t end = 0;  // equal to first: free
  };

  [[nodiscard]] const End* find_end(const Place& place) const noexcept {
    if (ends_.empty()) return nullptr;
    for (std::size_t at = place.hash() & mask_;; at = (at + 1) & mask_) {
      const End& end = ends_[at];
      if (end.first == end.end) return nullptr;
      if (end.place == place) return &end;
    }
  }

  std::vector<Added> added_;
  std::vector<End> ends_;  // a power of two, at most a quarter in use
  std::vector<Range> ranges_;
  std::size_t mask_ = 0;
};

template <class Value>
void EndpointMap<Value>::settle() {
  const auto key = [](const Place& place) {
    return std::tuple(place.domain_and_family, place.high, place.low);
  };
  // Stable, and those for one protocol before those for all.
  std::stable_sort(added_.begin(), added_.end(), [&](const Added& a, const Added& b) {
    return std::tuple(key(a.place), a.range.protocol == 0) < std::tuple(key(b.place), b.range.protocol == 0);
  });
  std::size_t places = 0;
  for (std::size_t i = 0; i < added_.size(); ++i)
    places += i == 0 || !(added_[i].place == added_[i - 1].place) ? 1 : 0;
  ends_.assign(std::bit_ceil(places * 4), {});
  mask_ = ends_.empty() ? 0 : ends_.size() - 1;
  for (std::size_t i = 0; i < added_.size();) {
    End end{.place = added_[i].place, .first = static_cast<std::uint32_t>(ranges_.size())};
    for (; i < added_.size() && added_[i].place == end.place; ++i) ranges_.push_back(added_[i].range);
    end.end = static_cast<std::uint32_t>(ranges_.size());
    std::size_t at = end.place.hash() & mask_;
    while (ends_[at].first != ends_[at].end) at = (at + 1) & mask_;
    ends_[at] = end;
  }
  added_.clear();
}

}  // namespace millrace::load_balancer
