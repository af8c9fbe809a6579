// SPDX-License-Identifier: BSD-3-Clause
// Runs a program to its end and keeps what it wrote.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace millrace::test {

struct Finished {
  int status = -1;  // as it exited; 128 + the signal that killed it
  std::string out;
  std::string err;
};

// `environment` ("NAME=value") is added to our own; "NAME" alone removes. The program is looked for in PATH.
[[nodiscard]] Finished run_program(const std::vector<std::string>& command,
                                   const std::vector<std::string>& environment = {},
                                   const std::string& input = {});

// A program on a terminal of its own.
class OnTerminal {
 public:
  OnTerminal(const std::vector<std::string>& command, const std::vector<std::string>& environment);
  ~OnTerminal();
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  // Reads until `text` has been written, or the end; true when it was.
  bool read_until(const std::string& text);
  void interrupt();  // SIGINT
  // Reads to the end.
  [[nodiscard]] int wait();
  [[nodiscard]] const std::string& output() const { return output_; }

 private:
  bool read_some();

  pid_t pid_ = -1;
  int terminal_ = -1;
  std::string output_;
};

}  // namespace millrace::test
