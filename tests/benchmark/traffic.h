// SPDX-License-Identifier: BSD-3-Clause
// Benchmark traffic: flows that follow from their number, and frames written straight into packet buffers.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

#include <rte_mbuf.h>

#include "common/net/wire.h"

namespace millrace::benchmark {

// Sizes as on the wire, FCS included; a frame in memory is 4 bytes shorter. IPv6 frames are never shorter
// than their headers.
enum class Size { k64, kImix, k1420 };

// 0 for IMIX: 7 packets of 64 bytes to 4 of 576 to 1 of 1500.
[[nodiscard]] unsigned packet_bytes(Size size) noexcept;
// The frame in memory of a packet of this size; of IMIX one of its three sizes, as a random number chooses.
[[nodiscard]] unsigned frame_bytes(Size size, std::uint32_t choice) noexcept;

struct TrafficConfig {
  unsigned flows = 10'000;
  bool ipv6 = false;
  bool udp = false;    // instead of TCP
  bool mixed = false;  // every other flow UDP instead of TCP
  unsigned flows_per_client = 60;
};

struct Flow {
  net::Ipv6Address client6;
  net::Ipv6Address server6;
  std::uint32_t client4 = 0;
  std::uint32_t server4 = 0;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  bool udp = false;
};

enum class Step { kSyn, kSynAck, kAck, kData, kReply };  // UDP: all but the direction is the same

[[nodiscard]] constexpr bool from_client(Step step) noexcept {
  return step != Step::kSynAck && step != Step::kReply;
}

// One that may come next, or not, as a random number chooses.
[[nodiscard]] constexpr Step any_step(std::uint32_t choice) noexcept {
  using enum Step;
  constexpr std::array kSteps = {kSyn, kSyn, kSynAck, kAck, kData, kData, kReply, kReply};
  return kSteps[choice % kSteps.size()];
}

// The flows that belong to one worker, in the owner's hash as well as by number. Clients are behind port 0 in
// 10.0.0.0/9 or 2001:db8:a::/48, servers behind port 1 in 192.168.0.0/17 or 2001:db8:b::/48.
class Traffic {
 public:
  Traffic(const TrafficConfig& config, unsigned worker, unsigned workers);

  [[nodiscard]] unsigned flows() const noexcept { return flows_; }
  [[nodiscard]] Flow flow(unsigned index) const noexcept;
  // A packet of the flow; the buffer's whole content is replaced.
  void write(rte_mbuf* mbuf, const Flow& flow, Step step, unsigned bytes) const noexcept;
  // A packet of any flow, all equally likely, in the given direction.
  void write_any(rte_mbuf* mbuf, bool client, Size size) noexcept;

 private:
  TrafficConfig config_;
  unsigned worker_;
  unsigned workers_;
  unsigned flows_;
  std::mt19937 random_;
};

}  // namespace millrace::benchmark
