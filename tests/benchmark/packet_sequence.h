// SPDX-License-Identifier: BSD-3-Clause
// Established traffic of one direction, prepared: writing a packet is one cache line copied, and a stamp.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "tests/benchmark/traffic.h"

namespace millrace::benchmark {

// Every flow once in random order, then again from the start. IPv4 with TCP: the six bytes of payload that
// the smallest frame has carry the stamp.
class PacketSequence {
 public:
  // `scratch` is a packet buffer to prepare in; the caller keeps it.
  PacketSequence(const Traffic& traffic, bool client, Size size, rte_mbuf* scratch);

  // Whole frames into fresh buffers. What stands behind the first 64 bytes of a longer one stays as it is.
  void write(std::span<rte_mbuf* const> mbufs, std::uint64_t stamp) noexcept;

  static constexpr std::uint64_t kStampMask = (std::uint64_t{1} << 48) - 1;
  // The stamp's 48 bits; only of frames that is_tcp4().
  [[nodiscard]] static std::uint64_t stamp(const std::uint8_t* frame) noexcept {
    std::uint64_t word;
    std::memcpy(&word, frame + kStampAt - 2, sizeof word);
    return word >> 16;
  }
  [[nodiscard]] static bool is_tcp4(const rte_mbuf* mbuf) noexcept;

 private:
  static constexpr unsigned kStampAt = 54;  // behind 14 bytes of Ethernet, 20 of IPv4, 20 of TCP

  struct alignas(64) Packet {
    std::array<std::uint8_t, 60> start;
    std::uint16_t bytes = 0;
  };
  static_assert(sizeof(Packet) == 64);

  std::vector<Packet> packets_;
  std::size_t next_ = 0;
};

}  // namespace millrace::benchmark
