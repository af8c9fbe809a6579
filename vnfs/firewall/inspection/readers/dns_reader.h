// SPDX-License-Identifier: BSD-3-Clause
// Reads DNS messages (RFC 1035 section 4), of a datagram or of a TCP stream (section 4.2.2): what is asked
// for, and the addresses that are answered.
//
// Data path, of one worker. However a stream is cut into segments, the same is found. Work is bounded by the
// bytes there are: of names, only those of questions are written out, and of these only so many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "common/base/reader.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/readers/event_sink.h"
#include "vnfs/firewall/inspection/readers/read_anomaly.h"

namespace millrace::firewall::inspection::readers {

inline constexpr std::size_t kLongestDnsName = 255;  // octets (RFC 1035 section 2.3.4)
inline constexpr unsigned kMostDnsQuestions = 16;
inline constexpr unsigned kMostDnsAddresses = 64;

struct DnsEvent {
  enum class What : std::uint8_t {
    kQuestion,   // `parts` has the name, "www.example.org", which is empty of the root
    kAddresses,  // of an answer that has any
    kAnomaly,    // there are anomalies, and nothing else
  };
  What what = What::kAnomaly;
  bool is_answer = false;
  std::uint8_t rcode = 0;  // of an answer (RFC 1035 section 4.1.1, with RFC 6895: NXDOMAIN is 3)
  std::uint8_t operation = 0;
  std::uint16_t id = 0;
  std::uint16_t type = 0;       // of the question
  std::uint16_t questions = 0;  // as the header has it
  std::uint32_t least_ttl = 0;  // seconds, of the addresses
  std::span<const net::IpAddress> addresses;
  ReadAnomalySet anomalies;  // found since the last event
  const Parts& parts;        // all hold until the sink returns
};

// `datagram` is one message. False when the sink has stopped it.
bool read_dns(Bytes datagram, EventSink<DnsEvent> sink) noexcept;

// Of one direction over TCP. All zeros: at the stream's beginning.
class DnsReader {
 public:
  // `stream` is all of the direction's bytes that there are, from its first on; `ended`: and there will be no
  // more. When the sink stops it, the rest of that message is not told.
  ReadProgress advance(Bytes stream, bool ended, EventSink<DnsEvent> sink) noexcept;

 private:
  std::uint32_t at_ = 0;  // all before it has been read
  bool over_ = false;
};
static_assert(std::is_trivially_copyable_v<DnsReader> && sizeof(DnsReader) <= 32);

}  // namespace millrace::firewall::inspection::readers
