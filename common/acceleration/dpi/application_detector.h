// SPDX-License-Identifier: BSD-3-Clause
// Finds which application a session is of, by its first packets (nDPI). One worker's own; all memory is taken
// when it is made, and a flow that would need more than there is remains unknown, and is counted.
//
// nDPI is not given the packet but a copy under an IP header made anew: whatever options and extension
// headers there are, it sees the flow's protocol and addresses, 4 KiB from the transport header on at the
// most, and zeros behind them. It never takes more than flow_bytes for a flow, nor frees what is not the
// flow's, nor knows of one flow what another one said.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "common/acceleration/dpi/applications.h"
#include "common/base/counter.h"
#include "common/base/reader.h"
#include "common/base/result.h"

namespace millrace::dpi {

struct DetectorLimits {
  std::uint32_t flows = 4096;                          // looked at at the same time
  std::size_t memory_bytes = std::size_t{16} << 20;    // that nDPI may have for all of them
  std::uint32_t flow_bytes = std::uint32_t{64} << 10;  // and for one: more is of no use, less finds less
  std::uint8_t most_packets = 16;                      // of a flow, then it is given up; at most 32
};

struct DetectedPacket {
  Bytes ip;                   // from the IP header on
  std::size_t transport = 0;  // where in it the TCP, UDP, ... header begins
  std::uint64_t tick_ms = 0;  // of any clock that does not go back
  bool from_responder = false;
};

struct Detection {
  enum class State : std::uint8_t {
    kLooking,  // nothing is known yet
    kKnown,    // by what the packets say
    kGivenUp,  // `found` is a guess by port or address, or unknown
  };

  State state = State::kLooking;
  bool final = false;  // no further packet changes it: there is no need to look at any
  Application found;
  // What the client asks for: the name in a TLS or QUIC hello, the host of an HTTP request, the question of a
  // DNS query. In lower case, but else as the sender wrote it; of a longer one the last 79 bytes; empty when
  // there is none. Stays until the flow's next packet, or its end.
  std::string_view host;
};

class ApplicationDetector {
 public:
  using Number = std::uint32_t;
  static constexpr Number kNone = 0xffffffff;

  // Control thread.
  [[nodiscard]] static Result<std::unique_ptr<ApplicationDetector>> make(const DetectorLimits& limits);
  ApplicationDetector(const ApplicationDetector&) = delete;
  ApplicationDetector& operator=(const ApplicationDetector&) = delete;
  ~ApplicationDetector();

  // A flow of an IP protocol (6 is TCP). kNone when all are taken.
  [[nodiscard]] Number take(std::uint8_t protocol) noexcept;
  void give_back(Number flow) noexcept;

  // The flow's next packet, a whole datagram, as its receiver is going to get it: who looks at packets that
  // are dropped lets the sender choose the name. Segments of TCP that carry nothing are passed over.
  [[nodiscard]] Detection look(Number flow, const DetectedPacket& packet) noexcept;
  // No packet will come any more: what is best known, or guessed.
  [[nodiscard]] Detection give_up(Number flow) noexcept;

  struct Counts {
    Counter known;           // flows
    Counter given_up;        // flows: after most_packets, without memory, or when asked to
    Counter without_memory;  // flows that are done with as there was no memory for them
    Counter stray_pointers;  // that nDPI was to free and that are not the flow's
  };
  [[nodiscard]] const Counts& counts() const noexcept;
  [[nodiscard]] std::uint32_t taken() const noexcept;
  // That nDPI has at present.
  [[nodiscard]] std::size_t held_bytes() const noexcept;
  // All of it, but for nDPI's own tables.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct State;
  explicit ApplicationDetector(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::dpi
