// SPDX-License-Identifier: BSD-3-Clause
// An input of the firewall's pipeline, record by record: see pipeline_play.h.
#pragma once

#include <cstdint>

#include "tests/support/packet_builder.h"

namespace millrace::fuzz {

// Little-endian.
inline void put16(testing::Frame& to, unsigned value) {
  to.push_back(static_cast<std::uint8_t>(value));
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
}
inline void put32(testing::Frame& to, std::uint32_t value) {
  put16(to, value & 0xffffU);
  put16(to, value >> 16U);
}

class PipelineSeed {
 public:
  static constexpr std::uint8_t kFromTwin = 4;
  static constexpr std::uint8_t kGivenBack = 6;
  static constexpr std::uint8_t kRunFirst = 8;
  static constexpr std::uint8_t kChangePolicy = 16;
  static constexpr std::uint8_t kTwoSegments = 32;
  static constexpr std::uint8_t kOtherWorker = 64;
  static constexpr std::uint8_t kRightChecksum = 128;

  explicit PipelineSeed(std::uint8_t settings) { bytes_.push_back(settings); }
  PipelineSeed& add(unsigned port, const testing::PacketBuilder& packet, unsigned how = kRunFirst,
                    unsigned pause = 0) {
    const testing::Frame frame = packet.bytes();
    bytes_.push_back(static_cast<std::uint8_t>(port | how));
    bytes_.push_back(static_cast<std::uint8_t>(pause));
    put16(bytes_, static_cast<unsigned>(frame.size()));
    bytes_.insert(bytes_.end(), frame.begin(), frame.end());
    return *this;
  }
  [[nodiscard]] const testing::Frame& bytes() const { return bytes_; }

 private:
  testing::Frame bytes_;
};

}  // namespace millrace::fuzz
