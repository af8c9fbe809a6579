// SPDX-License-Identifier: BSD-3-Clause
// The head of a message of HTTP/1 (RFC 9112 sections 2 to 6): its first line and its fields, as parts, and
// what has to be known to read on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/http_anomaly.h"
#include "vnfs/firewall/inspection/http_exchange.h"
#include "vnfs/firewall/inspection/http_framing.h"
#include "vnfs/firewall/inspection/parts.h"
#include "vnfs/firewall/inspection/room.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kLongestHttpHead = std::size_t{64} << 10;

// What the parts of a head of so many bytes take of a room at most: the target, the fields (which grow by two
// bytes a line of at least two), their names, their values where they are joined, and the host.
[[nodiscard]] constexpr std::size_t http_head_room(std::size_t head_bytes) noexcept {
  return 6 * head_bytes + 16;
}

struct HttpHead {
  HttpFraming framing;                     // as the fields have it
  HttpMethod method = HttpMethod::kOther;  // of a request
  std::uint16_t status = 200;              // of an answer
  bool is_http2 = false;                   // the preface of RFC 9113 section 3.4
  HttpAnomalySet anomalies;
  std::size_t room_bytes = 0;  // taken of the room
};

// `head` is a whole head, to behind its empty line, or as much as there is of one. Sets all parts that it
// has; those that are no views of `head` are in `room`. Without room for them these are left out.
[[nodiscard]] HttpHead read_head(Bytes head, Side side, Room& room, Parts& parts) noexcept;

}  // namespace millrace::firewall::inspection
