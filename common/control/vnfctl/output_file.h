// SPDX-License-Identifier: BSD-3-Clause
// Where what an appliance sends is kept: a file, or standard output for "-".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

// A file is whole or not there: what comes is written to PATH.part, which takes the path's place at the end
// and is removed when that does not come. What is no file (a device, a pipe) is written to as it is.
class OutputFile {
 public:
  // Opened before the appliance is asked, so that a wrong path costs nothing. Failure: kUsage.
  explicit OutputFile(std::string path);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Failure: kUsage, with the reason the system gives.
  void write(std::string_view bytes);
  void finish();

  [[nodiscard]] bool is_standard_output() const noexcept { return path_ == "-"; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  [[noreturn]] void fail(int error) const;

  std::string path_;
  std::string part_;  // empty when there is none
  int fd_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace millrace::vnfctl
