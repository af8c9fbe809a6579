// SPDX-License-Identifier: BSD-3-Clause
// TCP connections that the firewall opens in the server's place while too many begin at once, and joins
// afterwards, as common/core/syn_proxy.h describes. The ACK that brings a cookie back is judged by the rules
// as the SYN it stands for.
//
// Behind the first of the two stages below all segments carry the client's numbers, so TCP tracking sees one
// consistent connection, the client's; the second stage gives those that go to the server the server's.
#pragma once

#include <array>
#include <cstdint>

#include "common/base/rate_bucket.h"
#include "common/core/syn_proxy.h"
#include "vnfs/firewall/session.h"

namespace millrace::firewall {

struct Policy;
struct WorkerState;

// What one worker needs for it between packets.
class SynProxy {
 public:
  explicit SynProxy(std::uint64_t seed) noexcept : answers_(seed) {}

  // For a packet that the rules let begin a session. True when it is a SYN above the rate: it has been
  // answered with a cookie and dropped. `above` is per second; 0 = never.
  [[nodiscard]] bool answer(core::Batch& batch, core::Packet& packet, const flow::FlowLookup& lookup,
                            std::uint32_t above, core::Originator& originator) noexcept;
  // For a session that was just opened for a packet: takes note when a cookie opened it.
  void begin(Session& session, unsigned lane) const noexcept {
    if ((proven_ >> lane & 1U) == 0) return;
    session.flags |= Session::kProxied | Session::kJoining;
    session.proxy_sequence = proof_[lane].cookie;
    session.proxy_segment_size = proof_[lane].segment_size;
  }

 private:
  friend struct GuardSyn;

  core::SynProxy answers_;
  RateBucket begun_;
  std::uint64_t proven_ = 0;  // lanes whose packet was an ACK with a good cookie, and is a SYN now
  std::array<core::SynProxy::Proof, core::Batch::kMaxSize> proof_{};
};

// Before MatchRules: ACKs that bring a cookie back, and segments of the connections opened by them.
struct GuardSyn {
  static constexpr std::string_view kName = "guard_syn";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept;
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void redeem(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
  void from_client(core::Batch& batch, core::Packet& packet, const Session& session) noexcept;
  void from_server(core::Batch& batch, core::Packet& packet, Session& session) noexcept;
};

// After TrackConnection: joins the two halves, and gives segments for the server its numbers.
struct JoinHalves {
  static constexpr std::string_view kName = "join_halves";
  WorkerState& state;

  [[nodiscard]] bool needed(const core::Batch& batch, const Policy& policy) const noexcept;
  void process(core::Batch& batch, const Policy& policy) noexcept;

 private:
  void join(core::Batch& batch, core::Packet& packet, const Policy& policy) noexcept;
};

// An ICMP error on its way to the server quotes one of the server's segments with the client's numbers: puts
// the server's in, so that the server knows it for its own (RFC 5927 section 4.1).
void translate_error(core::Packet& error, be32& embedded_sequence, const Session& session) noexcept;

}  // namespace millrace::firewall
