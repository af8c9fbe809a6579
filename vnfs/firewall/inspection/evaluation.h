// SPDX-License-Identifier: BSD-3-Clause
// Whether the tests of one signature hold in one buffer, as Suricata means them: each in the order they are
// written, a relative one behind what the test before it found, and when one does not hold, the next place
// where those before it do.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/checks.h"

namespace millrace::firewall::inspection {

// What the evaluations of one direction of a session may still cost, about one for each byte that is looked
// at.
struct Work {
  std::uint64_t left = 0;
  std::uint64_t regexes_given_up = 0;
  bool exhausted = false;

  void earn(std::uint64_t units, std::uint64_t most) noexcept { left = std::min(left + units, most); }
  [[nodiscard]] bool spend(std::uint64_t units) noexcept {
    if (units > left) {
      left = 0;
      exhausted = true;
      return false;
    }
    left -= units;
    return true;
  }
};

using Variables = std::array<std::uint64_t, kMostVariables>;

// The bytes a signature is judged on.
struct Subjected {
  Bytes bytes;
  bool grows = false;
  // Tests that more bytes could undo (something is not there, the buffer ends here) wait for the end of the
  // growth. Without it they are judged by what is there.
  bool waits_for_end = false;
};

class Evaluation {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  Evaluation(const BufferChecks& checks, const Subjected& subject, Variables& variables,
             const RegexRoom& room, Work& work) noexcept
      : checks_(checks), subject_(subject), variables_(variables), room_(room), work_(work) {}

  // Once.
  [[nodiscard]] bool holds() noexcept { return next(0, 0) == Step::kHolds; }

  // When they hold: behind what was found last.
  [[nodiscard]] std::size_t end() const noexcept { return end_; }
  // When they do not: whether they may with more bytes.
  [[nodiscard]] bool open() const noexcept { return open_; }
  // When they do not: a content of which there is nothing in the whole buffer, or kNone. As long as there is
  // not, they never hold.
  [[nodiscard]] std::size_t missing() noexcept;

 private:
  enum class Step : std::uint8_t {
    kHolds,
    kFails,       // behind this place
    kFailsAfter,  // behind this place and any later one
    kFailsEver,   // wherever the tests before found what they look for
  };
  struct Window {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool cut = false;  // it goes on past the bytes that are there
  };

  [[nodiscard]] Step next(std::size_t check, std::size_t place) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const Content& content) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const RegexCheck& check) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const IsDataAt& test) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const ByteTest& test) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const ByteJump& jump) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const ByteExtract& extract) noexcept;
  [[nodiscard]] Step one(std::size_t at, std::size_t place, const Length& length) noexcept;

  [[nodiscard]] Step absent(std::size_t at, std::size_t place, const Content& content,
                            const Window& window) noexcept;
  [[nodiscard]] Step at_end(std::size_t at, const Content& content, const Window& window) noexcept;
  [[nodiscard]] Window window_of(const Content& content, std::size_t place) const noexcept;
  [[nodiscard]] std::size_t search(const Content& content, std::size_t from, std::size_t to) noexcept;
  // False when it does not lie in the buffer, or is none.
  struct Numbered {
    std::uint64_t value = 0;
    std::int64_t begin = 0;
    std::size_t bytes = 0;
  };
  [[nodiscard]] bool read(const Numeral& numeral, std::size_t place, Numbered& number) noexcept;

  [[nodiscard]] std::int64_t place_of(const Number& number) const noexcept;
  [[nodiscard]] Step failed(bool relative) const noexcept {
    return relative || checks_.uses_variables ? Step::kFails : Step::kFailsEver;
  }
  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(subject_.bytes.size());
  }
  [[nodiscard]] bool may_be_undone() const noexcept { return subject_.grows && subject_.waits_for_end; }
  void more_may_help(bool when = true) noexcept { open_ = open_ || (when && subject_.grows); }

  const BufferChecks& checks_;
  const Subjected& subject_;
  Variables& variables_;
  const RegexRoom& room_;
  Work& work_;
  std::size_t end_ = 0;
  std::size_t farthest_ = 0;
  bool open_ = false;
};

}  // namespace millrace::firewall::inspection
