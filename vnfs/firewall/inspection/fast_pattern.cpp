// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/fast_pattern.h"

#include <algorithm>
#include <bitset>
#include <cctype>

#include "vnfs/firewall/inspection/byte_search.h"

namespace millrace::firewall::inspection {
namespace {

// How unlikely it is: rare bytes count more, repeated ones hardly.
unsigned strength_of(const std::string& bytes) {
  std::bitset<256> seen;
  unsigned strength = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (seen[byte]) {
      strength += 1;
    } else if (std::isalpha(byte) != 0) {
      strength += 3;
    } else if (std::isprint(byte) != 0 || byte <= 1 || byte == 0xff) {
      strength += 4;
    } else {
      strength += 6;
    }
    seen.set(byte);
  }
  return strength;
}

// What a few words fill says little of a message.
bool says_little(Buffer buffer) {
  switch (buffer) {
    case Buffer::kHttpMethod:
    case Buffer::kHttpProtocol:
    case Buffer::kHttpStatusCode:
    case Buffer::kHttpStatusMessage:
    case Buffer::kHttpHeaderNames:
    case Buffer::kHttpConnection:
      return true;
    default:
      return false;
  }
}

unsigned rank_of(Buffer buffer, unsigned strength) {
  constexpr unsigned kWeak = 12;
  if (strength < kWeak || says_little(buffer)) return 0;
  return buffer == Buffer::kPayload ? 1 : 2;
}

FastPattern pattern_of(const Content& content, std::size_t buffer, std::size_t test) {
  FastPattern pattern{.buffer = buffer, .test = test, .bytes = content.bytes, .caseless = content.caseless};
  // The end of a long one tells it from its like better than its beginning does.
  if (pattern.bytes.size() > FastPattern::kMostBytes)
    pattern.bytes.erase(0, pattern.bytes.size() - FastPattern::kMostBytes);
  if (pattern.caseless) {
    for (char& c : pattern.bytes) c = static_cast<char>(folded(static_cast<std::uint8_t>(c)));
  }
  constexpr std::int64_t kMost = 0xffffffff;
  const auto fixed = [](const std::optional<Number>& number) { return number && number->variable < 0; };
  if (content.offset && !fixed(content.offset)) return pattern;
  const std::int64_t offset = content.offset ? content.offset->value : 0;
  const auto length = static_cast<std::int64_t>(content.bytes.size());
  pattern.least_end = static_cast<std::uint32_t>(std::clamp<std::int64_t>(offset + length, 0, kMost));
  if (fixed(content.depth))
    pattern.most_end =
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(offset + content.depth->value, 0, kMost));
  return pattern;
}

}  // namespace

std::optional<FastPattern> fast_pattern_of(const Signature& signature) {
  std::optional<FastPattern> best;
  std::pair<unsigned, unsigned> best_rank;
  for (std::size_t i = 0; i < signature.buffers.size(); ++i) {
    const BufferTests& in = signature.buffers[i];
    for (std::size_t k = 0; k < in.tests.size(); ++k) {
      const auto* content = std::get_if<Content>(&in.tests[k]);
      if (content == nullptr || content->negated || content->bytes.empty()) continue;
      FastPattern pattern = pattern_of(*content, i, k);
      if (content->fast_pattern) return pattern;
      const unsigned strength = strength_of(pattern.bytes);
      const std::pair rank{rank_of(in.buffer, strength), strength};
      if (best && rank <= best_rank) continue;
      best = std::move(pattern);
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace millrace::firewall::inspection
