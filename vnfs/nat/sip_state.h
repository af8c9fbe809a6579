// SPDX-License-Identifier: BSD-3-Clause
// What the ALG of SIP remembers of a signalling session, in its AlgRecord. Plain data.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace millrace::nat {

// The last few of a kind; all zero is empty, as is a value of zero.
template <unsigned kMost>
class LastFew {
 public:
  [[nodiscard]] constexpr bool has(std::uint32_t value) const noexcept {
    return std::ranges::find(values_, value) != values_.end();
  }
  constexpr void add(std::uint32_t value) noexcept {
    values_[next_] = value;
    next_ = static_cast<std::uint8_t>((next_ + 1U) % kMost);
  }
  [[nodiscard]] constexpr const std::array<std::uint32_t, kMost>& values() const noexcept { return values_; }

 private:
  std::array<std::uint32_t, kMost> values_{};
  std::uint8_t next_ = 0;
};

struct SipState {
  // One direction of a TCP connection.
  struct Stream {
    enum class Step : std::uint8_t {
      kFirst,   // nothing has been read
      kInStep,  // `next` is where a message begins
      kLost,    // the beginning of one was not all there; the next segment may begin with another
      kNotSip,  // something else, for good
    };
    Step step;
    bool asked;          // for the segment at `asked_at` to come again, with the rest of a message
    std::uint32_t next;  // sequence numbers as sent
    std::uint32_t asked_at;
    LastFew<4> heads;  // where messages began of which the head only was rewritten
  };

  static constexpr unsigned kMostPeers = 4;

  std::array<Stream, 2> streams;  // by Direction
  LastFew<kMostPeers> peers;      // addresses its other end named for its media, wire order
  std::uint16_t contact_port;     // wire order: another signalling port of the inside host's; 0: none
};

}  // namespace millrace::nat
