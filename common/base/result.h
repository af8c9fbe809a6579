// SPDX-License-Identifier: BSD-3-Clause
// The return type of everything on the control path that can fail.
#pragma once

#include <string>
#include <system_error>
#include <tl/expected.hpp>
#include <utility>

namespace millrace {

// What a person needs to mend the trouble: what was attempted, why it failed, and where it was asked for.
struct Error {
  std::string attempt;  // "open port inside"
  std::string reason;   // "no device named eth7"
  std::string where;    // "fw.yaml:12:11", or empty when no file asked for it

  [[nodiscard]] std::string message() const {
    std::string text = where.empty() ? "" : where + ": ";
    text += attempt;
    if (!reason.empty()) text += ": " + reason;
    return text;
  }
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> failure(std::string attempt, std::string reason = {},
                                                   std::string where = {}) {
  return tl::unexpected<Error>(Error{std::move(attempt), std::move(reason), std::move(where)});
}

// What the system calls an error of its own; for any thread, which strerror() is not.
[[nodiscard]] inline std::string errno_text(int error) { return std::generic_category().message(error); }

}  // namespace millrace
