// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/conditioner.h"

#include <bit>
#include <cstring>

#include "common/net/dscp.h"

namespace millrace::core {
namespace {

// What rules compare, read once.
struct Ends {
  std::uint64_t source_high = 0;
  std::uint64_t source_low = 0;
  std::uint64_t destination_high = 0;
  std::uint64_t destination_low = 0;

  explicit Ends(const Packet& packet) noexcept {
    if (packet.headers.is_ipv4()) {
      const auto& ip = packet.l3_as<net::Ipv4Header>();
      source_low = ip.source.value.wire();
      destination_low = ip.destination.value.wire();
    } else {
      const auto& ip = packet.l3_as<net::Ipv6Header>();
      std::memcpy(&source_high, ip.source.bytes.data(), 8);
      std::memcpy(&source_low, ip.source.bytes.data() + 8, 8);
      std::memcpy(&destination_high, ip.destination.bytes.data(), 8);
      std::memcpy(&destination_low, ip.destination.bytes.data() + 8, 8);
    }
  }
};

bool is_in(const AddressMatch& prefix, std::uint64_t high, std::uint64_t low, unsigned family) noexcept {
  return prefix.family == 0 || (prefix.family == family && (low & prefix.low_mask) == prefix.low &&
                                (high & prefix.high_mask) == prefix.high);
}

bool has_ports_of(const net::Headers& headers, const TrafficRule& rule) noexcept {
  if (headers.later_fragment() || !headers.has_ports) return false;
  const std::uint16_t source = headers.source_port.host();
  const std::uint16_t port = headers.destination_port.host();
  return source >= rule.first_source && source <= rule.last_source && port >= rule.first_port &&
         port <= rule.last_port;
}

bool has_icmp_of(const net::Headers& headers, const TrafficRule& rule) noexcept {
  return !headers.later_fragment() && rule.icmp_type == headers.icmp_type() &&
         (rule.icmp_code == TrafficRule::kAnyIcmp || rule.icmp_code == headers.icmp_code);
}

// `rule` has the packet's code point.
bool fits(const net::Headers& headers, const Ends& ends, const TrafficRule& rule) noexcept {
  return is_in(rule.from, ends.source_high, ends.source_low, headers.family) &&
         is_in(rule.to, ends.destination_high, ends.destination_low, headers.family) &&
         (!rule.protocol || *rule.protocol == headers.protocol) &&
         (!rule.by_ports || has_ports_of(headers, rule)) &&
         (rule.icmp_type == TrafficRule::kAnyIcmp || has_icmp_of(headers, rule));
}

// From a rule on.
const TrafficRule* search(const TrafficRule* rule, const Packet& packet, std::uint8_t dscp) noexcept {
  const Ends ends(packet);
  while ((rule->dscps >> dscp & 1) == 0 || !fits(packet.headers, ends, *rule)) {
    if (rule->is_last) return nullptr;
    ++rule;
  }
  return rule;
}

void mark(Batch& batch, std::uint64_t lanes, std::uint8_t dscp) noexcept {
  if (dscp == ColorAction::kKeep) return;
  for (; lanes != 0; lanes &= lanes - 1) {
    Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    net::set_dscp(packet.l3(), packet.headers.is_ipv4(), dscp);
  }
}

void drop(Batch& batch, std::uint64_t lanes) noexcept {
  for (; lanes != 0; lanes &= lanes - 1)
    batch.drop(batch[static_cast<unsigned>(std::countr_zero(lanes))], Drop::kPoliced);
}

Color color_of(const Packet& packet) noexcept {
  return static_cast<Color>(net::drop_precedence(net::dscp_of(packet.l3(), packet.headers.is_ipv4())));
}

}  // namespace

void Conditioner::process(Batch& batch, const Conditioning& conditioning, std::uint64_t now) noexcept {
  Run run;  // in hand; others that are open wait in their places
  unsigned open = 0;
  for (std::uint64_t lanes = batch.live_mask(); lanes != 0; lanes &= lanes - 1) {
    const Packet& packet = batch[static_cast<unsigned>(std::countr_zero(lanes))];
    const bool ipv4 = packet.headers.is_ipv4();
    // What begins anew has been here.
    if (!(ipv4 || packet.headers.is_ipv6()) || packet.restarted) [[unlikely]]
      continue;
    const std::uint8_t dscp = net::dscp_of(packet.l3(), ipv4);
    const TrafficRule* rule = conditioning.first(packet.ingress, dscp);
    if (rule != nullptr && rule->asks_more) rule = search(rule, packet, dscp);
    if (rule == nullptr) continue;
    if (rule != run.rule) {
      if (run.rule != nullptr) open |= put_down(batch, conditioning, run, now);
      run = take_up(rule);
    }
    run.lanes |= lanes & -lanes;
    run.bytes += packet.ip_length();
  }
  if (run.rule != nullptr) open |= put_down(batch, conditioning, run, now);
  for (; open != 0; open &= open - 1)
    finish(batch, conditioning, runs_[static_cast<unsigned>(std::countr_zero(open))], now);
}

// A bit for the place where it waits.
unsigned Conditioner::put_down(Batch& batch, const Conditioning& conditioning, const Run& run,
                               std::uint64_t now) noexcept {
  const unsigned place = place_of(run.rule);
  Run& there = runs_[place];
  if (there.rule != nullptr && there.rule != run.rule) finish(batch, conditioning, there, now);
  there = run;
  return 1U << place;
}

Conditioner::Run Conditioner::take_up(const TrafficRule* rule) noexcept {
  Run& there = runs_[place_of(rule)];
  return there.rule == rule ? there : Run{.rule = rule, .lanes = 0, .bytes = 0};
}

void Conditioner::finish(Batch& batch, const Conditioning& conditioning, Run& run,
                         std::uint64_t now) noexcept {
  const TrafficRule& rule = *run.rule;
  TrafficCounters::One& counted = rule.counters->workers[worker_.value()];
  counted.packets.add(static_cast<unsigned>(std::popcount(run.lanes)));
  counted.bytes.add(run.bytes);
  if (rule.policer == TrafficRule::kNoPolicer) {
    mark(batch, run.lanes, rule.mark);
  } else {
    meter(batch, conditioning.policers[rule.policer], run, now);
  }
  run.rule = nullptr;
}

void Conditioner::meter(Batch& batch, const PolicerUse& policer, const Run& run, std::uint64_t now) noexcept {
  Policer& meter = *policer.meter;
  std::array<std::uint64_t, kColors> lanes{};
  std::array<std::uint64_t, kColors> bytes{};
  if (!policer.color_aware && meter.all_green(run.bytes, now)) [[likely]] {
    lanes[0] = run.lanes;
    bytes[0] = run.bytes;
  } else {
    for (std::uint64_t left = run.lanes; left != 0; left &= left - 1) {
      const Packet& packet = batch[static_cast<unsigned>(std::countr_zero(left))];
      const Color before = policer.color_aware ? color_of(packet) : Color::kGreen;
      const auto color = static_cast<unsigned>(meter.color(packet.ip_length(), now, before));
      lanes[color] |= left & -left;
      bytes[color] += packet.ip_length();
    }
  }
  Policer::Counters& counted = meter.counters(worker_);
  for (unsigned color = 0; color < kColors; ++color) {
    if (lanes[color] == 0) continue;
    counted.packets[color].add(static_cast<unsigned>(std::popcount(lanes[color])));
    counted.bytes[color].add(bytes[color]);
    const ColorAction& action = policer.actions[color];
    if (action.drop) {
      drop(batch, lanes[color]);
    } else {
      mark(batch, lanes[color], action.mark != ColorAction::kKeep ? action.mark : run.rule->mark);
    }
  }
}

}  // namespace millrace::core
