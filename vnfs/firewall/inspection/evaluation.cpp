// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/evaluation.h"

#include <algorithm>

#include "vnfs/firewall/inspection/numeral.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint64_t kCostOfCheck = 16;
constexpr std::uint64_t kCostOfRegex = 128;
// What took too much backtracking is not tried often.
constexpr std::uint64_t kCostOfGivingUp = std::uint64_t{64} * RegexRoom::kMostBacktracking;

// No buffer is as long, and sums of a few of them do not overflow.
constexpr std::int64_t kFar = std::int64_t{1} << 48;

std::int64_t clamped(std::int64_t value) noexcept { return std::clamp(value, -kFar, kFar); }

// Of a number that traffic holds.
std::int64_t clamped(std::uint64_t value) noexcept {
  return static_cast<std::int64_t>(std::min(value, std::uint64_t{kFar}));
}

}  // namespace

Evaluation::Step Evaluation::next(std::size_t check, std::size_t place) noexcept {
  if (check == checks_.checks.size()) {
    end_ = place;
    return Step::kHolds;
  }
  farthest_ = std::max(farthest_, check);
  if (!work_.spend(kCostOfCheck)) return Step::kFailsEver;
  return std::visit([&](const auto& test) noexcept { return one(check, place, test); },
                    checks_.checks[check]);
}

std::int64_t Evaluation::place_of(const Number& number) const noexcept {
  return number.variable < 0 ? clamped(number.value)
                             : clamped(variables_[static_cast<std::size_t>(number.variable)]);
}

std::size_t Evaluation::search(const Content& content, std::size_t from, std::size_t to) noexcept {
  if (to < from + content.bytes.size()) return kNowhere;
  const Bytes in = subject_.bytes.subspan(from, to - from);
  const std::size_t found = find_content(in, content);
  if (!work_.spend(found == kNowhere ? in.size() : found)) return kNowhere;
  return found == kNowhere ? kNowhere : from + found;
}

std::size_t Evaluation::missing() noexcept {
  const auto* content = std::get_if<Content>(&checks_.checks[farthest_]);
  if (content == nullptr || content->negated) return kNone;
  const bool nowhere = search(*content, 0, subject_.bytes.size()) == kNowhere;
  return nowhere && !work_.exhausted ? farthest_ : kNone;
}

Evaluation::Window Evaluation::window_of(const Content& content, std::size_t place) const noexcept {
  Window window{.begin = 0, .end = kFar * 4};
  if (content.relative()) {
    const std::int64_t begin =
        static_cast<std::int64_t>(place) + (content.distance ? place_of(*content.distance) : 0);
    window.begin = std::max<std::int64_t>(begin, 0);
    if (content.within) window.end = begin + place_of(*content.within);
  }
  const std::int64_t offset = content.offset ? place_of(*content.offset) : 0;
  window.begin = std::max(window.begin, offset);
  if (content.depth) window.end = std::min(window.end, offset + place_of(*content.depth));
  window.cut = window.end > size();
  window.end = std::min(window.end, size());
  return window;
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const Content& content) noexcept {
  const Window window = window_of(content, place);
  if (content.negated) return absent(at, place, content, window);
  if (content.ends_buffer) return at_end(at, content, window);
  if (window.begin <= window.end) {
    auto from = static_cast<std::size_t>(window.begin);
    for (;;) {
      const std::size_t found = search(content, from, static_cast<std::size_t>(window.end));
      if (found == kNowhere) break;
      const Step step = next(at + 1, found + content.bytes.size());
      if (step == Step::kHolds || step == Step::kFailsEver) return step;
      if (step == Step::kFailsAfter) return content.relative() ? step : failed(false);
      from = found + 1;
    }
  }
  more_may_help(window.cut);
  // Later places see a part of this window, unless it moves with them.
  if (content.relative() && !content.within && !checks_.uses_variables) return Step::kFailsAfter;
  return failed(content.relative());
}

Evaluation::Step Evaluation::absent(std::size_t at, std::size_t place, const Content& content,
                                    const Window& window) noexcept {
  const auto length = static_cast<std::int64_t>(content.bytes.size());
  std::int64_t begin = window.begin;
  if (content.ends_buffer) begin = std::max(begin, size() - length);
  // What has to be at the buffer's end is not there when the window ends before it.
  const bool reaches = window.end >= begin && (!content.ends_buffer || window.end == size());
  const bool found = reaches && search(content, static_cast<std::size_t>(begin),
                                       static_cast<std::size_t>(window.end)) != kNowhere;
  if (found) {
    more_may_help(content.ends_buffer);
    return failed(content.relative());
  }
  if (may_be_undone() && window.cut) {
    more_may_help();
    return failed(content.relative());
  }
  return next(at + 1, place);
}

Evaluation::Step Evaluation::at_end(std::size_t at, const Content& content, const Window& window) noexcept {
  const std::int64_t begin = size() - static_cast<std::int64_t>(content.bytes.size());
  const bool fits = window.end == size() && begin >= window.begin;
  if (fits && !may_be_undone() &&
      search(content, static_cast<std::size_t>(begin), subject_.bytes.size()) != kNowhere) {
    const Step step = next(at + 1, subject_.bytes.size());
    if (step != Step::kFails) return step;
  }
  more_may_help(window.cut || (fits && may_be_undone()));
  return failed(content.relative());
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const RegexCheck& check) noexcept {
  const std::size_t base = check.relative ? place : 0;
  const Bytes in = subject_.bytes.subspan(base);
  for (std::size_t from = 0; from <= in.size();) {
    if (!work_.spend(kCostOfRegex + in.size() - from)) return Step::kFailsEver;
    Regex::Place found;
    const Regex::Outcome outcome = check.regex.find(in, from, room_, found);
    if (outcome == Regex::Outcome::kTooLong) {
      ++work_.regexes_given_up;
      if (!work_.spend(kCostOfGivingUp)) return Step::kFailsEver;
    }
    if (outcome != Regex::Outcome::kFound) break;
    if (check.negated) {
      more_may_help();  // "$" may stand elsewhere then
      return failed(check.relative);
    }
    const Step step = next(at + 1, base + found.end);
    if (step == Step::kHolds || step == Step::kFailsEver) return step;
    from = std::max(from, found.begin) + 1;
  }
  if (check.negated && !may_be_undone()) return next(at + 1, place);
  more_may_help();
  return failed(check.relative);
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const IsDataAt& test) noexcept {
  const std::int64_t wanted = place_of(test.at);
  const bool there = test.relative ? static_cast<std::int64_t>(place) + wanted <= size() : wanted < size();
  if (there != test.negated) {
    if (!test.negated || !may_be_undone()) return next(at + 1, place);
  }
  more_may_help(!there);
  return failed(test.relative);
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const Length& length) noexcept {
  const std::uint64_t bytes = subject_.bytes.size();
  if (bytes >= length.least && bytes <= length.most && !may_be_undone()) return next(at + 1, place);
  more_may_help(bytes <= length.most);
  return failed(false);
}

bool Evaluation::read(const Numeral& numeral, std::size_t place, Numbered& number) noexcept {
  number.begin = (numeral.relative ? static_cast<std::int64_t>(place) : 0) + place_of(numeral.offset);
  if (number.begin < 0) return false;
  const bool open_ended = numeral.bytes == 0;
  std::int64_t length = open_ended ? kMostDigits : numeral.bytes;
  if (number.begin + length > size()) {
    more_may_help();
    length = size() - number.begin;
    if (!open_ended || length < 0 || may_be_undone()) return false;
  }
  const Bytes bytes =
      subject_.bytes.subspan(static_cast<std::size_t>(number.begin), static_cast<std::size_t>(length));
  const auto read = numeral.base == 0 ? std::optional(read_binary(bytes, numeral.little_endian))
                                      : read_digits(bytes, numeral.base);
  if (!read) return false;
  number.value = read->value;
  number.bytes = read->bytes;
  return true;
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const ByteTest& test) noexcept {
  Numbered number;
  if (!read(test.numeral, place, number)) return failed(test.numeral.relative);
  const std::uint64_t value = masked(number.value, test.mask);
  const std::uint64_t other = test.value.variable < 0
                                  ? static_cast<std::uint64_t>(test.value.value)
                                  : variables_[static_cast<std::size_t>(test.value.variable)];
  using Operator = ByteTest::Operator;
  const bool holds = [&]() noexcept {
    switch (test.operation) {
      case Operator::kLess:
        return value < other;
      case Operator::kGreater:
        return value > other;
      case Operator::kEqual:
        return value == other;
      case Operator::kLessEqual:
        return value <= other;
      case Operator::kGreaterEqual:
        return value >= other;
      case Operator::kAnd:
        return (value & other) != 0;
      case Operator::kXor:
        break;
    }
    return (value ^ other) != 0;
  }();
  return holds != test.negated ? next(at + 1, place) : failed(test.numeral.relative);
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const ByteJump& jump) noexcept {
  Numbered number;
  if (!read(jump.numeral, place, number)) return failed(jump.numeral.relative);
  std::uint64_t distance = masked(number.value, jump.mask) * jump.multiplier;
  if (jump.align) distance += (4 - distance % 4) % 4;
  // Too far in either direction is all the same.
  const std::int64_t way = clamped(distance) + jump.post_offset;
  std::int64_t target = way;
  if (jump.from_end) {
    target += size();
    more_may_help();  // it leads elsewhere then
  } else if (!jump.from_beginning) {
    target += number.begin + static_cast<std::int64_t>(number.bytes);
  }
  const bool inside = target >= 0 && target < size();
  if (inside && !(jump.from_end && may_be_undone())) {
    const Step step = next(at + 1, static_cast<std::size_t>(target));
    return step == Step::kFailsAfter ? failed(jump.numeral.relative) : step;
  }
  more_may_help(target >= 0);
  return failed(jump.numeral.relative);
}

Evaluation::Step Evaluation::one(std::size_t at, std::size_t place, const ByteExtract& extract) noexcept {
  Numbered number;
  if (!read(extract.numeral, place, number)) return failed(extract.numeral.relative);
  std::uint64_t value = masked(number.value, extract.mask) * extract.multiplier;
  if (extract.align != 0) value += (extract.align - value % extract.align) % extract.align;
  variables_[static_cast<std::size_t>(extract.variable)] = value;
  const auto end = static_cast<std::size_t>(number.begin) + number.bytes;
  return next(at + 1, end);
}

}  // namespace millrace::firewall::inspection
