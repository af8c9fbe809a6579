// SPDX-License-Identifier: BSD-3-Clause
// A log file that lines are appended to.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace millrace::control {

class AppendFile {
 public:
  AppendFile() = default;
  ~AppendFile() { close(); }
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  // Makes it (mode 0640) when it is not there.
  Result<void> open(const std::string& path);
  void close() noexcept;
  // Whether the last line was cut off, by a crash or a disk that was full.
  [[nodiscard]] bool ends_in_mid_line() const noexcept;
  // How many bytes went in; 0 and errno when none did.
  [[nodiscard]] std::size_t append(std::string_view bytes) const noexcept;

 private:
  int fd_ = -1;
};

}  // namespace millrace::control
