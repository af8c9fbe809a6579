// SPDX-License-Identifier: BSD-3-Clause
// Copies out of a chain of buffers, front to back. Data path.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <rte_mbuf.h>

namespace millrace::core {

class ChainReader {
 public:
  ChainReader(const rte_mbuf* chain, unsigned offset) noexcept : segment_(chain), offset_(offset) {}

  // The chain has that much left.
  void read(std::uint8_t* to, unsigned length) noexcept {
    while (length != 0) {
      while (offset_ >= segment_->data_len) {
        offset_ -= segment_->data_len;
        segment_ = segment_->next;
      }
      const unsigned here = std::min(length, segment_->data_len - offset_);
      std::memcpy(to, rte_pktmbuf_mtod_offset(segment_, const std::uint8_t*, offset_), here);
      to += here;
      offset_ += here;
      length -= here;
    }
  }

 private:
  const rte_mbuf* segment_;
  unsigned offset_;
};

}  // namespace millrace::core
