// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/output_file.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/result.h"
#include "common/control/vnfctl/failure.h"

namespace millrace::vnfctl {

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (is_standard_output()) {
    fd_ = STDOUT_FILENO;
    return;
  }
  struct stat found {};
  const bool exists = ::stat(path_.c_str(), &found) == 0;
  if (!exists || S_ISREG(found.st_mode)) part_ = path_ + ".part";
  const std::string& opened = part_.empty() ? path_ : part_;
  fd_ = ::open(opened.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ >= 0) return;
  const int error = errno;
  part_.clear();
  fail(error);
}

OutputFile::~OutputFile() {
  if (fd_ >= 0 && fd_ != STDOUT_FILENO) ::close(fd_);
  if (!part_.empty()) ::unlink(part_.c_str());
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno);
    bytes.remove_prefix(static_cast<std::size_t>(count));
    bytes_ += static_cast<std::uint64_t>(count);
  }
}

void OutputFile::finish() {
  if (is_standard_output()) return;
  if (::close(std::exchange(fd_, -1)) != 0) fail(errno);
  if (!part_.empty() && std::rename(part_.c_str(), path_.c_str()) != 0) fail(errno);
  part_.clear();
}

void OutputFile::fail(int error) const {
  throw Failure(kUsage, fmt::format("cannot write {}: {}", is_standard_output() ? "standard output" : path_,
                                    errno_text(error)));
}

}  // namespace millrace::vnfctl
