// SPDX-License-Identifier: BSD-3-Clause
// Puts datagrams together that were cut, where they are of use only whole: ESP is opened so (RFC 4303
// section 3.4.1), and what is looked into is judged so. Data path.
#pragma once

#include <memory>

#include <rte_ip_frag.h>

#include "common/core/batch.h"

namespace millrace::core {

// One worker's own. Its memory is taken when it is made; throws std::bad_alloc when there is none.
class FragmentJoiner {
 public:
  // In the making at a time. Those that have waited too long give way to new ones, which is when their
  // buffers are free again: so there are few.
  static constexpr unsigned kMostDatagrams = 256;
  static constexpr unsigned kSeconds = 15;  // for all pieces to come: RFC 791 section 3.2
  static constexpr unsigned kMostPieces = RTE_LIBRTE_IP_FRAG_MAX_FRAG;  // of a datagram

  FragmentJoiner();
  ~FragmentJoiner();
  FragmentJoiner(const FragmentJoiner&) = delete;
  FragmentJoiner& operator=(const FragmentJoiner&) = delete;

  enum class For : std::uint8_t {
    kOpening,     // it is in one buffer
    kForwarding,  // it may be in several, and IPv6 keeps a fragment header (RFC 6946), so that egress may cut
                  // it
  };

  // Takes the fragment's buffer. The whole datagram behind its link header when this was its last piece; else
  // null.
  [[nodiscard]] rte_mbuf* join(Packet& packet, std::uint64_t tsc, For use = For::kOpening) noexcept;

 private:
  struct TableDeleter {
    void operator()(rte_ip_frag_tbl* table) const noexcept { rte_ip_frag_table_destroy(table); }
  };

  std::unique_ptr<rte_ip_frag_tbl, TableDeleter> table_;
  rte_ip_frag_death_row given_up_{};
};

}  // namespace millrace::core
