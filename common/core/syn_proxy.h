// SPDX-License-Identifier: BSD-3-Clause
// TCP connections that the appliance opens in a server's place, by SYN cookies, and joins afterwards.
//
//   client            appliance           server
//     SYN c        ->                              dropped, answered; nothing is kept
//                  <- SYN|ACK k, window 0          k is the cookie; the window holds back the client's data
//     ACK k+1      ->                              the cookie is good: the connection begins, and the ACK
//                          SYN c          ->       is turned into the SYN it stands for
//                                         <- SYN|ACK s
//     window opens <-      ACK s+1        ->       the two halves are joined
//
// From then on the numbers of the server's side differ by k - s: its sequence numbers on the way to the
// client, the client's acknowledgments on the way to the server. Options: the maximum segment size alone.
// With neither SACK nor timestamps permitted on either half there are no further numbers to translate, and no
// window is scaled.
//
// When the segment that goes to the server is lost, the client's next probe of the closed window sends it
// again.
#pragma once

#include <cstdint>
#include <optional>

#include "common/core/tcp_segments.h"
#include "common/flow/syn_cookie.h"

namespace millrace::core {

// The packet carries a TCP header.
[[nodiscard]] inline bool has_tcp(const Packet& packet) noexcept {
  return packet.headers.protocol == net::protocol::kTcp && packet.headers.has_ports &&
         !packet.headers.later_fragment();
}

// A SYN from one host to one host. RFC 9293 section 3.9.2.3 has those to groups ignored, so no cookie goes
// back.
[[nodiscard]] bool may_get_cookie(const Packet& packet) noexcept;

// The largest segment of the packet's family that fits an MTU.
[[nodiscard]] std::uint16_t segment_size_of(const Packet& packet, unsigned mtu) noexcept;

// The cookies of one worker, which share their key with all others'.
class SynProxy {
 public:
  explicit SynProxy(std::uint64_t seed) noexcept : cookies_(seed) {}

  // Answers a SYN that may_get_cookie(); the caller drops it. `segment_size`: what the way to the server
  // carries.
  enum class Answer : std::uint8_t { kSent, kBadOption, kNoMemory };
  [[nodiscard]] Answer answer(const Packet& syn, const flow::FlowLookup& lookup, std::uint16_t segment_size,
                              const Network& network, Originator& originator, Tick now) noexcept;

  struct Proof {
    std::uint32_t initial_sequence;  // the client's
    std::uint32_t cookie;            // the server's, in the client's eyes
    std::uint16_t segment_size;      // the client's, or a little less
  };
  // What the ACK of no known connection proves; nothing when it brings back no cookie of ours. Its checksum
  // has not been looked at.
  [[nodiscard]] std::optional<Proof> redeem(const Packet& ack, const flow::FlowLookup& lookup,
                                            Tick now) const noexcept;

  // Whether cookies may still come back, as of the last forget_old().
  [[nodiscard]] bool outstanding() const noexcept { return outstanding_; }
  void forget_old(Tick now) noexcept {
    if (outstanding_ && now - last_given_ > flow::SynCookies::kLifetime) outstanding_ = false;
  }
  // Another worker's cookies may come back here.
  void take_over(const SynProxy& from) noexcept;

 private:
  flow::SynCookies cookies_;
  bool outstanding_ = false;
  Tick last_given_ = 0;
};

// The SYN that the client's side of a connection begins with, as the server is to see it.
[[nodiscard]] constexpr TcpFields opening_of(std::uint32_t initial_sequence, std::uint16_t window,
                                             std::uint16_t segment_size) noexcept {
  return {.sequence = initial_sequence,
          .acknowledgment = 0,
          .flags = net::tcp_flag::kSyn,
          .window = window,
          .segment_size = segment_size};
}

// What a server's segment says to the SYN it was sent.
enum class ServerWord : std::uint8_t { kAccepts, kRefuses, kNeither };
// `client_next` is one more than the SYN's number.
[[nodiscard]] ServerWord server_word(const Packet& packet, std::uint32_t client_next) noexcept;

// Of kNeither: a server that holds an older connection answers for that one; RFC 9293 section 3.10.7.3 has it
// reset.
void reset_older(const Packet& packet, std::uint32_t client_next, const Network& network,
                 Originator& originator) noexcept;

// Joins the halves: the server gets the ACK it waits for, and its SYN|ACK becomes the segment that
// opens the client's window. False, and the packet unchanged, when its buffer has no room.
[[nodiscard]] bool join_halves(Packet& syn_ack, const TcpFields& to_server, std::uint32_t cookie,
                               const Network& network, Originator& originator) noexcept;

}  // namespace millrace::core
