// SPDX-License-Identifier: BSD-3-Clause
// From a packet that an overlay's far end sent to the frame inside. Data path.
#pragma once

#include "common/core/batch.h"
#include "common/core/network.h"

namespace millrace::core {

enum class Decapsulated : std::uint8_t {
  kNo,   // it is no overlay's of ours; nothing was done
  kYes,  // its bytes are the frame inside, its ingress the overlay's interface; the headers are to be read
  kDropped,  // from the batch
};

// Of a packet whose headers were read and whose addresses can be. A datagram without a frame stands behind a
// link header like the outer one.
[[nodiscard]] Decapsulated decapsulate(Batch& batch, Packet& packet, const Network& network) noexcept;

// Where the outer IP header begins, in front of a frame that was inside: `before` bytes ahead of it
// (Packet::outer_length). Its source.
[[nodiscard]] net::IpAddress far_end(const rte_mbuf& mbuf, unsigned before) noexcept;

}  // namespace millrace::core
