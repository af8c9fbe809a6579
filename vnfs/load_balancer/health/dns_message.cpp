// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/dns_message.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "common/base/big_endian.h"

namespace millrace::load_balancer::health {
namespace {

// RFC 1035 section 4.1.1.
struct DnsHeader {
  be16 id;
  std::uint8_t flags;  // QR, opcode, AA, TC, RD
  std::uint8_t code;   // RA, Z, RCODE
  be16 questions;
  be16 answers;
  be16 authorities;
  be16 additional;
};
static_assert(sizeof(DnsHeader) == 12 && WireFormat<DnsHeader>);

constexpr std::uint8_t kResponse = 0x80;
constexpr std::uint8_t kRecursionDesired = 0x01;
constexpr std::uint8_t kCodeMask = 0x0f;
constexpr std::uint16_t kClassInternet = 1;
constexpr std::size_t kMostNameBytes = 255;
constexpr std::size_t kMostLabelBytes = 63;

void append(std::vector<std::uint8_t>& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

// Labels, each behind its length, and the root's empty one (section 3.1).
bool append_name(std::vector<std::uint8_t>& bytes, std::string_view name) {
  const std::size_t before = bytes.size();
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!name.empty()) {
    const std::size_t size = std::min(name.find('.'), name.size());
    if (size == 0 || size > kMostLabelBytes || size + 1 == name.size()) return false;
    bytes.push_back(static_cast<std::uint8_t>(size));
    bytes.insert(bytes.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(size));
    name.remove_prefix(std::min(size + 1, name.size()));
  }
  bytes.push_back(0);
  return bytes.size() - before <= kMostNameBytes;
}

// Servers may give a name back in other letters, as far as case goes.
std::uint8_t without_case(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c - 'A' + 'a') : c;
}

}  // namespace

std::vector<std::uint8_t> dns_query(std::uint16_t id, std::string_view name, DnsCheck::Type type) {
  DnsHeader header{};
  header.id = be16(id);
  header.flags = kRecursionDesired;
  header.questions = be16(1);
  std::vector<std::uint8_t> query(sizeof header);
  std::memcpy(query.data(), &header, sizeof header);
  if (name.empty() || !append_name(query, name)) return {};
  append(query, static_cast<std::uint16_t>(type));
  append(query, kClassInternet);
  return query;
}

std::optional<DnsAnswer> read_dns_answer(Bytes answer, Bytes query) {
  Reader asked(query);
  Reader told(answer);
  const auto* question = asked.read<DnsHeader>();
  const auto* header = told.read<DnsHeader>();
  if (question == nullptr || header == nullptr) return std::nullopt;
  if (header->id != question->id || (header->flags & kResponse) == 0) return std::nullopt;
  const unsigned code = header->code & kCodeMask;
  // Some servers leave the question out when they refuse it.
  if (header->questions.host() != 0 || code == 0) {
    const Bytes wanted = asked.rest();
    const Bytes repeated = told.take(wanted.size());
    const bool same =
        std::equal(wanted.begin(), wanted.end(), repeated.begin(), repeated.end(),
                   [](std::uint8_t a, std::uint8_t b) { return without_case(a) == without_case(b); });
    if (!same) return std::nullopt;
  }
  return DnsAnswer{.code = code, .records = header->answers.host()};
}

std::string dns_code_text(unsigned code) {
  constexpr std::array<std::string_view, 6> kNames = {"NOERROR",  "FORMERR", "SERVFAIL",
                                                      "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return code < kNames.size() ? std::string(kNames.at(code)) : fmt::format("RCODE {}", code);
}

}  // namespace millrace::load_balancer::health
