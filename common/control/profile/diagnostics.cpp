// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/diagnostics.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

namespace millrace::control {

std::string Diagnostic::to_string() const {
  if (!at.known()) return fmt::format("{}: {}", file, message);
  return fmt::format("{}:{}:{}: {}", file, at.line, at.column, message);
}

void Diagnostics::error(std::string_view file, Position at, std::string message) {
  if (entries_.size() >= kMost) {
    ++left_out_;
    return;
  }
  entries_.push_back({std::string(file), at, std::move(message)});
}

void Diagnostics::sort() {
  std::ranges::stable_sort(entries_, [this](const Diagnostic& a, const Diagnostic& b) {
    return std::tuple(a.file != file_, std::string_view(a.file), a.at) <
           std::tuple(b.file != file_, std::string_view(b.file), b.at);
  });
}

std::string Diagnostics::to_string() const {
  std::string text;
  for (const Diagnostic& entry : entries_) text += entry.to_string() + "\n";
  if (left_out_ > 0) text += fmt::format("{}: {} further errors are not shown\n", file_, left_out_);
  return text;
}

}  // namespace millrace::control
