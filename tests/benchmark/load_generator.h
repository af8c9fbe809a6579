// SPDX-License-Identifier: BSD-3-Clause
// Offers traffic to a device in another process by two memif ports, and times what comes back.
//
// Clients are behind the inside port, servers behind the outside one (traffic.h). What goes in by one port is
// expected at the other. Everything runs on the thread that calls, which polls and should have a CPU of its
// own. Errors are thrown as std::runtime_error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/core/port.h"
#include "tests/benchmark/latency_histogram.h"
#include "tests/benchmark/packet_sequence.h"
#include "tests/benchmark/traffic.h"

namespace millrace::benchmark {

struct GeneratorConfig {
  std::string inside;  // paths of the sockets the device listens on
  std::string outside;
  unsigned sessions = 10'000;
  unsigned ring_exponent = 10;  // of two: the slots of each memif ring
};

struct Trial {
  Size size = Size::k64;
  double rate = 0;  // packets per second, both directions together; 0: as fast as it goes
  double seconds = 1;
};

struct TrialResult {
  double seconds = 0;          // during which packets were offered
  std::uint64_t offered = 0;   // packets, both directions together
  std::uint64_t refused = 0;   // of those, had no room in the device's receive ring
  std::uint64_t received = 0;  // of those, came back
  std::uint64_t skipped = 0;   // more that the rate asked for: the generator itself was late
  std::uint64_t untimed = 0;   // of those that came back, waited while the generator was kept from its CPU
  double longest_gap_us = 0;   // between two looks at its ports
};

// Since the ports were opened; by port, inside first.
struct Totals {
  std::array<std::uint64_t, 2> sent{};
  std::array<std::uint64_t, 2> received{};  // traffic of the generator's
  std::array<std::uint64_t, 2> foreign{};   // anything else
};

class LoadGenerator {
 public:
  // DPDK must be up. Returns when both links are.
  explicit LoadGenerator(const GeneratorConfig& config);

  // Opens all sessions, each by a TCP handshake of three packets.
  void establish();
  // What is still under way some time after the last packet was offered counts as lost.
  TrialResult run(const Trial& trial);
  // From the handing over of a packet's burst to memif to the taking of it from memif, in TSC ticks; of the
  // last trial, without the packets that are `untimed`.
  [[nodiscard]] const LatencyHistogram& latency() const noexcept { return latency_; }
  // Once nothing has come for a while.
  [[nodiscard]] Totals totals();

 private:
  void wait_for_links();
  void check_links() const;
  void wait_for_device();
  void exchange(Step step, unsigned first, unsigned count);
  void prepare(Size size);
  unsigned transmit(unsigned port, std::span<rte_mbuf*> mbufs) noexcept;
  void offer(unsigned port, unsigned count, TrialResult& result);
  unsigned receive_handshake(unsigned port) noexcept;
  void receive_trial(unsigned port, std::uint64_t begin, TrialResult& result) noexcept;
  void receive_until_quiet();

  Traffic traffic_;
  rte_mempool* pool_ = nullptr;
  std::vector<core::Port> ports_;
  std::optional<Size> prepared_;
  std::vector<PacketSequence> sequences_;  // by port
  LatencyHistogram latency_;
  std::uint64_t held_up_after_ = 0;        // ticks without a look at a port
  std::array<std::uint64_t, 2> looked_{};  // when last a port was; by port
  std::array<bool, 2> held_up_{};          // before that: what waits there is not timed
  Totals totals_;
};

}  // namespace millrace::benchmark
