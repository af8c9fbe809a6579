// SPDX-License-Identifier: BSD-3-Clause
// One worker's part in finding anomalies: it counts what is new, for AnomalyDetector to look at each second.
//
// The worker fills one page while the control side reads the other. turn() hands the page over once it is a
// second old and the other one is back; until then the worker goes on in the page it has, so that neither
// waits for the other. What is counted is of sessions and names, never of the packets of a session.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "common/base/clock.h"
#include "common/base/counter.h"
#include "common/base/siphash.h"
#include "common/flow/segment.h"
#include "vnfs/firewall/inspection/activity.h"

namespace millrace::firewall::inspection {

struct WatchSettings {
  static constexpr std::size_t kMostLoginPorts = 8;

  WatchLimits limits;
  // TCP services where people, or programs in their name, say who they are; 0: none.
  std::array<std::uint16_t, kMostLoginPorts> login_ports = {21, 22, 23, 465, 587, 3389};
  // A session with one of them that was no longer and carried no more, IP headers and both ways counted, is
  // one where somebody was refused; one that carried less than a login needs only looked whether the service
  // is there.
  std::uint32_t short_ms = 15'000;
  std::uint64_t short_bytes = 8'000;
  std::uint64_t login_bytes = 800;
  // Of a source, whose network may have any number of addresses: all of the network are one source.
  std::uint8_t ipv6_source_bits = 64;
  Tick interval_ms = 1000;

  bool operator==(const WatchSettings&) const noexcept = default;
};

struct Opening {
  net::IpAddress source;  // who opens
  net::IpAddress destination;
  std::uint16_t port;  // of the destination; 0 where the protocol has none
  std::uint8_t protocol;
  flow::Segment segment;
};

class TrafficWatch {
 public:
  // `seed` is secret, and the same for all workers of an appliance: what they saw is put together.
  TrafficWatch(const WatchSettings& settings, const SipKey& seed, Tick now);
  TrafficWatch(const TrafficWatch&) = delete;
  TrafficWatch& operator=(const TrafficWatch&) = delete;

  // The worker. Once for each session: when it is there, when its responder first answers (TCP: the handshake
  // is complete), when it ends. A SYN that is answered by a cookie is opened(); so is the session it becomes
  // only established().
  void opened(const Opening& opening) noexcept { note(opening, &Counts::opened); }
  void established(const Opening& opening) noexcept { note(opening, &Counts::answered); }
  void ended(const Opening& opening, bool was_established, std::uint64_t bytes,
             std::uint32_t duration_ms) noexcept;
  // An opening that no rule let in, that some limit or a block refused, or that no program would send.
  void refused(const Opening& opening) noexcept { note(opening, &Counts::refused); }
  // A DNS query. `name` as text; any bytes.
  void asked(const net::IpAddress& client, flow::Segment segment, Bytes name) noexcept;
  // Once each round of the worker's loop.
  void turn(Tick now) noexcept {
    if (now - pages_[filling_].began >= interval_ms_) [[unlikely]]
      hand_over(now);
  }

  // The control side, one thread. The oldest page that was handed over, or null; it is the reader's until
  // give_back(), which empties it.
  [[nodiscard]] const WatchPage* take() noexcept;
  void give_back() noexcept;

  // Any thread.
  [[nodiscard]] std::uint64_t evicted() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  void note(const Opening& opening, std::uint32_t Counts::*which) noexcept;
  void note_pair(const Opening& opening, const flow::SourceKey& source, std::uint64_t hash,
                 std::uint32_t Counts::*which) noexcept;
  void hand_over(Tick now) noexcept;
  [[nodiscard]] flow::SourceKey source_key(const net::IpAddress& address,
                                           flow::Segment segment) const noexcept {
    return flow::SourceKey::of_network(address, ipv6_source_bits_, segment);
  }
  [[nodiscard]] std::uint64_t hash_of(const flow::SourceKey& key) const noexcept;
  [[nodiscard]] bool is_login(const Opening& opening) const noexcept;
  [[nodiscard]] std::uint64_t hash_of(Bytes bytes) const noexcept;

  SipKey seed_;
  std::array<std::uint16_t, WatchSettings::kMostLoginPorts> login_ports_;
  std::uint32_t short_ms_;
  std::uint64_t short_bytes_;
  std::uint64_t login_bytes_;
  std::uint8_t ipv6_source_bits_;
  Tick interval_ms_;
  std::array<WatchPage, 2> pages_;
  unsigned filling_ = 0;
  // The reader's.
  alignas(64) unsigned reading_ = 0;
  // Whether the page the worker does not fill is the reader's.
  alignas(64) std::atomic<bool> handed_over_{false};
};

}  // namespace millrace::firewall::inspection
