// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/naive_signatures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace millrace::testing {
namespace {

using namespace firewall::inspection;

using Code = std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)>;

Code code_of(const Pcre& pcre) {
  const std::uint32_t options =
      (pcre.caseless ? PCRE2_CASELESS : 0U) | (pcre.multi_line ? PCRE2_MULTILINE : 0U) |
      (pcre.dot_all ? PCRE2_DOTALL : 0U) | (pcre.extended ? PCRE2_EXTENDED : 0U) |
      (pcre.anchored ? PCRE2_ANCHORED : 0U) | (pcre.dollar_end ? PCRE2_DOLLAR_ENDONLY : 0U) |
      (pcre.ungreedy ? PCRE2_UNGREEDY : 0U);
  int error = 0;
  PCRE2_SIZE at = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pcre.pattern.data()), pcre.pattern.size(), options,
                          &error, &at, nullptr),
            &pcre2_code_free);
  if (!code) throw std::runtime_error("not an expression: " + pcre.pattern);
  return code;
}

struct Span {
  std::size_t begin;
  std::size_t end;
};

std::optional<Span> regex_match(const pcre2_code* code, const std::string& in, std::size_t from) {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free);
  const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(in.data()), in.size(), from, PCRE2_NO_JIT,
                                data.get(), nullptr);
  if (found < 0) return std::nullopt;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
  return Span{std::min(ends[0], ends[1]), ends[1]};
}

using Values = std::array<std::uint64_t, kMostVariables>;

// One buffer's tests.
class Trial {
 public:
  Trial(const BufferTests& tests, const NaiveBuffer& buffer, Values& values)
      : tests_(tests.tests),
        bytes_(buffer.bytes),
        undecided_(buffer.grows && tests.buffer != Buffer::kPayload),
        values_(values) {}

  bool from(std::size_t test, std::size_t place) {
    if (test == tests_.size()) return true;
    return std::visit([&](const auto& what) { return one(test, place, what); }, tests_[test]);
  }

 private:
  std::int64_t value(const Number& number) const {
    return number.variable < 0
               ? number.value
               : static_cast<std::int64_t>(values_[static_cast<std::size_t>(number.variable)]);
  }
  std::int64_t size() const { return static_cast<std::int64_t>(bytes_.size()); }

  // All places where the content begins, by looking at each.
  std::vector<std::int64_t> places(const Content& content, std::size_t place, bool& cut) const {
    std::int64_t begin = 0;
    std::int64_t end = INT64_MAX / 2;
    if (content.distance || content.within) {
      begin = static_cast<std::int64_t>(place) + (content.distance ? value(*content.distance) : 0);
      if (content.within) end = begin + value(*content.within);
    }
    const std::int64_t offset = content.offset ? value(*content.offset) : 0;
    if (content.depth) end = std::min(end, offset + value(*content.depth));
    begin = std::max({begin, offset, std::int64_t{0}});
    cut = end > size();
    end = std::min(end, size());
    std::vector<std::int64_t> all;
    const auto same = [&](char a, char b) {
      return content.caseless
                 ? std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b))
                 : a == b;
    };
    while (begin < end) {
      const auto last = bytes_.begin() + end;
      const auto found =
          std::search(bytes_.begin() + begin, last, content.bytes.begin(), content.bytes.end(), same);
      if (found == last) break;
      begin = found - bytes_.begin();
      const bool at_end = begin + static_cast<std::int64_t>(content.bytes.size()) == size();
      if (!content.ends_buffer || at_end) all.push_back(begin);
      ++begin;
    }
    return all;
  }

  bool one(std::size_t test, std::size_t place, const Content& content) {
    bool cut = false;
    const std::vector<std::int64_t> all = places(content, place, cut);
    if (content.negated) {
      if (!all.empty() || (undecided_ && cut)) return false;
      return from(test + 1, place);
    }
    if (content.ends_buffer && undecided_) return false;
    return std::ranges::any_of(all, [&](std::int64_t at) {
      return from(test + 1, static_cast<std::size_t>(at) + content.bytes.size());
    });
  }

  bool one(std::size_t test, std::size_t place, const Pcre& pcre) {
    const Code code = code_of(pcre);
    const std::size_t base = pcre.relative ? place : 0;
    const std::string in = bytes_.substr(base);
    if (pcre.negated) return !regex_match(code.get(), in, 0) && !undecided_ && from(test + 1, place);
    for (std::size_t start = 0; start <= in.size();) {
      const auto found = regex_match(code.get(), in, start);
      if (!found) return false;
      if (from(test + 1, base + found->end)) return true;
      start = std::max(start, found->begin) + 1;
    }
    return false;
  }

  bool one(std::size_t test, std::size_t place, const IsDataAt& at) {
    const std::int64_t wanted = value(at.at);
    const bool there = at.relative ? static_cast<std::int64_t>(place) + wanted <= size() : wanted < size();
    if (at.negated) return !there && !undecided_ && from(test + 1, place);
    return there && from(test + 1, place);
  }

  bool one(std::size_t test, std::size_t place, const Length& length) {
    return !undecided_ && bytes_.size() >= length.least && bytes_.size() <= length.most &&
           from(test + 1, place);
  }

  struct Read {
    std::uint64_t value;
    std::int64_t end;
  };
  std::optional<Read> read(const Numeral& numeral, std::size_t place) const {
    const std::int64_t begin =
        value(numeral.offset) + (numeral.relative ? static_cast<std::int64_t>(place) : 0);
    if (begin < 0 || begin + numeral.bytes > size()) return std::nullopt;
    std::string text =
        bytes_.substr(static_cast<std::size_t>(begin), numeral.bytes == 0 ? kMostDigits : numeral.bytes);
    if (numeral.bytes == 0 && text.size() < kMostDigits && undecided_) return std::nullopt;
    if (numeral.base != 0) {
      char* end = nullptr;
      errno = 0;
      const std::uint64_t parsed = std::strtoull(text.c_str(), &end, numeral.base);
      if (end == text.c_str() || errno == ERANGE) return std::nullopt;
      return Read{parsed, begin + (end - text.c_str())};
    }
    if (numeral.little_endian) std::ranges::reverse(text);
    std::uint64_t number = 0;
    for (const char c : text) number = number * 256 + static_cast<unsigned char>(c);
    return Read{number, begin + numeral.bytes};
  }
  static std::uint64_t under(std::uint64_t number, std::uint64_t mask) {
    if (mask == 0) return number;
    number &= mask;
    for (; mask % 2 == 0; mask /= 2) number /= 2;
    return number;
  }
  static std::uint64_t aligned(std::uint64_t number, unsigned to) {
    while (to != 0 && number % to != 0) ++number;
    return number;
  }

  bool one(std::size_t test, std::size_t place, const ByteTest& byte_test) {
    const auto got = read(byte_test.numeral, place);
    if (!got) return false;
    const std::uint64_t a = under(got->value, byte_test.mask);
    const auto b = static_cast<std::uint64_t>(value(byte_test.value));
    using Operator = ByteTest::Operator;
    const std::map<Operator, bool> results{{Operator::kLess, a < b},          {Operator::kGreater, a > b},
                                           {Operator::kEqual, a == b},        {Operator::kLessEqual, a <= b},
                                           {Operator::kGreaterEqual, a >= b}, {Operator::kAnd, (a & b) != 0},
                                           {Operator::kXor, (a ^ b) != 0}};
    return results.at(byte_test.operation) != byte_test.negated && from(test + 1, place);
  }

  bool one(std::size_t test, std::size_t place, const ByteJump& jump) {
    const auto got = read(jump.numeral, place);
    if (!got || (jump.from_end && undecided_)) return false;
    const std::uint64_t distance =
        aligned(under(got->value, jump.mask) * jump.multiplier, jump.align ? 4 : 0);
    if (distance > 1'000'000) return false;  // past any buffer of the tests
    std::int64_t target = static_cast<std::int64_t>(distance) + jump.post_offset;
    if (jump.from_end) {
      target += size();
    } else if (!jump.from_beginning) {
      target += got->end;
    }
    return target >= 0 && target < size() && from(test + 1, static_cast<std::size_t>(target));
  }

  bool one(std::size_t test, std::size_t place, const ByteExtract& extract) {
    const auto got = read(extract.numeral, place);
    if (!got) return false;
    values_[static_cast<std::size_t>(extract.variable)] =
        aligned(under(got->value, extract.mask) * extract.multiplier, extract.align);
    return from(test + 1, static_cast<std::size_t>(got->end));
  }

  const std::vector<Test>& tests_;
  const std::string& bytes_;
  bool undecided_;
  Values& values_;
};

}  // namespace

bool naively_holds(const Signature& signature, const NaiveBuffers& buffers) {
  Values values{};
  return std::ranges::all_of(signature.buffers, [&](const BufferTests& tests) {
    const auto buffer = buffers.find(tests.buffer);
    return buffer != buffers.end() && Trial(tests, buffer->second, values).from(0, 0);
  });
}

}  // namespace millrace::testing
