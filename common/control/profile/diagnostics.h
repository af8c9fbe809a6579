// SPDX-License-Identifier: BSD-3-Clause
// What is wrong with a profile, and where: every error of a file is collected, none ends the reading.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace millrace::control {

// A place in a text file. Lines and columns count from 1, columns in characters; line 0 is "nowhere".
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  constexpr auto operator<=>(const Position&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
  [[nodiscard]] constexpr bool known() const noexcept { return line != 0; }
};

// A value that a later check may have to point at. The position is unknown when the value is a default.
template <class T>
struct Located {
  T value{};
  Position at;

  // The place is not part of the value.
  friend constexpr bool operator==(const Located& a, const Located& b) { return a.value == b.value; }
  constexpr const T& operator*() const noexcept { return value; }
  constexpr const T* operator->() const noexcept { return &value; }
};

struct Diagnostic {
  std::string file;
  Position at;
  std::string message;  // "burst: 128 is out of range; give an integer from 1 to 64"

  bool operator==(const Diagnostic&) const = default;
  // "fw.yaml:31:18: message"; the file alone when the trouble has no place in it.
  [[nodiscard]] std::string to_string() const;
};

// Collects the errors of one load. Beyond kMost only their number is kept: hostile input chooses the count.
class Diagnostics {
 public:
  static constexpr std::size_t kMost = 1000;

  explicit Diagnostics(std::string file = {}) : file_(std::move(file)) {}

  // An error in the profile itself.
  void error(Position at, std::string message) { error(file_, at, std::move(message)); }
  // An error in a file that the profile names.
  void error(std::string_view file, Position at, std::string message);

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] const std::string& file() const noexcept { return file_; }
  // As found; sort() orders them by place: the profile's first, then those of the files it names.
  [[nodiscard]] const std::vector<Diagnostic>& entries() const noexcept { return entries_; }
  void sort();
  // One line each, ended by a newline, and a last line when some were left out.
  [[nodiscard]] std::string to_string() const;

 private:
  std::string file_;
  std::vector<Diagnostic> entries_;
  std::size_t left_out_ = 0;
};

// What a load gives: the value, or all that is wrong with the text.
template <class T>
using Checked = tl::expected<T, Diagnostics>;

}  // namespace millrace::control
