// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/check_threat_lists.h"

#include <algorithm>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {
namespace {

constexpr Buffers kLookedUp = bit(Buffer::kTlsSni) | bit(Buffer::kJa3Hash) | bit(Buffer::kDnsQuery) |
                              bit(Buffer::kHttpRawHost) | bit(Buffer::kHttpRawUri);

// What stands before the host of an absolute target (RFC 9112 section 3.2.2).
std::size_t scheme_of(Bytes target) noexcept {
  if (begins_with_word(target, "http://")) return 7;
  return begins_with_word(target, "https://") ? 8 : 0;
}

// The path and query of a target, which may be absolute.
Bytes path_of(Bytes target) noexcept {
  const std::size_t scheme = scheme_of(target);
  if (scheme == 0) return target;
  const Bytes rest = target.subspan(scheme);
  const auto slash = std::ranges::find(rest, std::uint8_t{'/'});
  return rest.subspan(static_cast<std::size_t>(slash - rest.begin()));
}

// What stands before the host is no part of it (RFC 3986 section 3.2).
Bytes without_user(Bytes authority) noexcept {
  for (std::size_t at = authority.size(); at != 0; --at) {
    if (authority[at - 1] == '@') return authority.subspan(at);
  }
  return authority;
}

}  // namespace

ListFinding check_threat_lists(const ThreatLists& lists, const Parts& parts, Buffers fresh) noexcept {
  ListFinding found;
  fresh &= parts.present & ~parts.growing;
  if ((fresh & kLookedUp) == 0) return found;
  const auto is_fresh = [&](Buffer buffer) { return (fresh & bit(buffer)) != 0; };
  for (const Buffer name : {Buffer::kTlsSni, Buffer::kDnsQuery}) {
    if (!is_fresh(name)) continue;
    found.host = parts[name];
    found.hits = found.hits | lists.find_domain(found.host);
  }
  if (is_fresh(Buffer::kJa3Hash)) found.hits = found.hits | lists.find_ja3(parts[Buffer::kJa3Hash]);
  if (is_fresh(Buffer::kHttpRawHost)) {
    found.host = without_user(parts[Buffer::kHttpRawHost]);
    found.hits = found.hits | lists.find_domain(found.host);
    if (is_fresh(Buffer::kHttpRawUri)) {
      static constexpr std::uint8_t kRoot = '/';
      found.path = path_of(parts[Buffer::kHttpRawUri]);
      if (found.path.empty()) found.path = {&kRoot, 1};  // RFC 9110 section 4.2.3
      found.hits = found.hits | lists.find_url(found.host, found.path);
      // A server reads escapes and dot segments as what they stand for.
      if (const Bytes resolved = parts[Buffer::kHttpUri]; !std::ranges::equal(resolved, found.path))
        found.hits = found.hits | lists.find_url(found.host, resolved);
    }
  }
  return found;
}

}  // namespace millrace::firewall::inspection
