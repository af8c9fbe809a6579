// SPDX-License-Identifier: BSD-3-Clause
// Reads the messages of one direction of an HTTP/1 connection (RFC 9112) as its bytes come, and tells their
// parts. Lenient, as servers are: what is read in one of several ways is named (http_anomaly.h).
//
// Data path, of one worker. However the bytes are cut into segments, the same is found, and each byte is
// looked at a fixed number of times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/body_store.h"
#include "vnfs/firewall/inspection/http_anomaly.h"
#include "vnfs/firewall/inspection/http_exchange.h"
#include "vnfs/firewall/inspection/http_head.h"
#include "vnfs/firewall/inspection/inflate_pool.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/room.h"

namespace millrace::firewall::inspection {

// What a reader works with. The stores are this direction's own, and hold the bodies that are no views of the
// stream: without one of both kinds they stay empty.
struct HttpWork {
  Room& room;              // http_head_room(kLongestHttpHead) bytes serve any head
  HttpExchange& exchange;  // the connection's
  BodyStore& joined;
  BodyStore& unpacked;
  InflatePool& inflate;
  std::size_t most_joined = std::size_t{1} << 20;  // bytes of a body
  std::size_t most_unpacked = std::size_t{1} << 20;
};

// Where a message's head is in its stream.
struct HttpPlace {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

struct HttpEvent {
  enum class What : std::uint8_t {
    kHead,     // `parts` are those of a whole head
    kBody,     // `parts` are the body, which is there for the first time, has grown, or has ended
    kAnomaly,  // there are anomalies, and no parts
  };
  What what = What::kAnomaly;
  bool ends = false;          // the message is complete with this
  std::uint32_t message = 0;  // counts from 0 in this direction
  HttpPlace head;
  HttpAnomalySet anomalies;  // that were not told of this message before
  Parts& parts;              // hold until the sink returns, which may add to them
};

enum class HttpProgress : std::uint8_t {
  kReading,
  kOver,     // no more of the stream is read as HTTP: another protocol, or none that is known
  kStopped,  // by the sink; the next call goes on behind what was told
};

// All zeros: at the stream's beginning.
class HttpReader {
 public:
  // `stream` is all of the direction's bytes that there are, from its first on; `ended`: and there will be no
  // more. Calls `bool sink(const HttpEvent&) noexcept` for each head, and at most once in a call for what a
  // body has grown, until it returns false.
  template <class Sink>
  HttpProgress advance(Bytes stream, bool ended, Side side, const HttpWork& work, Sink&& sink) noexcept {
    using Called = std::remove_reference_t<Sink>;
    const auto tell = [](void* context, const HttpEvent& event) noexcept -> bool {
      return (*static_cast<Called*>(context))(event);
    };
    return advance(stream, ended, side, work, tell, const_cast<void*>(static_cast<const void*>(&sink)));
  }

  // Gives back what it holds of the pool and the stores. It is of no more use.
  void end(const HttpWork& work) noexcept;

  // Of the message whose body is being read.
  [[nodiscard]] HttpPlace head() const noexcept { return {message_, body_}; }

 private:
  friend class HttpRun;
  using Tell = bool (*)(void* context, const HttpEvent& event) noexcept;
  HttpProgress advance(Bytes stream, bool ended, Side side, const HttpWork& work, Tell tell,
                       void* context) noexcept;

  enum class Phase : std::uint8_t {
    kStart,   // before a message
    kMethod,  // within a request's first word
    kStatus,  // within an answer's first word
    kHead,
    kLength,  // a body of so many bytes
    kClose,   // a body to the stream's end
    kChunkSize,
    kChunk,
    kChunkEnd,
    kTrailer,
    kOver,
  };
  enum class Packed : std::uint8_t {
    kNo,    // or it is not unpacked
    kYes,   // it is being unpacked
    kLeft,  // no more of it is
  };

  std::uint64_t left_ = 0;     // bytes of a body or chunk; of a trailer, where it begins
  HttpAnomalySet told_;        // of this message
  std::uint32_t at_ = 0;       // all before it has been read
  std::uint32_t line_ = 0;     // where a line begins
  std::uint32_t message_ = 0;  // where this one begins
  std::uint32_t body_ = 0;     // where its body begins
  std::uint32_t messages_ = 0;
  std::uint32_t unpacked_ = 0;  // bytes of the body that have been unpacked
  InflatePool::Number inflate_ = 0;
  Phase phase_ = Phase::kStart;
  Packed packed_ = Packed::kNo;
  bool joined_ = false;    // the body is in the store
  bool not_kept_ = false;  // and is not all there
  std::uint8_t empty_lines_ = 0;
};
static_assert(std::is_trivially_copyable_v<HttpReader> && sizeof(HttpReader) <= 64);

// Makes the parts of a head that was told before again, beside those that are there; they are views of
// `stream`, or in the room until that is cleared.
void add_head(Bytes stream, HttpPlace head, Side side, Room& room, Parts& parts) noexcept;

}  // namespace millrace::firewall::inspection
