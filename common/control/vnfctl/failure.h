// SPDX-License-Identifier: BSD-3-Clause
// How vnfctl ends.
#pragma once

#include <stdexcept>
#include <string>

namespace millrace::vnfctl {

enum ExitCode : int {
  kDone = 0,
  kRefused = 1,      // by the appliance, or what it says is bad news
  kUsage = 2,        // what was asked makes no sense
  kUnreachable = 3,  // no appliance, or no answer from it
};

// Ends the command with a message on standard error.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace millrace::vnfctl
