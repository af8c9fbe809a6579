// SPDX-License-Identifier: BSD-3-Clause
// Reads the plain part of one direction of a TLS connection (RFC 8446 section 5.1, RFC 5246 section 6.2) as
// its bytes come: the hellos, and up to TLS 1.2 the server's certificate. Lenient about what servers and
// clients differ in; what is odd is named.
//
// Data path, of one worker. However the bytes are cut into segments and records, the same is found, and each
// byte is looked at a fixed number of times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/event_sink.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"
#include "vnfs/firewall/inspection/readers/tls_hello.h"

namespace millrace::firewall::inspection::readers {

// Messages that span records are joined in the room, and read so far.
inline constexpr std::size_t kLongestJoinedTlsMessage = std::size_t{64} << 10U;
// Bytes of a room that serve any message: one that is joined, and JA3 of it.
inline constexpr std::size_t kTlsRoom = 5 * kLongestJoinedTlsMessage + 4096;

struct TlsEvent {
  enum class What : std::uint8_t {
    kClientHello,
    kServerHello,  // or a HelloRetryRequest
    kCertificate,  // the server's first, of its chain
    kAnomaly,      // there are anomalies, and nothing else
  };
  What what = What::kAnomaly;
  ReadAnomalySet anomalies;  // found since the last event
  const TlsHello& hello;     // of a hello
  const Parts& parts;        // all hold until the sink returns
};

// All zeros: at the stream's beginning.
class TlsReader {
 public:
  // `stream` is all of the direction's bytes that there are, from its first on; `ended`: and there will be no
  // more. kOver once what follows is encrypted, or is not TLS.
  ReadProgress advance(Bytes stream, bool ended, Side side, Room& room, EventSink<TlsEvent> sink) noexcept;

 private:
  friend class TlsRun;

  std::uint32_t at_ = 0;          // all before it has been read
  std::uint32_t record_end_ = 0;  // of the record that at_ is in
  std::uint32_t message_ = 0;     // where the message that is being read begins
  std::uint32_t first_end_ = 0;   // end of the record that it begins in
  std::uint32_t header_ = 0;      // its first four bytes, as far as they have come
  std::uint32_t have_ = 0;        // bytes of it that have come
  std::uint8_t record_type_ = 0;
  bool over_ = false;
  bool hello_read_ = false;
  bool retried_ = false;
  bool cipher_changed_ = false;
  bool empty_told_ = false;
  bool interleaved_told_ = false;
};
static_assert(std::is_trivially_copyable_v<TlsReader> && sizeof(TlsReader) <= 32);

}  // namespace millrace::firewall::inspection::readers
