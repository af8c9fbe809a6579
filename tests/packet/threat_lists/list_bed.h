// SPDX-License-Identifier: BSD-3-Clause
// Threat lists in a policy, and what they have counted and told.
#pragma once

#include <string>
#include <vector>

#include "tests/packet/protect_bed.h"
#include "vnfs/firewall/inspection/threat_list_files.h"

namespace millrace::testing {

namespace inspection = firewall::inspection;
using core::Forwarding;
using firewall::Drop;
using firewall::Policy;
using inspection::EventKind;
using inspection::InspectionEvent;
using inspection::ListAction;
using inspection::ListKind;
using inspection::Outcome;

inline constexpr unsigned kIn = ProtectBed::kInside;
inline constexpr unsigned kOut = ProtectBed::kOutside;

struct ListSpec {
  std::string text;
  ListAction action = ListAction::kDrop;
  ListKind kind = ListKind::kAddress;
  std::uint8_t severity = 1;
};

inline constexpr std::uint32_t kFirstListSlot = 8;  // of the 16 that beds have

inline void add_lists(Policy& policy, const std::vector<ListSpec>& specs) {
  std::vector<inspection::ThreatListFile> files;
  for (const ListSpec& spec : specs) {
    policy.list_slots.push_back(kFirstListSlot + static_cast<std::uint32_t>(files.size()));
    files.push_back({.name = "list" + std::to_string(files.size()),
                     .kind = spec.kind,
                     .action = static_cast<std::uint8_t>(spec.action),
                     .severity = spec.severity,
                     .text = spec.text,
                     .path = "list.txt"});
  }
  auto lists = inspection::load_threat_lists(files, {7, 9});
  if (!lists) throw std::runtime_error(lists.error().message());
  policy.threat_lists = std::make_shared<const inspection::ThreatLists>(std::move(*lists));
}
inline std::function<void(Policy&)> with_lists(const std::vector<ListSpec>& specs) {
  return [specs](Policy& policy) { add_lists(policy, specs); };
}

inline std::uint64_t hits_of(ProtectBed& bed, std::uint32_t list) {
  std::uint64_t sum = 0;
  for (unsigned worker = 0; worker < bed.workers(); ++worker)
    sum += bed.state(worker).rule_counters[kFirstListSlot + list].hits.read();
  return sum;
}
inline std::vector<InspectionEvent> list_events(ProtectBed& bed) {
  std::vector<InspectionEvent> all;
  for (unsigned worker = 0; worker < bed.workers(); ++worker) {
    std::vector<InspectionEvent> some(8192);
    some.resize(bed.state(worker).inspector.events().pop(some));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

inline constexpr firewall::Limits kListLimits{
    .sessions = 4096, .rule_slots = 16, .sources = 1024, .inspection = {.events = 4096}};

class ListBed : public ProtectBed {
 public:
  ListBed(const Shape& shape, const std::vector<ListSpec>& specs, Forwarding forwarding = Forwarding::kRouted)
      : ProtectBed(shape, forwarding, with_lists(specs), kListLimits) {}

  // How many frames left by the other port.
  std::size_t goes_through(unsigned port, const PacketBuilder& packet) {
    send(port, packet);
    run();
    return sent(1 - port).size();
  }
  [[nodiscard]] std::uint64_t hits(std::uint32_t list) { return hits_of(*this, list); }
  [[nodiscard]] std::vector<InspectionEvent> events() { return list_events(*this); }
};

// For either way of forwarding.
inline void for_each_list_bed(const std::function<void(const Shape&, Forwarding)>& body) {
  for_each_shape([&](const Shape& shape) {
    for (const Forwarding forwarding : {Forwarding::kRouted, Forwarding::kTransparent}) {
      SCOPED_TRACE(forwarding == Forwarding::kRouted ? "routed" : "transparent");
      body(shape, forwarding);
    }
  });
}

}  // namespace millrace::testing
