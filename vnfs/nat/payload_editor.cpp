// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/payload_editor.h"

#include <cassert>
#include <cstring>

#include "common/net/transport.h"

namespace millrace::nat {

bool PayloadEditor::can_edit(const core::Packet& packet) noexcept {
  const net::Headers& headers = packet.headers;
  if (headers.is_fragment || packet.mbuf->nb_segs != 1 || packet.mbuf->data_len < headers.end_offset)
    return false;
  const std::uint8_t* l4 = packet.bytes() + headers.l4_offset;
  return headers.l4_offset + net::transport_length(headers, l4) == headers.end_offset;
}

PayloadEditor::PayloadEditor(core::Packet& packet, SequenceShift* shift) noexcept
    : packet_(packet), shift_(shift) {
  if (shift != nullptr) sequence_ = packet.l4_as<net::TcpHeader>().sequence.host();
}

PayloadEditor::Result PayloadEditor::replace(std::size_t offset, std::size_t length, Bytes text) noexcept {
  net::Headers& headers = packet_.headers;
  rte_mbuf* mbuf = packet_.mbuf;
  assert(offset + length <= headers.payload_length());
  const int delta = static_cast<int>(text.size()) - static_cast<int>(length);
  const std::uint32_t position = position_of(offset);
  if (shift_ != nullptr) {
    if (!shift_->may_add(position, delta)) return Result::kChanged;
    const bool known = shift_->place_of(position) == SequenceShift::Place::kChanged;
    if (!known && !shift_->has_room(sequence_)) return Result::kTooMany;
  }
  constexpr int kMostOffset = 0xffff;
  const int end = headers.end_offset + delta;
  const int tailroom = mbuf->data_len - headers.end_offset + rte_pktmbuf_tailroom(mbuf);
  if (delta > tailroom || end > kMostOffset) return Result::kNoRoom;
  if (!edited_) before_ = net::sum_bytes(bytes());
  edited_ = true;

  std::uint8_t* place = packet_.bytes() + headers.payload_offset + offset;
  std::memmove(place + text.size(), place + length, headers.payload_length() - offset - length);
  if (!text.empty()) std::memcpy(place, text.data(), text.size());
  headers.end_offset = static_cast<std::uint16_t>(end);
  mbuf->data_len = headers.end_offset;  // what Ethernet had padded goes
  mbuf->pkt_len = headers.end_offset;
  growth_ += delta;
  if (shift_ != nullptr && !shift_->add(position, static_cast<std::uint16_t>(length), delta))
    return Result::kChanged;
  return Result::kDone;
}

void PayloadEditor::overwrite(std::size_t offset, Bytes bytes) noexcept {
  assert(offset + bytes.size() <= packet_.headers.payload_length());
  if (!edited_) before_ = net::sum_bytes(this->bytes());
  edited_ = true;
  std::memcpy(packet_.bytes() + packet_.headers.payload_offset + offset, bytes.data(), bytes.size());
}

net::ChecksumSum PayloadEditor::difference() const noexcept {
  return edited_ ? net::difference(before_, net::sum_bytes(bytes())) : 0;
}

}  // namespace millrace::nat
