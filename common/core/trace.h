// SPDX-License-Identifier: BSD-3-Clause
// The way of chosen packets through the appliance, stage by stage, for an operator who asks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/core/batch.h"

namespace millrace::core {

// What an operator can ask to see. An empty member matches all. A packet matches in either direction.
struct PacketFilter {
  std::optional<net::Prefix> source;
  std::optional<net::Prefix> destination;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> port;        // either
  InterfaceId interface;                    // ingress; none = any
  std::optional<std::uint16_t> vlan;        // of the only tag, or the inner one of two; 0: untagged
  std::optional<std::uint16_t> outer_vlan;  // of two tags; 0: at most one

  [[nodiscard]] bool matches(const Packet& packet) const noexcept;
};

struct TraceEvent {
  std::uint32_t packet = 0;  // counts from 0 within the job
  std::uint16_t worker = 0;
  std::uint8_t drop_reason = 0;
  bool taken = false;  // left the batch: to the twin, another worker, or held
  std::uint64_t tsc = 0;
  std::string_view stage;
  Packet state;                          // as the stage left it; the mbuf is not to be followed
  std::array<std::uint8_t, 80> bytes{};  // the packet's first ones, as they stood after the stage
  std::uint8_t byte_count = 0;
};

// One request. Made by the control thread with all its memory, filled by one worker, read when done.
struct TraceJob {
  TraceJob(PacketFilter match, std::uint32_t packet_count)
      : filter(match), packets(packet_count), events(packet_count * std::size_t{16}) {}

  PacketFilter filter;
  std::uint32_t packets;
  std::vector<TraceEvent> events;
  std::atomic<std::uint32_t> used{0};     // events written
  std::atomic<std::uint32_t> started{0};  // packets that matched
  std::atomic<bool> done{false};
};

// One per worker.
class Tracer {
 public:
  // The control thread sets and clears the job; the worker looks once per batch. A job that was cleared may
  // be freed when the worker has been through a quiescent state.
  void set(TraceJob* job) noexcept { job_.store(job, std::memory_order_release); }

  [[nodiscard]] bool active() const noexcept { return job_.load(std::memory_order_relaxed) != nullptr; }
  // Marks the packets of the batch that match; after ingress has parsed them.
  void select(Batch& batch) noexcept;
  void record(std::string_view stage, Batch& batch) noexcept;

 private:
  std::atomic<TraceJob*> job_{nullptr};
  std::array<std::uint32_t, Batch::kMaxSize> number_{};  // of the packet in each traced lane
};

}  // namespace millrace::core
