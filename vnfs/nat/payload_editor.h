// SPDX-License-Identifier: BSD-3-Clause
// The payload of a TCP segment or a UDP datagram, and other bytes in the place of some of it. Data path.
#pragma once

#include <cstdint>

#include "common/core/batch.h"
#include "common/net/checksum.h"
#include "vnfs/nat/sequence_shift.h"

namespace millrace::nat {

class PayloadEditor {
 public:
  enum class Result : std::uint8_t {
    kDone,
    kNoRoom,   // in the packet's buffer, or in an IPv4 datagram
    kChanged,  // another change, or none, was made in that place before
    kTooMany,  // changes of one segment; what stands there may stay
  };

  // Whether the payload lies in one buffer, all of it.
  [[nodiscard]] static bool can_edit(const core::Packet& packet) noexcept;

  // can_edit(packet). `shift`: of the segment's direction, whose sequence number is as its sender wrote it;
  // null for UDP.
  PayloadEditor(core::Packet& packet, SequenceShift* shift) noexcept;

  // As it is now; until the next replace().
  [[nodiscard]] Bytes bytes() const noexcept {
    return packet_.first_segment().subspan(packet_.headers.payload_offset, packet_.headers.payload_length());
  }
  [[nodiscard]] SequenceShift::Place place_of(std::size_t offset) const noexcept {
    return shift_ == nullptr ? SequenceShift::Place::kNew : shift_->place_of(position_of(offset));
  }
  // Of a TCP segment: the sequence number of that byte, as sent.
  [[nodiscard]] std::uint32_t position_of(std::size_t offset) const noexcept {
    return sequence_ + static_cast<std::uint32_t>(offset) - static_cast<std::uint32_t>(growth_);
  }
  // `text` in the place of `length` bytes from `offset` on, all of them within bytes() and behind those of
  // earlier calls. Nothing is changed unless kDone.
  [[nodiscard]] Result replace(std::size_t offset, std::size_t length, Bytes text) noexcept;

  // `bytes` over those from `offset` on, all of them within bytes(): of a stream, at any time and as often.
  void overwrite(std::size_t offset, Bytes bytes) noexcept;

  // What was added to the sum of the payload.
  [[nodiscard]] net::ChecksumSum difference() const noexcept;
  // By how much the payload has grown.
  [[nodiscard]] int growth() const noexcept { return growth_; }

 private:
  core::Packet& packet_;
  SequenceShift* shift_;
  std::uint32_t sequence_ = 0;
  int growth_ = 0;
  bool edited_ = false;
  net::ChecksumSum before_ = 0;
};

}  // namespace millrace::nat
