// SPDX-License-Identifier: BSD-3-Clause
// Makes ThreatLists of the text of files. Control thread. What has not changed since the lists before is
// shared with them, so that a list that is reloaded takes memory twice for itself alone, and until the
// workers are done with the old one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/siphash.h"
#include "vnfs/firewall/inspection/threat_lists.h"

namespace millrace::firewall::inspection {

inline constexpr std::size_t kMostListEntries = 4'000'000;
inline constexpr std::size_t kMostListBytes = std::size_t{512} << 20U;
inline constexpr std::size_t kMostToldLines = 8;

struct ThreatListFile {
  std::string name;
  ListKind kind = ListKind::kAddress;
  std::uint8_t action = 0;  // the caller's own, as is the next
  std::uint8_t severity = 0;
  std::string_view text;  // no longer needed afterwards
  std::string path;       // for messages
};

// One list, for those that read one file at a time. A list with bad lines holds the others; one that has
// nothing but bad lines, or more than there is memory for, is an error. An empty one is not.
[[nodiscard]] Result<ThreatLists::Member> load_threat_list(const ThreatListFile& file, const SipKey& seed,
                                                           const ThreatLists* before = nullptr);

// All of them, in this order, or the first error. `seed` is secret; lists are shared with `before` when it
// has the same.
[[nodiscard]] Result<ThreatLists> load_threat_lists(std::span<const ThreatListFile> files, const SipKey& seed,
                                                    const ThreatLists* before = nullptr);

// "FILE:LINE: what is wrong, and what would be right" for the first bad lines of a list, and how many more
// there are.
[[nodiscard]] std::vector<std::string> warnings_of(const ThreatList& list, std::string_view path);

}  // namespace millrace::firewall::inspection
