// SPDX-License-Identifier: BSD-3-Clause
// The Internet checksum's sum over a chain of buffers (rte_raw_cksum_mbuf() of DPDK 22.11 is wrong when a
// buffer of the chain has an odd length). Data path.
#pragma once

#include <algorithm>

#include <rte_mbuf.h>

#include "common/net/checksum.h"

namespace millrace::core {

// Over `length` bytes from `offset` on, which lies in the first buffer; or to the end of the chain.
[[nodiscard]] inline net::ChecksumSum sum_of_chain(const rte_mbuf* segment, unsigned offset,
                                                   unsigned length) noexcept {
  net::ChecksumSum sum = 0;
  for (unsigned done = 0; segment != nullptr && done < length; segment = segment->next, offset = 0) {
    const unsigned here = std::min(length - done, segment->data_len - offset);
    const auto* bytes = rte_pktmbuf_mtod_offset(segment, const std::uint8_t*, offset);
    const net::ChecksumSum part = net::sum_bytes(Bytes(bytes, here));
    // Behind an odd number of bytes, each is in the other half of its word: RFC 1071 section 2(B).
    sum += done % 2 == 0 ? part : byte_swap(net::fold(part));
    done += here;
  }
  return sum;
}

}  // namespace millrace::core
