// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/notable.h"

#include <array>
#include <cstddef>

namespace millrace::firewall::inspection {
namespace {

constexpr std::array<NotableFacts, static_cast<std::size_t>(Notable::kCount)> kFacts = {{
    {"no_conversation", "As many sessions are looked into as inspection_limits.sessions allows."},
    {"no_memory", "The bytes of streams take as much as inspection_limits.memory allows."},
    {"no_time", "Judging the session took more work than one session may."},
    {"worker_behind", "The worker is behind with its packets: new sessions were not looked into."},
    {"mid_stream", "The session was looked into from its middle on: its beginning was not seen."},
    {"stream_conflict", "A TCP segment brought other bytes for a place of the stream than one before it."},
    {"stream_rewritten",
     "A TCP segment brought other bytes for a place of the stream; those seen first were put in."},
    {"stream_holes", "A TCP segment lay too far ahead of missing ones to be kept."},
    {"urgent_cleared",
     "A TCP segment pointed at urgent data, which hosts read in different ways; the mark was taken off."},
}};

}  // namespace

const NotableFacts& facts_of(Notable notable) noexcept {
  static constexpr NotableFacts kUnknown{"unknown", "Something is not as it should be."};
  const auto at = static_cast<std::size_t>(notable);
  return at < kFacts.size() ? kFacts[at] : kUnknown;
}

}  // namespace millrace::firewall::inspection
