// SPDX-License-Identifier: BSD-3-Clause
// Copies of packets for an operator who asks: as received, as sent, and as dropped with the reason.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "common/core/batch.h"
#include "common/core/network.h"
#include "common/core/trace.h"

namespace millrace::core {

struct CapturedPacket {
  enum class Point : std::uint8_t { kReceived, kSent, kDropped };
  Point point = Point::kReceived;
  std::uint8_t drop_reason = 0;  // when dropped
  PortId port;                   // sent by, else came in by
  std::uint32_t length = 0;      // on the wire
  std::uint32_t kept = 0;        // bytes of it here
  std::uint64_t tsc = 0;
};

// One request. Made by the control thread with all its memory, filled by any number of workers together, read
// when it is done or was cleared.
class CaptureJob {
 public:
  static constexpr std::uint32_t kWholePackets = 65535;

  // A packet matches by what it shows at the point of capture: its interface is the one it is received or
  // sent by, and a later fragment has no ports.
  CaptureJob(PacketFilter match, std::uint32_t packets, std::uint32_t snap_length = kWholePackets)
      : filter_(match),
        snap_length_(snap_length),
        packets_(packets),
        bytes_(std::size_t{packets} * snap_length) {}

  // All packets asked for are there.
  [[nodiscard]] bool done() const noexcept {
    return written_.load(std::memory_order_acquire) == packets_.size();
  }
  // In no order of time. Before done(), only once no worker has the job any more.
  [[nodiscard]] std::span<const CapturedPacket> packets() const noexcept {
    return {packets_.data(), written_.load(std::memory_order_acquire)};
  }
  [[nodiscard]] Bytes bytes(std::size_t packet) const noexcept {
    return {bytes_.data() + packet * snap_length_, packets_[packet].kept};
  }
  [[nodiscard]] std::uint32_t snap_length() const noexcept { return snap_length_; }

 private:
  friend class Capturer;

  PacketFilter filter_;
  std::uint32_t snap_length_;
  std::vector<CapturedPacket> packets_;
  std::vector<std::uint8_t> bytes_;
  std::atomic<std::uint32_t> claimed_{0};
  std::atomic<std::uint32_t> written_{0};
};

// One per worker.
class Capturer {
 public:
  // The control thread sets and clears the job. A job that was cleared may be read and freed when the worker
  // has been through a quiescent state, or has stopped.
  void set(CaptureJob* job) noexcept { job_.store(job, std::memory_order_release); }

  // The worker takes the job up before it looks for packets, and lays it down when it stops.
  void begin(const Network& network) noexcept {
    current_ = job_.load(std::memory_order_acquire);
    network_ = &network;
  }
  void end() noexcept { current_ = nullptr; }

  // The rest is to be called when active.
  [[nodiscard]] bool active() const noexcept { return current_ != nullptr; }
  void received(Batch& batch) noexcept;
  void sent(PortId port, std::span<rte_mbuf* const> mbufs) noexcept;
  void dropped(rte_mbuf* mbuf, PortId port, std::uint8_t reason) noexcept;
  void dropped(rte_mbuf* mbuf, Drop reason) noexcept {
    dropped(mbuf, PortId(mbuf->port), static_cast<std::uint8_t>(reason));
  }

 private:
  void offer(rte_mbuf* mbuf, CapturedPacket captured) noexcept;

  std::atomic<CaptureJob*> job_{nullptr};
  CaptureJob* current_ = nullptr;
  const Network* network_ = nullptr;
};

}  // namespace millrace::core
