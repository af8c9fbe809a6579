// SPDX-License-Identifier: BSD-3-Clause
// Where an address has its meaning: a routing domain, or, in transparent mode, one VLAN of one pair of ports.
// The same addresses and ports in two segments are two flows.
#pragma once

#include <cstdint>

namespace millrace::flow {

// VLAN ids of a frame, 0 for none. A tag with the id 0 carries a priority and no VLAN (IEEE 802.1Q section
// 6.9), so such a frame is in the same VLAN as one without that tag.
struct VlanTags {
  std::uint16_t outer = 0;  // of two tags; never without `vlan`
  std::uint16_t vlan = 0;   // of the only tag, or the inner one of two

  bool operator==(const VlanTags&) const noexcept = default;

  // `first` and `second` in the order of the frame.
  [[nodiscard]] static constexpr VlanTags of(std::uint16_t first, std::uint16_t second) noexcept {
    if (second == 0) return {0, first};
    return {first, second};
  }
};

class Segment {
 public:
  static constexpr unsigned kMostWires = 31;

  constexpr Segment() noexcept = default;  // routing domain 0
  [[nodiscard]] static constexpr Segment domain(std::uint16_t id) noexcept { return Segment(id); }
  // `wire` is less than kMostWires, the ids are of 12 bits: each combination has a number of its own.
  [[nodiscard]] static constexpr Segment wire(unsigned wire, VlanTags tags) noexcept {
    return Segment((wire + 1) << kWireShift | std::uint32_t{tags.outer} << kOuterShift | tags.vlan);
  }
  [[nodiscard]] static constexpr Segment from_number(std::uint32_t number) noexcept {
    return Segment(number);
  }

  bool operator==(const Segment&) const noexcept = default;

  [[nodiscard]] constexpr std::uint32_t number() const noexcept { return number_; }  // less than 2^29
  [[nodiscard]] constexpr bool on_wire() const noexcept { return wire_mark() != 0; }
  // One more than the number of the wire, 0 of a routing domain.
  [[nodiscard]] constexpr unsigned wire_mark() const noexcept { return number_ >> kWireShift; }
  // Routing domain; 0 on a wire, which has none.
  [[nodiscard]] constexpr std::uint16_t domain_id() const noexcept {
    return on_wire() ? std::uint16_t{0} : static_cast<std::uint16_t>(number_);
  }
  [[nodiscard]] constexpr VlanTags tags() const noexcept {
    if (!on_wire()) return {};
    return {static_cast<std::uint16_t>(number_ >> kOuterShift & 0xfffU),
            static_cast<std::uint16_t>(number_ & 0xfffU)};
  }

 private:
  static constexpr unsigned kOuterShift = 12;
  static constexpr unsigned kWireShift = 24;

  explicit constexpr Segment(std::uint32_t number) noexcept : number_(number) {}

  std::uint32_t number_ = 0;  // domain, or wire + 1 | outer id 12 | id 12
};

}  // namespace millrace::flow
