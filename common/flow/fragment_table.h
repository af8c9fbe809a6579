// SPDX-License-Identifier: BSD-3-Clause
// Virtual reassembly: later fragments follow the verdict on the first, and nothing is believed that the
// fragments themselves do not prove.
//
// The table remembers which bytes of each datagram have gone by, not the bytes. A fragment before its
// datagram's first is held as an opaque handle, for a short time. Overlaps end the whole datagram (RFC 5722,
// applied to IPv4 as well); first fragments too short for their transport header, and fragments that would
// write into one, are refused (RFC 1858, RFC 3128, RFC 7112). A datagram that is complete is forgotten at
// once, so that its id may be used again.
//
// Memory is fixed at construction and each fragment costs a bounded amount of work. When the table is full
// the oldest datagram goes; when the held packets are too many the oldest of them goes. The hash is keyed, so
// that a sender cannot aim at a bucket. One table belongs to one worker.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/flow/segment.h"
#include "common/net/address.h"

namespace millrace::flow {

struct FragmentKey {
  net::Ipv6Address source;  // an IPv4 address lies in the first four bytes
  net::Ipv6Address destination;
  std::uint32_t id = 0;
  Segment segment;
  std::uint8_t protocol = 0;  // IPv4 only: RFC 8200 section 4.5 leaves it out
  net::Family family = net::Family::kIpv4;

  bool operator==(const FragmentKey&) const noexcept = default;

  [[nodiscard]] static FragmentKey ipv4(net::Ipv4Address source, net::Ipv4Address destination,
                                        std::uint16_t id, std::uint8_t protocol, Segment segment) noexcept;
  [[nodiscard]] static FragmentKey ipv6(const net::Ipv6Address& source, const net::Ipv6Address& destination,
                                        std::uint32_t id, Segment segment) noexcept;
};

// One fragment. Do not offer atomic ones (offset 0 and no more to come): whole packets, RFC 6946.
struct Fragment {
  FragmentKey key;
  std::uint32_t offset = 0;  // bytes into what was fragmented, a multiple of 8
  std::uint32_t length = 0;  // bytes of it here
  // First fragment: where the transport header ends, when known to be past its minimum.
  std::uint16_t header_length = 0;
  std::uint8_t protocol = 0;  // the upper-layer protocol, or what stands behind the fragment header
  bool more = false;
};

// What the caller wants to find again with the later fragments: ports, a session, a rule.
using FragmentNote = std::array<std::uint64_t, 2>;

enum class FragmentVerdict : std::uint8_t {
  kPass,  // the first, to be judged and then accepted or refused; or a later one of an accepted datagram,
          // with its note
  kHeld,  // the table has the packet until it is released or dropped
  // What follows: the packet is the caller's to drop.
  kRefused,      // as the first was
  kOverlap,      // this datagram's fragments overlap
  kDuplicate,    // exactly this fragment was here before
  kTiny,         // the transport header is split
  kInvalid,      // empty, not a multiple of 8 with more to come, past 65535 bytes, or atomic
  kWrongEnd,     // past the last fragment, or a second and different last
  kTooMany,      // more fragments than are kept track of
  kHeldFull,     // no room to wait for the first fragment
  kHeldTimeout,  // the first fragment did not come in time
  kEvicted,      // the oldest datagram made room for a new one
};
[[nodiscard]] std::string_view name(FragmentVerdict verdict) noexcept;

// Names a datagram in the table until it is forgotten; harmless after.
struct DatagramId {
  std::uint32_t slot = ~0U;
  std::uint32_t generation = 0;
};

struct FragmentDecision {
  FragmentVerdict verdict = FragmentVerdict::kInvalid;
  bool first = false;  // with kPass: judge it, then call accept or refuse with `datagram`
  DatagramId datagram;
  FragmentNote note{};      // with kPass of a later fragment
  void* evicted = nullptr;  // with kHeld: an older held packet that made room, to be dropped as kHeldFull
};

struct FragmentSettings {
  std::uint32_t datagrams = 4096;
  std::uint32_t held = 512;  // packets, over all datagrams
  std::uint16_t held_per_datagram = 16;
  Tick ipv4_timeout_ms = 30'000;  // RFC 1122 section 3.3.2 asks for 60 to 120 s at the end host; Linux has 30
  Tick ipv6_timeout_ms = 60'000;  // RFC 8200 section 4.5
  Tick held_timeout_ms = 2'000;
};

class FragmentTable {
 public:
  static constexpr std::uint32_t kMaxFragments = 128;  // 65515 bytes over an MTU of 576 make 119

  // Allocates everything. The seed should be random.
  FragmentTable(const FragmentSettings& settings, std::uint64_t seed);

  [[nodiscard]] FragmentDecision offer(const Fragment& fragment, void* packet, Tick now) noexcept;

  // The first fragment may go: later ones will pass with `note`. Calls release(void* packet) for each held
  // one, in order of arrival. False when the datagram is gone or was ended meanwhile.
  template <class Release>
  bool accept(DatagramId datagram, const FragmentNote& note, Release&& release) noexcept {
    return judge(datagram, State::kAccepted, note, release);
  }
  // The first fragment may not go, nor any other. Calls drop(void* packet) for each held one.
  template <class Drop>
  bool refuse(DatagramId datagram, Drop&& drop) noexcept {
    return judge(datagram, State::kRefused, {}, drop);
  }

  // Lets go of what is overdue: at most `budget` datagrams and as many held packets.
  void expire(Tick now, std::uint32_t budget) noexcept;
  // Lets go of everything.
  void clear() noexcept;

  // Calls drop(void* packet, FragmentVerdict why) for every held packet the table has given up since the last
  // time. To be called after each batch and after expire and clear; until then those packets take up room.
  template <class Drop>
  void drain(Drop&& drop) noexcept {
    while (dropped_ != kNone) {
      const std::uint32_t index = dropped_;
      dropped_ = held_[index].next;
      drop(held_[index].packet, held_[index].why);
      free_held(index);
    }
  }

  [[nodiscard]] std::uint32_t datagrams() const noexcept { return datagrams_in_use_; }
  [[nodiscard]] std::uint32_t held() const noexcept { return held_in_use_; }
  [[nodiscard]] std::uint64_t evictions() const noexcept { return evictions_; }

 private:
  static constexpr std::uint32_t kNone = ~0U;

  enum class State : std::uint8_t {
    kWaiting,  // for the first fragment
    kPending,  // for the caller's verdict on it
    kAccepted,
    kRefused,
    kEnded,  // by a violation, kept so that nothing more of it passes
  };
  struct Range {
    std::uint16_t begin;
    std::uint16_t end;
  };
  struct Datagram {
    FragmentKey key;
    FragmentNote note;
    std::uint32_t generation;
    std::uint32_t bucket_next;
    std::uint32_t older;
    std::uint32_t newer;
    std::uint32_t held_head;
    std::uint32_t held_tail;
    std::uint32_t bucket;
    Tick deadline;
    std::uint32_t covered;  // bytes
    std::uint32_t end;      // of the whole, 0 while unknown
    std::uint16_t ranges;
    std::uint16_t held;
    State state;
    FragmentVerdict why;  // when ended
  };
  struct Held {
    void* packet;
    std::uint32_t datagram;
    std::uint32_t next;  // in its datagram, or in the free or dropped list
    std::uint32_t older;
    std::uint32_t newer;
    Tick deadline;
    FragmentVerdict why;
  };
  struct Age {  // a list from oldest to newest
    std::uint32_t oldest = kNone;
    std::uint32_t newest = kNone;
  };
  // Sorted, not merged: an exact repeat must be told from an overlap.
  using Ranges = std::array<Range, kMaxFragments>;

  [[nodiscard]] std::uint32_t bucket_of(const FragmentKey& key) const noexcept;
  [[nodiscard]] std::uint32_t find_or_create(const FragmentKey& key, Tick now) noexcept;
  [[nodiscard]] FragmentVerdict note_range(std::uint32_t index, const Fragment& fragment) noexcept;
  [[nodiscard]] FragmentDecision hold(std::uint32_t index, void* packet, Tick now) noexcept;
  void end_datagram(std::uint32_t index, FragmentVerdict why) noexcept;
  void forget(std::uint32_t index, FragmentVerdict why) noexcept;
  void forget_if_complete(std::uint32_t index) noexcept;
  void give_up_held(std::uint32_t index, FragmentVerdict why) noexcept;
  [[nodiscard]] std::uint32_t take_held(Datagram& datagram) noexcept;
  void free_held(std::uint32_t index) noexcept;
  [[nodiscard]] std::uint32_t oldest_datagram() const noexcept;
  [[nodiscard]] Age& age_of(net::Family family) noexcept {
    return ages_[family == net::Family::kIpv6 ? 1 : 0];
  }

  template <class Each>
  bool judge(DatagramId id, State state, const FragmentNote& note, Each& each) noexcept {
    if (id.slot >= table_.size()) return false;
    Datagram& datagram = table_[id.slot];
    if (datagram.generation != id.generation || datagram.state != State::kPending) return false;
    datagram.state = state;
    datagram.note = note;
    while (datagram.held_head != kNone) {
      const std::uint32_t index = take_held(datagram);
      void* packet = held_[index].packet;
      free_held(index);
      each(packet);
    }
    forget_if_complete(id.slot);
    return true;
  }

  FragmentSettings settings_;
  std::uint64_t seed_;
  std::uint32_t bucket_mask_ = 0;
  std::vector<std::uint32_t> buckets_;
  std::vector<Datagram> table_;
  std::vector<Ranges> ranges_;  // beside table_, so that a walk along a bucket stays short
  std::vector<Held> held_;
  std::array<Age, 2> ages_;  // of datagrams, by family: each has one timeout, so the oldest ends first
  Age held_age_;
  std::uint32_t free_datagram_ = kNone;
  std::uint32_t free_held_ = kNone;
  std::uint32_t dropped_ = kNone;
  std::uint32_t datagrams_in_use_ = 0;
  std::uint32_t held_in_use_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace millrace::flow
