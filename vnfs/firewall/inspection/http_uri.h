// SPDX-License-Identifier: BSD-3-Clause
// A request's target (RFC 9112 section 3.2) as a server comes to see it: resolved the way Suricata's libhtp
// does in its personality "IDS", but for the letters' case, which stays.
#pragma once

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/http_anomaly.h"
#include "vnfs/firewall/inspection/room_writer.h"

namespace millrace::firewall::inspection {

struct HttpUri {
  Bytes authority;  // "user@example.org:80" of the absolute form and of CONNECT, as it was sent; or empty
  Bytes path;       // its path, query and fragment, in the writer's room
};

// In the path: escapes (%41, %u0041) and overlong UTF-8 are resolved, backslashes are slashes, slashes that
// follow each other are one, and dot segments are removed (RFC 3986 section 5.2.4). In the query: escapes
// alone; "+" stays. The fragment, which no client should send, stays. A target that is an authority alone
// stays as it is. Not longer than `target`.
[[nodiscard]] HttpUri normalize_uri(Bytes target, bool is_connect, RoomWriter& room,
                                    HttpAnomalySet& anomalies) noexcept;

// "Example.ORG.:8080" or "user@example.org": the host without user, port and last dot, as it was sent.
[[nodiscard]] Bytes host_of(Bytes authority) noexcept;

}  // namespace millrace::firewall::inspection
