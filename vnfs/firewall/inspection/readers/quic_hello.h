// SPDX-License-Identifier: BSD-3-Clause
// Reads the client hello of a QUIC connection (RFC 9000, RFC 9369) out of the Initial packets that the client
// begins with. Its bytes may come in any order, and in several datagrams; what has come is kept in the
// worker's pool until the hello is whole.
//
// Data path, of one worker. Work and memory are bounded: by the datagram, and by the limits here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/buffer_pool.h"
#include "vnfs/firewall/inspection/readers/event_sink.h"
#include "vnfs/firewall/inspection/readers/quic_crypto.h"
#include "vnfs/firewall/inspection/readers/tls_hello.h"
#include "vnfs/firewall/inspection/readers/tls_reader.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::size_t kLongestQuicHello = std::size_t{16} << 10U;
inline constexpr unsigned kMostQuicDatagrams = 16;  // of the client, before it is given up
inline constexpr unsigned kMostQuicInitials = 4;    // in a datagram
inline constexpr unsigned kMostQuicPieces = 12;     // that do not touch

struct QuicWork {
  Room& room;
  QuicCrypto& crypto;
  BufferPool& pool;
};

// Whether a datagram begins with a packet that a client may open a connection with, of a version that is
// read. Any server would drop one of less than 1,200 bytes (RFC 9000 section 14.1).
[[nodiscard]] bool is_quic_initial(Bytes datagram) noexcept;

// All zeros: at the connection's beginning. Holds memory of the pool until it is over or ended.
class QuicHello {
 public:
  // One datagram of the client. Tells the hello, once it is whole, and anomalies. kOver once it has been
  // told, or is given up.
  ReadProgress advance(Bytes datagram, const QuicWork& work, EventSink<TlsEvent> sink) noexcept;
  [[nodiscard]] bool over() const noexcept { return over_; }
  // Gives back what it holds of the pool. It is of no more use.
  void end(BufferPool& pool) noexcept;

 private:
  friend class QuicRun;
  struct Range {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
  };

  PooledBytes bytes_;                            // from the handshake's first on, as far as any came
  std::array<Range, kMostQuicPieces> pieces_{};  // those that are there: sorted, none touches the next
  std::uint8_t piece_count_ = 0;
  std::uint8_t datagrams_ = 0;
  std::uint8_t id_length_ = 0;
  bool id_known_ = false;
  bool over_ = false;
  std::array<std::uint8_t, 20> id_{};  // the destination that the keys follow from
};
static_assert(std::is_trivially_copyable_v<QuicHello> && sizeof(QuicHello) <= 88);

}  // namespace millrace::firewall::inspection::readers
