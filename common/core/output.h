// SPDX-License-Identifier: BSD-3-Clause
// The ways a packet leaves a worker: a port, the twin, another worker. Each gathers a burst and sends it
// whole.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include <rte_ring.h>

#include "common/core/batch.h"
#include "common/core/capture.h"
#include "common/core/counters.h"
#include "common/core/note.h"
#include "common/core/port_offloads.h"

namespace millrace::core {

// Who made the packet; each is counted apart, so that received = transmitted + to_host + dropped + held can
// be checked.
enum class Origin : std::uint8_t {
  kReceived,
  kHost,
  kOriginated,
  kPiece,  // all but one of a datagram's fragments: sent, but not counted as packets of their own
};

void count_drops(WorkerCounters& counters, Drop reason, rte_mbuf** mbufs, unsigned count) noexcept;

// Towards a ring that another thread empties.
class RingOutput {
 public:
  // `full` is the reason for what the ring does not take. A null ring takes nothing.
  RingOutput(rte_ring* ring, Drop full, WorkerCounters& counters) noexcept
      : ring_(ring), full_(full), counters_(&counters) {}

  void push(rte_mbuf* mbuf) noexcept {
    mbufs_[count_++] = mbuf;
    if (count_ == mbufs_.size()) send();
  }
  // Returns how many packets the ring took since the last flush.
  unsigned flush() noexcept {
    if (count_ != 0) send();
    return std::exchange(taken_, 0);
  }

 private:
  void send() noexcept;

  rte_ring* ring_;
  Drop full_;
  WorkerCounters* counters_;
  std::array<rte_mbuf*, Batch::kMaxSize> mbufs_{};
  unsigned count_ = 0;
  unsigned taken_ = 0;
};

// One worker's way to all ports. A port with fewer transmit queues than there are workers is reached through
// the ring of the worker that has the queue.
class Transmitter {
 public:
  struct Path {
    bool present = false;
    std::uint16_t queue = 0;
    rte_ring* ring = nullptr;  // when set, the queue is another worker's
    TransmitOffloads offloads{};
  };

  Transmitter(const std::array<Path, kMaxPorts>& paths, WorkerCounters& counters,
              Capturer& capturer) noexcept;

  void send(PortId port, rte_mbuf* mbuf, Origin origin) noexcept {
    Buffer& buffer = buffers_[port.value()];
    const unsigned place = buffer.count++;
    buffer.mbufs[place] = mbuf;
    buffer.origin[place] = origin;
    buffer.bytes += mbuf->pkt_len;
    buffer.mixed |= origin != Origin::kReceived;
    pending_ |= std::uint64_t{1} << port.value();
    if (place + 1 == Batch::kMaxSize) [[unlikely]]
      flush(port.value());
  }
  [[nodiscard]] const TransmitOffloads& offloads(PortId port) const noexcept {
    return buffers_[port.value()].path.offloads;
  }
  // The packet that is sent next by this port has work for the driver in its flags (RTE_MBUF_F_TX_*).
  void announce_offload(PortId port) noexcept { buffers_[port.value()].offloaded = true; }
  // A packet another worker sends by a queue of this one: `as` is what its note says.
  void send_for_other(PortId port, rte_mbuf* mbuf, std::uint8_t as) noexcept {
    buffers_[port.value()].offloaded |= (as & kOffloaded) != 0;
    send(port, mbuf, static_cast<Origin>(as & ~kOffloaded));
  }
  // Also one cycle count per batch, for the latency histogram of what it sent.
  void flush() noexcept {
    for (; pending_ != 0; pending_ &= pending_ - 1) flush(static_cast<unsigned>(std::countr_zero(pending_)));
  }

 private:
  struct Buffer {
    Path path;
    bool mixed = false;
    bool offloaded = false;  // a packet of the burst has work for the driver
    unsigned count = 0;
    std::uint64_t bytes = 0;
    std::array<rte_mbuf*, Batch::kMaxSize> mbufs{};
    std::array<Origin, Batch::kMaxSize> origin{};
  };

  static constexpr std::uint8_t kOffloaded = 0x80;  // beside the origin, in the note of a packet for another

  void flush(unsigned port) noexcept;
  void hand_over(unsigned port, Buffer& buffer, unsigned count) noexcept;
  [[nodiscard]] unsigned prepare(unsigned port, Buffer& buffer, unsigned count,
                                 std::uint64_t& bytes) noexcept;
  void drop_unsent(Buffer& buffer, unsigned first, unsigned count, Drop reason) noexcept;
  void count_sent(unsigned port, const Buffer& buffer, unsigned sent, std::uint64_t bytes) noexcept;

  std::array<Buffer, kMaxPorts> buffers_;
  std::uint64_t pending_ = 0;
  WorkerCounters* counters_;
  Capturer& capturer_;
};

}  // namespace millrace::core
