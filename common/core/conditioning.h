// SPDX-License-Identifier: BSD-3-Clause
// What is done to packets for the sake of quality of service when they come in, as the profile says it: the
// classifier, meter, marker and dropper of a traffic conditioner (RFC 2475 section 2.3). Immutable but for
// meters and counts, which a new profile takes over.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/counter.h"
#include "common/core/ids.h"
#include "common/core/policer.h"
#include "common/net/address.h"

namespace millrace::core {

// What becomes of the packets of one color.
struct ColorAction {
  static constexpr std::uint8_t kKeep = 0xff;

  bool drop = false;
  std::uint8_t mark = kKeep;  // a code point
};

struct PolicerUse {
  std::string name;
  std::shared_ptr<Policer> meter;
  std::array<ColorAction, kColors> actions{};
  bool color_aware = false;  // by drop precedence, RFC 2597
};

// What came under a rule, by worker.
struct TrafficCounters {
  struct alignas(64) One {
    Counter packets;
    Counter bytes;  // of IP datagrams
  };
  std::array<One, kMaxWorkers> workers;

  [[nodiscard]] std::uint64_t packets() const noexcept {
    std::uint64_t sum = 0;
    for (const One& worker : workers) sum += worker.packets.read();
    return sum;
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const One& worker : workers) sum += worker.bytes.read();
    return sum;
  }
};

// A prefix, to be compared as words of memory.
struct AddressMatch {
  std::uint64_t high = 0;  // of IPv4: nothing
  std::uint64_t low = 0;   // of IPv4: four bytes
  std::uint64_t high_mask = 0;
  std::uint64_t low_mask = 0;
  std::uint8_t family = 0;  // 4, 6; 0: any address

  AddressMatch() = default;
  explicit AddressMatch(const net::Prefix& prefix) noexcept;
  bool operator==(const AddressMatch&) const noexcept = default;
};

// One combination of what a rule of the profile asks for. All that is given must hold.
struct TrafficRule {
  static constexpr std::uint32_t kNoPolicer = 0xffffffff;
  static constexpr std::uint16_t kAnyIcmp = 0xffff;

  std::uint64_t dscps = ~std::uint64_t{0};  // a bit for each code point
  std::optional<std::uint8_t> protocol = {};
  bool by_ports = false;  // ask for ports, which later fragments have none of
  std::uint16_t first_source = 0;
  std::uint16_t last_source = 65535;
  std::uint16_t first_port = 0;  // destination
  std::uint16_t last_port = 65535;
  std::uint16_t icmp_type = kAnyIcmp;
  std::uint16_t icmp_code = kAnyIcmp;
  AddressMatch from = {};
  AddressMatch to = {};

  std::uint32_t policer = kNoPolicer;  // index into Conditioning::policers
  std::uint8_t mark = ColorAction::kKeep;
  TrafficCounters* counters = nullptr;  // of Conditioning::rules

  // Set by Conditioning::settle().
  bool asks_more = false;  // than the code point
  bool is_last = false;    // of its interface
};

struct Conditioning {
  static constexpr unsigned kCodePoints = 64;

  struct Rule {
    std::string name;
    std::shared_ptr<TrafficCounters> counters;
  };
  std::vector<std::vector<TrafficRule>> at;  // by InterfaceId: the first that fits holds
  std::vector<PolicerUse> policers;
  std::vector<Rule> rules;  // as the profile has them

  // When all that is above is there; it is not changed any more.
  void settle();
  // The first rule at an interface that packets with a code point may come under; null when there is none.
  [[nodiscard]] const TrafficRule* first(InterfaceId interface, std::uint8_t dscp) const noexcept {
    const std::size_t place = std::size_t{interface.value()} * kCodePoints + dscp;
    return place < first_.size() ? first_[place] : nullptr;
  }

 private:
  std::vector<const TrafficRule*> first_;
};

}  // namespace millrace::core
