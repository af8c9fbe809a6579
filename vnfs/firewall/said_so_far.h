// SPDX-License-Identifier: BSD-3-Clause
// What both sides of a TCP connection have said so far, from the beginning, so that what is found does not
// depend on how it was cut into segments.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/page_array.h"
#include "common/base/reader.h"

namespace millrace::firewall {

// Of so many connections; one worker's own, allocated when made.
class SaidSoFar {
 public:
  static constexpr std::size_t kMost = 2048;  // bytes of a side; what comes after is not kept
  static constexpr std::size_t kMostHeader = 256;

  explicit SaidSoFar(std::uint32_t connections) : all_(connections) {}

  void begin(std::uint32_t connection) noexcept;
  // The next bytes of a side, in order. `headers` are of the packet they come in, from IP on, TCP's at
  // `transport`. True when there was room for some of it.
  [[nodiscard]] bool add(std::uint32_t connection, bool responder, Bytes headers, std::size_t transport,
                         Bytes payload) noexcept;
  // Who spoke first: 1 is the responder.
  [[nodiscard]] unsigned first(std::uint32_t connection) const noexcept { return all_[connection].first; }
  // All that a side has said as if it came in one packet; empty when that is nothing. Written to `room`, of
  // kMostHeader + kMost bytes.
  [[nodiscard]] Bytes as_packet(std::uint32_t connection, unsigned side, MutableBytes room) const noexcept;
  [[nodiscard]] bool has_said(std::uint32_t connection, unsigned side) const noexcept {
    return all_[connection].sides[side].bytes != 0;
  }
  [[nodiscard]] std::size_t transport(std::uint32_t connection, unsigned side) const noexcept {
    return all_[connection].sides[side].transport;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept { return all_.bytes(); }

 private:
  struct Side {
    std::uint16_t header_bytes;
    std::uint16_t transport;
    std::uint16_t bytes;
    std::array<std::uint8_t, kMostHeader> headers;  // of its first packet
    std::array<std::uint8_t, kMost> text;
  };
  struct Connection {
    std::array<Side, 2> sides;
    std::uint8_t first;
  };

  PageArray<Connection> all_;
};

}  // namespace millrace::firewall
