// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/regex.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>
#include <x86intrin.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace millrace::firewall::inspection {
namespace {

constexpr const char* kCompileRegex = "compile an expression";

// It does not grow at run time: it has its full size from the beginning.
constexpr std::size_t kStackBytes = std::size_t{256} << 10;

std::uint32_t options_of(const Pcre& pcre) {
  std::uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_UCP | PCRE2_USE_OFFSET_LIMIT;
  if (pcre.caseless) options |= PCRE2_CASELESS;
  if (pcre.multi_line) options |= PCRE2_MULTILINE;
  if (pcre.dot_all) options |= PCRE2_DOTALL;
  if (pcre.extended) options |= PCRE2_EXTENDED;
  if (pcre.anchored) options |= PCRE2_ANCHORED;
  if (pcre.dollar_end) options |= PCRE2_DOLLAR_ENDONLY;
  if (pcre.ungreedy) options |= PCRE2_UNGREEDY;
  return options;
}

std::string words_of(int error) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(error, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

}  // namespace

void RegexRoom::Free::operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
void RegexRoom::Free::operator()(pcre2_match_context* context) const noexcept {
  pcre2_match_context_free(context);
}
void RegexRoom::Free::operator()(pcre2_jit_stack* stack) const noexcept { pcre2_jit_stack_free(stack); }
void Regex::Free::operator()(pcre2_code* code) const noexcept { pcre2_code_free(code); }

Result<RegexRoom> RegexRoom::make() {
  RegexRoom room;
  room.stack_.reset(pcre2_jit_stack_create(kStackBytes, kStackBytes, nullptr));
  room.context_.reset(pcre2_match_context_create(nullptr));
  room.data_.reset(pcre2_match_data_create(1, nullptr));
  if (!room.stack_ || !room.context_ || !room.data_)
    return failure("make room for expressions", "there is no memory");
  pcre2_set_match_limit(room.context_.get(), kMostBacktracking);
  pcre2_jit_stack_assign(room.context_.get(), nullptr, room.stack_.get());
  return room;
}

Result<Regex::Code> Regex::read(const Pcre& pcre) {
  int error = 0;
  PCRE2_SIZE at = 0;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pcre.pattern.data()), pcre.pattern.size(),
                          options_of(pcre), &error, &at, nullptr));
  if (!code) return failure(kCompileRegex, fmt::format("{} (at character {})", words_of(error), at + 1));
  return code;
}

Result<void> Regex::check(const Pcre& pcre) {
  return read(pcre).map([](const Code&) {});
}

Result<Regex> Regex::compile(const Pcre& pcre) {
  Regex made;
  auto code = read(pcre);
  if (!code) return tl::unexpected(std::move(code.error()));
  made.code_ = std::move(*code);
  const int error = pcre2_jit_compile(made.code_.get(), PCRE2_JIT_COMPLETE);
  if (error != 0) return failure(kCompileRegex, words_of(error));
  std::size_t machine_code = 0;
  pcre2_pattern_info(made.code_.get(), PCRE2_INFO_JITSIZE, &machine_code);
  made.at_once_ = pcre.anchored || pcre.pattern.find("\\G") != std::string::npos;
  if (machine_code == 0) return failure(kCompileRegex, "PCRE2 makes no machine code of it");
  return made;
}

Regex::Outcome Regex::find_in(Bytes in, std::size_t from, std::size_t last, const RegexRoom& room,
                              Place& place) const noexcept {
  static constexpr std::uint8_t kNothing = 0;
  const std::uint8_t* subject = in.empty() ? &kNothing : in.data();
  pcre2_set_offset_limit(room.context_.get(), last);
  const int found =
      pcre2_jit_match(code_.get(), subject, in.size(), from, 0, room.data_.get(), room.context_.get());
  if (found == PCRE2_ERROR_NOMATCH) return Outcome::kNone;
  if (found < 0) return Outcome::kTooLong;
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(room.data_.get());
  place = {std::min(ends[0], ends[1]), ends[1]};  // \K in an assertion may set the beginning behind the end
  return Outcome::kFound;
}

Regex::Outcome Regex::find(Bytes in, std::size_t from, const RegexRoom& room, Place& place) const noexcept {
  constexpr std::size_t kFirstStep = 256;
  constexpr std::size_t kLeastStep = 64;
  // Both at once are slow; and once may be the machine's doing.
  constexpr std::uint64_t kSlowCycles = 1'000'000;
  constexpr std::uint64_t kSlowCyclesPerByte = 1000;
  constexpr unsigned kMostSlow = 3;

  if (at_once_) return find_in(in, from, in.size(), room, place);
  unsigned slow = 0;
  for (std::size_t step = kFirstStep;;) {
    const std::size_t last = std::min(from + step - 1, in.size());
    const std::uint64_t begin = __rdtsc();
    const Outcome outcome = find_in(in, from, last, room, place);
    const std::uint64_t cycles = __rdtsc() - begin;
    if (outcome != Outcome::kNone || last == in.size()) return outcome;
    if (cycles > kSlowCycles && cycles / (last + 1 - from) > kSlowCyclesPerByte) {
      if (++slow == kMostSlow) return Outcome::kTooLong;
      step = std::max(step / 2, kLeastStep);
    } else {
      step *= 2;
    }
    from = last + 1;
  }
}

}  // namespace millrace::firewall::inspection
