// SPDX-License-Identifier: BSD-3-Clause
// One worker's search for the applications of its sessions. What is kept of a session that is undecided is
// taken with its first packet that says something, so that connections which say nothing take nothing, and
// given back when the application is settled. All memory is taken when it is made.
//
// TCP is shown to the library segment by segment, and then all that was said as if each side said it in one
// segment, once both sides in their order and once the answering side alone. nDPI knows most protocols by one
// packet, and rules out what does not begin as it should: cuts, and one side's nonsense, would hide them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/acceleration/dpi/application_detector.h"
#include "common/base/counter.h"
#include "common/base/page_array.h"
#include "vnfs/firewall/said_so_far.h"
#include "vnfs/firewall/session_table.h"

namespace millrace::firewall {

struct ApplicationFinderSize {
  std::uint32_t sessions = 0;  // undecided at a time; 0: nobody asks for applications
  std::size_t memory_bytes = 0;
  std::uint8_t packets = 16;  // of a session, that say something; at most 32
};

// What is counted, by name: kOther's place holds those that could not be named.
class ApplicationCounts {
 public:
  static constexpr std::size_t kPlaces = (std::size_t{1} << Session::kApplicationBits) + 1;
  static constexpr std::size_t kOther = kPlaces - 1;

  explicit ApplicationCounts(bool wanted) : sessions_(wanted ? kPlaces : 0) {}
  // Under the service when that is known, else under the protocol.
  void add(const Session& session) noexcept;
  [[nodiscard]] std::span<const Counter> all() const noexcept { return sessions_; }

 private:
  std::vector<Counter> sessions_;
};

class ApplicationFinder final : public SessionObserver {
 public:
  static constexpr std::uint32_t kMostSessions = (1U << 2 * Session::kApplicationBits) - 2;
  static constexpr Tick kPatience = 30'000;  // ms from a session's first word, then what is known must do

  // Throws, as std::runtime_error, when the library for it can not be had: start fails then.
  explicit ApplicationFinder(const ApplicationFinderSize& size);

  enum class Look : std::uint8_t { kUndecided, kSettled, kNoRoom };
  // At the next packet of a session that is undecided, `payload` bytes behind the headers. Of TCP, segments
  // that carry bytes that were not there before, in order.
  [[nodiscard]] Look look(Session& session, const dpi::DetectedPacket& packet, std::size_t payload,
                          Tick now) noexcept;
  // It is given up.
  void settle_as_other(Session& session) noexcept;
  // Nobody asks any more.
  void forget(Session& session) noexcept;
  // Between batches: settles the application of a session that has been undecided for long.
  void lose_patience(Session& session, Tick now) noexcept;
  void session_ended(SessionIndex /*index*/, const Session& session, SessionEnd /*why*/,
                     Tick /*now*/) noexcept override {
    give_back(session);
  }

  // Bytes of a packet in one piece, as much of it as is looked at; good until the next one.
  [[nodiscard]] std::span<std::uint8_t> room() noexcept { return room_; }

  [[nodiscard]] const ApplicationCounts& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t undecided() const noexcept { return undecided_.read(); }
  [[nodiscard]] std::uint64_t without_room() const noexcept { return without_room_.read(); }
  [[nodiscard]] std::uint64_t without_memory() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct Kept {  // of a session, by the detector's number
    Tick since;
    std::uint8_t packets;
    bool given_up;  // its segments, one by one, have no name
  };

  [[nodiscard]] bool take(Session& session, Tick now) noexcept;
  [[nodiscard]] bool look_at_all(std::uint32_t number, std::span<const unsigned> sides, Tick now,
                                 dpi::Application& found) noexcept;
  void settle_as(Session& session, dpi::Application found) noexcept;
  void give_back(const Session& session) noexcept;

  std::unique_ptr<dpi::ApplicationDetector> detector_;
  PageArray<Kept> kept_;
  SaidSoFar said_;
  std::uint8_t most_packets_;
  std::vector<std::uint8_t> room_;
  ApplicationCounts counts_;
  Counter undecided_;     // sessions of which something is kept
  Counter without_room_;  // packets
};

}  // namespace millrace::firewall
