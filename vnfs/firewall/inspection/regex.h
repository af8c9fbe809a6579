// SPDX-License-Identifier: BSD-3-Clause
// One expression of a signature, translated to machine code by PCRE2.
#pragma once

#include <cstddef>
#include <memory>

#include "common/base/reader.h"
#include "common/base/result.h"
#include "vnfs/firewall/inspection/signature.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

namespace millrace::firewall::inspection {

// What a worker needs to run them. Made on the control thread; one worker's own.
class RegexRoom {
 public:
  // Of one attempt at one place: far more than an expression takes that is not made to take long.
  static constexpr std::uint32_t kMostBacktracking = 5'000;

  [[nodiscard]] static Result<RegexRoom> make();

 private:
  friend class Regex;
  struct Free {
    void operator()(pcre2_real_match_data_8* data) const noexcept;
    void operator()(pcre2_real_match_context_8* context) const noexcept;
    void operator()(pcre2_real_jit_stack_8* stack) const noexcept;
  };
  RegexRoom() = default;

  std::unique_ptr<pcre2_real_jit_stack_8, Free> stack_;
  std::unique_ptr<pcre2_real_match_context_8, Free> context_;
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
};

class Regex {
 public:
  // An expression that PCRE2 can not compile, or not to machine code, is an error.
  [[nodiscard]] static Result<Regex> compile(const Pcre& pcre);
  // Whether PCRE2 can read it, without the cost of machine code.
  [[nodiscard]] static Result<void> check(const Pcre& pcre);

  enum class Outcome : std::uint8_t {
    kFound,
    kNone,
    kTooLong,  // it took more backtracking, or more stack, than there is
  };
  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // The first match that begins at or behind `from`; what is before it is seen by assertions. Does not
  // allocate. Backtracking is limited for each beginning; so that all of them together do not take long
  // either, they are tried a few hundred at a time, and given up when they are slow again and again.
  [[nodiscard]] Outcome find(Bytes in, std::size_t from, const RegexRoom& room, Place& place) const noexcept;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const noexcept;
  };
  using Code = std::unique_ptr<pcre2_real_code_8, Free>;
  static Result<Code> read(const Pcre& pcre);
  // Of those that begin from `from` to `last`.
  [[nodiscard]] Outcome find_in(Bytes in, std::size_t from, std::size_t last, const RegexRoom& room,
                                Place& place) const noexcept;

  bool at_once_ = false;  // it means something else at another beginning
  Code code_;
};

}  // namespace millrace::firewall::inspection
