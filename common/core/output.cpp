// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/output.h"

#include <rte_ethdev.h>

namespace millrace::core {

void count_drops(WorkerCounters& counters, Drop reason, rte_mbuf** mbufs, unsigned count) noexcept {
  if (count == 0) return;
  counters.dropped[static_cast<std::size_t>(reason)].add(count);
  rte_pktmbuf_free_bulk(mbufs, count);
}

void RingOutput::send() noexcept {
  const unsigned sent =
      ring_ == nullptr
          ? 0
          : rte_ring_enqueue_burst(ring_, reinterpret_cast<void**>(mbufs_.data()), count_, nullptr);
  taken_ += sent;
  count_drops(*counters_, full_, mbufs_.data() + sent, count_ - sent);
  count_ = 0;
}

Transmitter::Transmitter(const std::array<Path, kMaxPorts>& paths, WorkerCounters& counters,
                         Capturer& capturer) noexcept
    : counters_(&counters), capturer_(capturer) {
  for (unsigned port = 0; port < kMaxPorts; ++port) buffers_[port].path = paths[port];
}

void Transmitter::flush(unsigned port) noexcept {
  Buffer& buffer = buffers_[port];
  unsigned count = std::exchange(buffer.count, 0);
  std::uint64_t bytes = std::exchange(buffer.bytes, 0);
  if (count == 0) return;
  if (!buffer.path.present) {
    drop_unsent(buffer, 0, count, Drop::kPortDown);
    return;
  }
  if (buffer.path.ring != nullptr) {
    hand_over(port, buffer, count);
    return;
  }
  if (buffer.offloaded) [[unlikely]]
    count = prepare(port, buffer, count, bytes);

  if (capturer_.active()) [[unlikely]]
    capturer_.sent(PortId(static_cast<std::uint16_t>(port)), {buffer.mbufs.data(), count});
  auto sent = unsigned{rte_eth_tx_burst(static_cast<std::uint16_t>(port), buffer.path.queue,
                                        buffer.mbufs.data(), static_cast<std::uint16_t>(count))};
  // A second try gives the queue the time of one call to move on; a port that is really full drops the rest.
  if (sent < count) [[unlikely]] {
    sent += rte_eth_tx_burst(static_cast<std::uint16_t>(port), buffer.path.queue, buffer.mbufs.data() + sent,
                             static_cast<std::uint16_t>(count - sent));
    for (unsigned i = sent; i < count; ++i) bytes -= buffer.mbufs[i]->pkt_len;
    drop_unsent(buffer, sent, count, Drop::kTransmitFailed);
  }
  count_sent(port, buffer, sent, bytes);
  buffer.mixed = false;
}

// The worker at the other end sends and counts.
void Transmitter::hand_over(unsigned port, Buffer& buffer, unsigned count) noexcept {
  const std::uint8_t offloaded = buffer.offloaded ? kOffloaded : std::uint8_t{0};
  for (unsigned i = 0; i < count; ++i) {
    note(buffer.mbufs[i]) = Note{
        .type_or_flags = static_cast<std::uint8_t>(static_cast<std::uint8_t>(buffer.origin[i]) | offloaded),
        .port = PortId(static_cast<std::uint16_t>(port))};
  }
  const unsigned sent =
      rte_ring_enqueue_burst(buffer.path.ring, reinterpret_cast<void**>(buffer.mbufs.data()), count, nullptr);
  drop_unsent(buffer, sent, count, Drop::kTransmitRingFull);
  buffer.mixed = buffer.offloaded = false;
}

// Lets the driver bring the headers into the form its device wants (rte_eth_tx_prepare()); what it can not
// send is dropped. Returns how many are left.
unsigned Transmitter::prepare(unsigned port, Buffer& buffer, unsigned count, std::uint64_t& bytes) noexcept {
  buffer.offloaded = false;
  unsigned good = 0;
  while (true) {
    good += rte_eth_tx_prepare(static_cast<std::uint16_t>(port), buffer.path.queue,
                               buffer.mbufs.data() + good, static_cast<std::uint16_t>(count - good));
    if (good == count) return count;
    bytes -= buffer.mbufs[good]->pkt_len;
    drop_unsent(buffer, good, good + 1, Drop::kTransmitFailed);
    --count;
    for (unsigned i = good; i < count; ++i) {
      buffer.mbufs[i] = buffer.mbufs[i + 1];
      buffer.origin[i] = buffer.origin[i + 1];
    }
  }
}

void Transmitter::drop_unsent(Buffer& buffer, unsigned first, unsigned count, Drop reason) noexcept {
  unsigned packets = 0;
  for (unsigned i = first; i < count; ++i) packets += buffer.origin[i] != Origin::kPiece ? 1 : 0;
  counters_->dropped[static_cast<std::size_t>(reason)].add(packets);
  if (count > first) rte_pktmbuf_free_bulk(buffer.mbufs.data() + first, count - first);
}

void Transmitter::count_sent(unsigned port, const Buffer& buffer, unsigned sent,
                             std::uint64_t bytes) noexcept {
  counters_->ports[port].transmitted.add(sent);
  counters_->ports[port].transmitted_bytes.add(bytes);
  unsigned forwarded = sent;
  if (buffer.mixed) [[unlikely]] {
    for (unsigned i = 0; i < sent; ++i) {
      if (buffer.origin[i] == Origin::kReceived) continue;
      --forwarded;
      if (buffer.origin[i] == Origin::kHost) counters_->from_host_transmitted.add(1);
      if (buffer.origin[i] == Origin::kOriginated) counters_->originated_transmitted.add(1);
    }
  }
  counters_->transmitted.add(forwarded);
}

}  // namespace millrace::core
