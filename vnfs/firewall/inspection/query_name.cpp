// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/query_name.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/big_endian.h"
#include "vnfs/firewall/inspection/dns_header.h"

namespace millrace::firewall::inspection {
namespace {

// The step from n * log2(n) to the next, for the entropy of bytes as they are counted.
// NOLINTNEXTLINE(cert-err58-cpp): arithmetic on an array does not throw
const std::array<float, QueryName::kLongest + 1> kSteps = []() noexcept {
  const auto term = [](std::size_t n) noexcept {
    return n == 0 ? 0.0F : static_cast<float>(n) * std::log2(static_cast<float>(n));
  };
  std::array<float, QueryName::kLongest + 1> table{};
  for (std::size_t n = 0; n < table.size(); ++n) table[n] = term(n + 1) - term(n);
  return table;
}();

// Where the label that ends at `end` begins.
std::size_t label_begin(Bytes name, std::size_t end) noexcept {
  while (end > 0 && name[end - 1] != '.') --end;
  return end;
}

std::size_t domain_begin(Bytes name) noexcept {
  const std::size_t top = label_begin(name, name.size());
  if (top == 0) return 0;
  std::size_t begin = label_begin(name, top - 1);
  // "co.uk", "com.au": a country whose second level is not what people register.
  const bool country = name.size() - top == 2 && top - 1 - begin <= 3;
  if (country && begin != 0) begin = label_begin(name, begin - 1);
  return begin;
}

std::uint8_t lower(std::uint8_t byte) noexcept {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20U) : byte;
}

}  // namespace

Bytes read_query_name(Bytes message, std::array<std::uint8_t, QueryName::kLongest>& text) noexcept {
  constexpr std::uint16_t kAnswerOrOperation = 0xf800;
  constexpr std::size_t kLongestLabel = 63;
  constexpr std::size_t kLongestText = QueryName::kLongest - 2;  // less the first length and the root
  Reader reader(message);
  const auto* const header = reader.read<DnsHeader>();
  if (header == nullptr || (header->flags.host() & kAnswerOrOperation) != 0 || header->questions.host() == 0)
    return {};
  std::size_t length = 0;
  for (;;) {
    const auto* const label = reader.read<std::uint8_t>();
    if (label == nullptr || *label > kLongestLabel) return {};
    if (*label == 0) return {text.data(), length};
    const Bytes bytes = reader.take(*label);
    if (length != 0) text[length++] = '.';
    if (bytes.empty() || length + bytes.size() > kLongestText) return {};
    std::copy(bytes.begin(), bytes.end(), text.begin() + static_cast<std::ptrdiff_t>(length));
    length += bytes.size();
  }
}

QueryName weigh_query_name(Bytes name) noexcept {
  if (!name.empty() && name.back() == '.') name = name.first(name.size() - 1);
  if (name.size() > QueryName::kLongest) name = name.last(QueryName::kLongest);
  const std::size_t begin = domain_begin(name);
  QueryName found{.domain = name.subspan(begin), .carried = 0, .longest = 0, .entropy_16 = 0};
  if (begin < QueryName::kLadenBytes) return found;
  std::array<std::uint8_t, 256> times{};
  std::uint16_t label = 0;
  float of_each = 0;  // the sum of n * log2(n) over the bytes' counts
  float of_all = 0;
  for (const std::uint8_t byte : name.first(begin)) {
    if (byte == '.') {
      label = 0;
      continue;
    }
    // Letters are the same in either case (RFC 4343), and some resolvers choose it at random.
    of_each += kSteps[times[lower(byte)]++];
    of_all += kSteps[found.carried++];
    found.longest = std::max(found.longest, ++label);
  }
  if (found.carried == 0) return found;
  const float entropy = (of_all - of_each) / static_cast<float>(found.carried);
  found.entropy_16 = static_cast<std::uint16_t>(std::max(0.0F, entropy) * 16);
  return found;
}

}  // namespace millrace::firewall::inspection
