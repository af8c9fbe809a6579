// SPDX-License-Identifier: BSD-3-Clause
// Lists of addresses and ports as headers write them: [a, !b, [c, d]], and any of them behind '!'.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "vnfs/firewall/inspection/signature_text.h"

namespace millrace::firewall::inspection {

// Each item is handed on as item(word, negated), which returns a Result<void>; a '!' before a list is about
// all that is in it. An error's attempt is the text it is about.
template <class Item>
[[nodiscard]] Result<void> for_each_item(std::string_view text, const Item& item, bool negated = false,
                                         int depth = 0) {
  constexpr int kMostDepth = 8;
  text = trimmed(text);
  while (text.starts_with('!')) {
    negated = !negated;
    text = trimmed(text.substr(1));
  }
  if (!text.starts_with('[')) return item(text, negated);
  if (!text.ends_with(']') || depth == kMostDepth) return failure(std::string(text), "brackets do not close");
  for (const std::string_view part : split(text.substr(1, text.size() - 2))) {
    if (part.empty()) return failure(std::string(text), "an entry is empty");
    if (auto done = for_each_item(part, item, negated, depth + 1); !done) return done;
  }
  return {};
}

}  // namespace millrace::firewall::inspection
