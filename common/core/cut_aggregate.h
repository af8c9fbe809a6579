// SPDX-License-Identifier: BSD-3-Clause
// Takes TCP segments that a port has put together apart again. Data path.
#pragma once

#include <cstring>

#include <rte_mempool.h>

#include "common/core/chain_reader.h"
#include "common/net/transport.h"

namespace millrace::core {

// Frames with the headers of `whole`, which `headers` describe, each with its share of what they carry,
// `segment` bytes at most; their transport checksums are still to be written. `take(piece, headers, index,
// last)` owns the piece. False when buffers ran out: the pieces so far were taken.
template <class Take>
[[nodiscard]] bool cut_aggregate(const rte_mbuf* whole, const net::Headers& headers, unsigned segment,
                                 rte_mempool* pool, Take take) noexcept {
  const net::SegmentCut cut{.payload = headers.payload_length(), .size = segment};
  ChainReader payload(whole, headers.payload_offset);
  const unsigned count = cut.count();
  for (unsigned i = 0; i < count; ++i) {
    const unsigned length = cut.length(i);
    const auto frame_length = static_cast<std::uint16_t>(headers.payload_offset + length);
    rte_mbuf* piece = rte_pktmbuf_alloc(pool);
    auto* frame =
        piece == nullptr ? nullptr : reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(piece, frame_length));
    if (frame == nullptr) {
      rte_pktmbuf_free(piece);
      return false;
    }
    std::memcpy(frame, rte_pktmbuf_mtod(whole, const std::uint8_t*), headers.payload_offset);
    payload.read(frame + headers.payload_offset, length);
    net::write_segment_headers(frame, headers, cut, i);
    net::Headers own = headers;
    own.end_offset = frame_length;
    take(piece, own, i, i + 1 == count);
  }
  return true;
}

}  // namespace millrace::core
