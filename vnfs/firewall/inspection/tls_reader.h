// SPDX-License-Identifier: BSD-3-Clause
// Reads one direction of a TLS connection as far as it is in the clear: hellos and certificates.
//
// Records (RFC 8446 section 5.1) and the handshake messages in them, which may lie in several records, or
// several in one. However the bytes are cut into segments, the same is found, and each is looked at a fixed
// number of times.
#pragma once

#include <cstdint>
#include <type_traits>

#include "vnfs/firewall/inspection/tls_hello.h"

namespace millrace::firewall::inspection {

// All zeros: at the stream's beginning.
class TlsReader {
 public:
  // `stream` is all of the direction's bytes that there are. Calls `bool sink(const Parts&) noexcept` for
  // each message with parts until it returns false. The parts hold until the sink returns, or as long as the
  // room.
  template <class Sink>
  void advance(Bytes stream, Room& room, Sink&& sink) noexcept {
    while (!over_) {
      Parts parts;
      const Found found = next(stream, room, parts);
      if (found == Found::kNothing || (found == Found::kParts && !sink(parts))) return;
    }
  }
  // Nothing of what comes can be read.
  [[nodiscard]] bool over() const noexcept { return over_; }

 private:
  enum class Found : std::uint8_t { kNothing, kParts, kOther };
  static constexpr std::uint32_t kMostMessage = 65'536;

  [[nodiscard]] Found next(Bytes stream, Room& room, Parts& parts) noexcept;
  // A record's header lies at `at_`; whether the whole record was taken up.
  [[nodiscard]] bool take_record(Bytes stream) noexcept;
  // Copies so many bytes of the messages' records, from the cursor on, and moves it if `move`.
  void copy(Bytes stream, MutableBytes to, bool move) noexcept;
  [[nodiscard]] Bytes message(Bytes stream, Room& room) noexcept;

  std::uint32_t at_ = 0;      // all before it was taken up
  std::uint32_t record_ = 0;  // the cursor: a record
  std::uint32_t skip_ = 0;    // and bytes of its content
  std::uint32_t have_ = 0;    // bytes of messages from the cursor on
  std::uint32_t need_ = 0;    // of the next message, with its header; 0: not known
  std::uint8_t type_ = 0;     // of it
  bool over_ = false;
};
static_assert(std::is_trivially_copyable_v<TlsReader> && sizeof(TlsReader) <= 24);

// Whether a side begins like TLS. `start`: its first bytes, as many as there are.
[[nodiscard]] inline bool begins_like_tls(Bytes start) noexcept {
  return start.size() >= 3 && start[0] == 22 && start[1] == 3 && start[2] <= 4;
}

}  // namespace millrace::firewall::inspection
