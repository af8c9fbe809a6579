// SPDX-License-Identifier: BSD-3-Clause
// Random signatures over random bytes in random pieces, beside a matcher that tries everything: a signature
// hits at the first call at which it holds, and at no other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/naive_signatures.h"
#include "tests/support/signature_bed.h"

namespace millrace::firewall::inspection {

// Any number from `least` to `most`.
using Choose = std::function<std::int64_t(std::int64_t least, std::int64_t most)>;

inline constexpr std::string_view kAlphabet = "abAB1\n";

class SignatureGenerator {
 public:
  explicit SignatureGenerator(Choose choose) : choose_(std::move(choose)) {}

  std::int64_t upto(std::int64_t least, std::int64_t most) { return choose_(least, most); }
  bool one_in(int n) { return upto(1, n) == 1; }
  std::string text(std::int64_t least, std::int64_t most) {
    std::string made(static_cast<std::size_t>(upto(least, most)), ' ');
    for (char& c : made) c = kAlphabet[static_cast<std::size_t>(upto(0, kAlphabet.size() - 1))];
    return made;
  }

  Signature signature(std::uint32_t id) {
    Signature made;
    made.protocol = 6;
    made.id = id;
    extracted_ = false;
    for (const Buffer buffer : {Buffer::kPayload, Buffer::kHttpUri, Buffer::kHttpRequestBody}) {
      if (one_in(buffer == Buffer::kPayload ? 2 : 3)) made.buffers.push_back({buffer, tests()});
    }
    if (made.buffers.empty()) made.buffers.push_back({Buffer::kPayload, tests()});
    if (one_in(8)) made.flow.only_stream = true;
    return made;
  }

 private:
  std::vector<Test> tests() {
    std::vector<Test> made;
    for (std::int64_t count = upto(1, 5); count > 0; --count) made.push_back(test(!made.empty()));
    return made;
  }
  Number some(std::int64_t least, std::int64_t most) {
    if (extracted_ && one_in(3)) return variable(0);
    return number(upto(least, most));
  }
  Test test(bool may_be_relative) {
    switch (upto(0, 12)) {
      case 0:
        return IsDataAt{some(0, 20), may_be_relative && one_in(2), one_in(2)};
      case 1:
        return byte_test(may_be_relative);
      case 2:
        return ByteJump{.numeral = numeral(may_be_relative),
                        .multiplier = static_cast<std::uint32_t>(upto(1, 2)),
                        .post_offset = static_cast<std::int32_t>(upto(-60, 3)),
                        .from_beginning = one_in(3),
                        .from_end = one_in(4),
                        .align = one_in(3),
                        .mask = one_in(3) ? 0x0eU : 0U};
      case 3:
        extracted_ = true;
        return ByteExtract{.numeral = numeral(may_be_relative),
                           .variable = 0,
                           .align = static_cast<std::uint8_t>(one_in(3) ? 4 : 0),
                           .mask = one_in(2) ? 0x07U : 0U};
      case 4:
        return Length{static_cast<std::uint64_t>(upto(0, 20)), static_cast<std::uint64_t>(upto(20, 60))};
      case 5:
      case 6:
        return pcre(may_be_relative);
      default:
        return content(may_be_relative);
    }
  }
  Content content(bool may_be_relative) {
    Content made;
    made.bytes = one_in(20) ? text(30, 40) : text(1, 4);
    made.negated = one_in(5);
    made.caseless = one_in(3);
    made.fast_pattern = !made.negated && one_in(6);
    made.ends_buffer = one_in(10);
    if (may_be_relative && one_in(2)) {
      if (one_in(2)) made.distance = some(-5, 8);
      if (!made.distance || one_in(2)) made.within = some(1, 12);
    } else {
      if (one_in(4)) made.offset = some(0, 12);
      if (one_in(4)) made.depth = some(2, 20);
    }
    return made;
  }
  Numeral numeral(bool may_be_relative) {
    const bool written = one_in(3);
    return {.bytes = static_cast<std::uint8_t>(written ? upto(0, 5) : upto(1, 2)),
            .little_endian = one_in(2),
            .base = static_cast<std::uint8_t>(written ? (one_in(2) ? 16 : 10) : 0),
            .offset = some(-3, 6),
            .relative = may_be_relative && one_in(2)};
  }
  ByteTest byte_test(bool may_be_relative) {
    return {.numeral = numeral(may_be_relative),
            .operation = static_cast<ByteTest::Operator>(upto(0, 6)),
            .negated = one_in(3),
            .value = some(0, 100),
            .mask = one_in(4) ? 0x3cU : 0U};
  }
  Pcre pcre(bool may_be_relative) {
    static const std::vector<std::string> kPatterns{
        "a.b", "^a", "b$", "(?<=a)b", "(a|b)\\1", "1+A", "[^a]b+", "(?!ab)a", "b*?", "\\Aa|1", "^B", "a\\Kb"};
    Pcre made;
    made.pattern =
        kPatterns[static_cast<std::size_t>(upto(0, static_cast<std::int64_t>(kPatterns.size()) - 1))];
    made.negated = one_in(4);
    made.relative = may_be_relative && one_in(2);
    made.caseless = one_in(4);
    made.multi_line = one_in(3);
    made.dot_all = one_in(4);
    made.anchored = one_in(8);
    made.dollar_end = one_in(8);
    made.ungreedy = one_in(8);
    return made;
  }

  Choose choose_;
  bool extracted_ = false;
};

// A message on a stream: the payload grows with each call, the URI comes at one of them, the body begins at
// one and is complete at another or never.
class Traffic {
 public:
  explicit Traffic(SignatureGenerator& generate)
      : generate_(generate),
        payload_(generate.text(0, 90)),
        uri_(generate.text(0, 30)),
        body_(generate.text(0, 60)),
        uri_at_(generate.upto(1, 6)),
        body_at_(generate.upto(1, 6)) {}

  bool done() const { return call_ > 10; }
  testing::NaiveBuffers step() {
    ++call_;
    const auto grow = [&](std::size_t& sent, const std::string& all) {
      if (!generate_.one_in(3))
        sent = std::min(all.size(), sent + static_cast<std::size_t>(generate_.upto(0, 25)));
      if (call_ > 8) sent = all.size();
    };
    grow(payload_sent_, payload_);
    testing::NaiveBuffers now{{Buffer::kPayload, {payload_.substr(0, payload_sent_), call_ < 10}}};
    if (call_ >= uri_at_) now[Buffer::kHttpUri] = {uri_, false};
    if (call_ >= body_at_) {
      grow(body_sent_, body_);
      now[Buffer::kHttpRequestBody] = {body_.substr(0, body_sent_), call_ < 10};
    }
    return now;
  }

 private:
  SignatureGenerator& generate_;
  std::string payload_;
  std::string uri_;
  std::string body_;
  std::int64_t uri_at_;
  std::int64_t body_at_;
  std::size_t payload_sent_ = 0;
  std::size_t body_sent_ = 0;
  std::int64_t call_ = 0;
};

inline std::string described(const testing::NaiveBuffers& buffers) {
  std::string text;
  for (const auto& [buffer, what] : buffers)
    text += std::to_string(static_cast<int>(buffer)) + (what.grows ? " (grows): " : ": ") + what.bytes + "\n";
  return text;
}

struct Tally {
  std::size_t hits = 0;
  std::size_t late = 0;        // not at the first call
  std::size_t scan_again = 0;  // sessions
  std::size_t cut_short = 0;   // sessions: too much work, too many hits
};

// Plays one session. Empty, or what went wrong.
inline std::string difference(SignatureBed& bed, const std::map<std::uint32_t, Signature>& by_id,
                              Traffic traffic, Tally& tally) {
  bed.next_session();
  std::set<std::uint32_t> hit;
  testing::NaiveBuffers before;
  bool scans_again = false;
  for (bool first = true; !traffic.done(); first = false) {
    const testing::NaiveBuffers now = traffic.step();
    std::set<std::uint32_t> expected;
    for (const auto& [id, signature] : by_id) {
      if (!hit.contains(id) && testing::naively_holds(signature, now)) expected.insert(id);
    }
    for (const auto& [buffer, what] : now) {
      const auto old = before.find(buffer);
      bed.parts.set(buffer, bytes_of(what.bytes), what.grows);
      if (old == before.end() || old->second.bytes != what.bytes || old->second.grows != what.grows)
        bed.subject.fresh |= bit(buffer);
    }
    const auto found = bed.ids();
    if (bed.outcome.exhausted || bed.hits.more != 0) {
      ++tally.cut_short;
      return {};
    }
    // Of more signatures than the state has room for some hit again.
    std::set<std::uint32_t> found_first;
    std::ranges::copy_if(found, std::inserter(found_first, found_first.end()),
                         [&](std::uint32_t id) { return !hit.contains(id); });
    if (by_id.size() <= MatchState::kMostFired && found.size() != found_first.size()) return "it hits twice";
    std::set<std::uint32_t> wrong;
    std::ranges::set_symmetric_difference(found_first, expected, std::inserter(wrong, wrong.end()));
    if (!wrong.empty())
      return "signature " + std::to_string(*wrong.begin()) +
             (expected.contains(*wrong.begin()) ? " is not found\n" : " is found\n") + described(now);
    hit.merge(expected);
    tally.hits += found_first.size();
    tally.late += first ? 0 : found_first.size();
    scans_again = scans_again || bed.state.scan_again;
    before = now;
  }
  tally.scan_again += scans_again ? 1 : 0;
  return {};
}

}  // namespace millrace::firewall::inspection
