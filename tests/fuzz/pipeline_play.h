// SPDX-License-Identifier: BSD-3-Clause
// The firewall in process, played from bytes: packets by ports and from the twin, pauses, policy changes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/policy.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::fuzz {

// What a firewall does beside its rules, and other networks than those of the packet tests.
struct PipelineExtras {
  std::array<std::shared_ptr<const core::Network>, 2>
      networks{};  // for both settings of bit 0; null: the usual
  // Whether a frame that left is one; by default net::parse_frame() says so.
  std::function<bool(std::span<const std::uint8_t>)> is_frame = nullptr;
  firewall::Limits limits{};  // all but sessions and rule slots
  unsigned joined = 0;        // fragments that may wait to be joined, which count as dropped
  std::vector<firewall::Rule> first_rules{};
  std::function<void(firewall::Policy&)> adjust = [](firewall::Policy&) {};
};

// One bed for the process, cleared between inputs by letting all its timers come due. An input is a byte of
// settings (bit 0: transparent; bit 1: the stricter policy first) and then records:
//
//   byte   how: bit 0 the port, bits 1 and 2 the way in (0, 1 by the port; 2 sent by the twin; 3 given back
//   by it),
//          bit 3 let the workers run first, bit 4 change the policy before, bit 5 two segments, bit 6 the
//          worker, bit 7 put in a right IPv4 checksum
//   byte   milliseconds before it: the low four bits as a power of two, less 1; the high four what the port
//          says of the packet beside its bytes: 0 its checksum is right, 1 nothing, 2 wrong, 3 open, 4 and 5
//          an aggregate of segments, 6 both checksums open, 7 and 8 a tag or two taken off
//   u16    length of the frame, little-endian; then the frame
//
// After each input packets are conserved and sessions within their capacity; after the timers, no session, no
// packet buffer, and nothing that is remembered of what a session said is left. What leaves for the network
// parses.
class PipelinePlay {
 public:
  explicit PipelinePlay(unsigned workers, PipelineExtras extras = {});

  void play(const std::uint8_t* data, std::size_t size);

 private:
  void publish();
  void pass_time(Tick milliseconds);
  void record(Input& input);
  void arrive(std::uint8_t how, unsigned marks, std::span<const std::uint8_t> frame);
  void run();
  void collect();
  void check() const;
  void clear();

  std::array<std::shared_ptr<const core::Network>, 2> networks_;  // routed, transparent
  std::array<std::array<std::shared_ptr<const firewall::Policy>, 2>, 2> policies_;
  std::vector<firewall::WorkerState*> states_;
  std::unique_ptr<testing::Testbed> bed_;
  unsigned joined_;
  std::function<bool(std::span<const std::uint8_t>)> is_frame_;
  Tick now_ = 0;
  unsigned transparent_ = 0;
  unsigned strict_ = 0;
  unsigned waiting_ = 0;       // packets the workers have not seen
  bool sent_by_host_ = false;  // in this input
};

}  // namespace millrace::fuzz
