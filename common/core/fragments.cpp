// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/fragments.h"

#include <cstring>

#include "common/base/reader.h"
#include "common/core/ownership.h"
#include "common/core/packet_segment.h"

namespace millrace::core {
namespace {

using flow::Fragment;
using flow::FragmentKey;
using flow::FragmentVerdict;

constexpr std::uint32_t kExpireBudget = 32;

constexpr Drop drop_of(FragmentVerdict verdict) noexcept {
  switch (verdict) {
    case FragmentVerdict::kRefused:
      return Drop::kFragmentRefused;
    case FragmentVerdict::kOverlap:
      return Drop::kFragmentOverlap;
    case FragmentVerdict::kDuplicate:
      return Drop::kFragmentDuplicate;
    case FragmentVerdict::kTiny:
      return Drop::kFragmentTiny;
    case FragmentVerdict::kHeldFull:
    case FragmentVerdict::kEvicted:
      return Drop::kFragmentTableFull;
    case FragmentVerdict::kHeldTimeout:
      return Drop::kFragmentTimeout;
    case FragmentVerdict::kPass:
    case FragmentVerdict::kHeld:
    case FragmentVerdict::kInvalid:
    case FragmentVerdict::kWrongEnd:
    case FragmentVerdict::kTooMany:
      break;
  }
  return Drop::kFragmentInvalid;
}

// The fragment header of an IPv6 packet that was parsed as a fragment, with the offset past it; null when the
// chain does not hold one.
const net::Ipv6FragmentHeader* find_fragment_header(const Packet& packet, std::size_t& past) noexcept {
  Reader reader(packet.first_segment());
  if (!reader.skip(packet.headers.l3_offset)) return nullptr;
  const auto* ip = reader.read<net::Ipv6Header>();
  if (ip == nullptr) return nullptr;
  std::uint8_t next = ip->next_header;
  while (next != net::protocol::kIpv6Fragment) {
    const auto* extension = reader.peek<net::Ipv6Extension>();
    if (extension == nullptr || reader.offset() >= packet.headers.l4_offset) return nullptr;
    const std::size_t length =
        next == net::protocol::kAh ? (extension->length + 2U) * 4U : (extension->length + 1U) * 8U;
    next = extension->next_header;
    if (!reader.skip(length)) return nullptr;
  }
  const auto* fragment = reader.read<net::Ipv6FragmentHeader>();
  past = reader.offset();
  return fragment;
}

// Whether parsing reads a header behind this protocol number.
constexpr bool has_transport_header(std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp || protocol == net::protocol::kUdp ||
         protocol == net::protocol::kSctp || protocol == net::protocol::kIcmp ||
         protocol == net::protocol::kIcmpv6;
}

Fragment describe(const Packet& packet, const Network& network) noexcept {
  const net::Headers& headers = packet.headers;
  Fragment fragment;
  std::size_t begin = headers.l4_offset;  // of what was fragmented
  if (headers.is_ipv4()) {
    const auto& ip = packet.l3_as<net::Ipv4Header>();
    fragment.key = FragmentKey::ipv4(ip.source, ip.destination, ip.id.host(), headers.protocol,
                                     segment_of(packet, network));
  } else {
    const auto& ip = packet.l3_as<net::Ipv6Header>();
    const net::Ipv6FragmentHeader* header = find_fragment_header(packet, begin);
    fragment.key = FragmentKey::ipv6(ip.source, ip.destination, header == nullptr ? 0 : header->id.host(),
                                     segment_of(packet, network));
  }
  fragment.offset = headers.fragment_offset;
  fragment.length = static_cast<std::uint32_t>(headers.end_offset - begin);
  fragment.more = headers.more_fragments;
  fragment.protocol = headers.protocol;
  if (headers.first_fragment() && has_transport_header(headers.protocol)) {
    // A header that parsing could not read is longer than its fragment, whatever its length is.
    const bool cut = headers.payload_offset == headers.l4_offset;
    fragment.header_length = cut ? 0xffff : static_cast<std::uint16_t>(headers.payload_offset - begin);
  }
  return fragment;
}

Note note_of(const Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  return {.kind = Note::Kind::kFragment,
          .type_or_flags = headers.tcp_flags,
          .code = headers.icmp_code,
          .protocol = headers.protocol,
          .source_port = headers.source_port,
          .destination_port = headers.destination_port,
          .interface = packet.ingress,
          .has_ports = headers.has_ports};
}

void show(const Note& first, net::Headers& headers) noexcept {
  headers.tcp_flags = first.type_or_flags;
  headers.icmp_code = first.code;
  headers.protocol = first.protocol;
  headers.source_port = first.source_port;
  headers.destination_port = first.destination_port;
  headers.has_ports = first.has_ports;
}

flow::FragmentNote packed(const Note& from) noexcept {
  static_assert(offsetof(Note, came_by) <= sizeof(flow::FragmentNote));  // the rest is of other packets
  flow::FragmentNote to{};
  std::memcpy(to.data(), &from, sizeof to);
  return to;
}

Note unpacked(const flow::FragmentNote& from) noexcept {
  Note to;
  std::memcpy(static_cast<void*>(&to), from.data(), sizeof from);
  return to;
}

}  // namespace

Fragments::Fragments(const flow::FragmentSettings& settings, std::uint64_t seed, WorkerId self,
                     WorkerCounters& counters, Capturer& capturer)
    : table_(settings, seed),
      self_(self),
      counters_(counters),
      capturer_(capturer),
      released_(settings.held) {}

void Fragments::drop(void* mbuf, Drop reason) noexcept {
  auto* packet = static_cast<rte_mbuf*>(mbuf);
  if (capturer_.active()) [[unlikely]]
    capturer_.dropped(packet, reason);
  count_drops(counters_, reason, &packet, 1);
}

void Fragments::drop_given_up() noexcept {
  table_.drain([this](void* mbuf, FragmentVerdict why) { drop(mbuf, drop_of(why)); });
  counters_.held.set(table_.held());
}

void Fragments::track(Batch& batch, Packet& packet, bool owned, std::span<RingOutput> owners,
                      unsigned workers) noexcept {
  unsettled_ = true;
  net::Headers& headers = packet.headers;
  const flow::FragmentDecision decision =
      table_.offer(describe(packet, *batch.network), packet.mbuf, batch.now);
  if (decision.evicted != nullptr) drop(decision.evicted, Drop::kFragmentTableFull);
  if (decision.verdict == FragmentVerdict::kHeld) return batch.take(packet);
  if (decision.verdict != FragmentVerdict::kPass) return batch.drop(packet, drop_of(decision.verdict));

  const Note first = decision.first ? note_of(packet) : unpacked(decision.note);
  if (!decision.first) show(first, headers);
  const unsigned owner =
      owned ? self_.value() : owner_of(fragment_owner_bucket(packet, batch.ownership), workers);
  if (owner == self_.value()) {
    if (decision.first) {
      firsts_[first_count_++] = {decision.datagram, first, static_cast<std::uint8_t>(batch.lane(packet))};
    }
    return;
  }
  const auto hand_over = [&](void* held) {
    auto* mbuf = static_cast<rte_mbuf*>(held);
    note(mbuf) = first;
    owners[owner].push(mbuf);
  };
  batch.take(packet);
  hand_over(packet.mbuf);
  // The verdict is the owner's; here the ports are all there is to know.
  if (decision.first) table_.accept(decision.datagram, packed(first), hand_over);
}

void Fragments::restore(Packet& packet) noexcept { show(note(packet.mbuf), packet.headers); }

void Fragments::settle(const Batch& batch) noexcept {
  for (unsigned i = 0; i < first_count_; ++i) {
    const First& first = firsts_[i];
    if ((batch.dropped_mask() >> first.lane & 1U) != 0) {
      table_.refuse(first.datagram, [this](void* held) { drop(held, Drop::kFragmentRefused); });
      continue;
    }
    table_.accept(first.datagram, packed(first.note), [&](void* held) {
      auto* mbuf = static_cast<rte_mbuf*>(held);
      note(mbuf) = first.note;
      released_[released_end_++] = mbuf;
    });
  }
  first_count_ = 0;
  unsettled_ = false;
  drop_given_up();
}

bool Fragments::take_released(Batch& batch) noexcept {
  for (; released_begin_ != released_end_ && !batch.full(); ++released_begin_)
    batch.add(released_[released_begin_]);
  if (released_begin_ == released_end_) released_begin_ = released_end_ = 0;
  return batch.size() != 0;
}

void Fragments::expire_some(Tick now) noexcept {
  table_.expire(now, kExpireBudget);
  drop_given_up();
}

void Fragments::drop_held() noexcept {
  table_.clear();
  table_.drain([this](void* mbuf, FragmentVerdict) { drop(mbuf, Drop::kShutdown); });
  counters_.held.set(0);
}

}  // namespace millrace::core
