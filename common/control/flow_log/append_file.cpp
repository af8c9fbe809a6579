// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/append_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::control {

Result<void> AppendFile::open(const std::string& path) {
  close();
  // Readable too, to see how it ends. Never waiting: the path may be a pipe.
  fd_ = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
  if (fd_ < 0) return failure("open " + path, errno_text(errno));
  return {};
}

void AppendFile::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

bool AppendFile::ends_in_mid_line() const noexcept {
  struct stat info {};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return false;
  char last = '\n';
  return ::pread(fd_, &last, 1, info.st_size - 1) == 1 && last != '\n';
}

std::size_t AppendFile::append(std::string_view bytes) const noexcept {
  for (;;) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) return 0;
  }
}

}  // namespace millrace::control
