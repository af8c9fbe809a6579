// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/load.h"

#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::control {
namespace {

struct Descriptor {
  int value = -1;
  explicit Descriptor(int fd) : value(fd) {}
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
};

}  // namespace

ResolveFile files_beside(const std::string& profile_path) {
  return [folder = std::filesystem::path(profile_path).parent_path()](
             std::string_view named) -> Result<std::string> {
    return (folder / named).string();  // an absolute name stays as it is
  };
}

ResolveFile no_files() {
  return [](std::string_view named) -> Result<std::string> {
    return failure(fmt::format("cannot use file {}", named), "this profile may not name files");
  };
}

Result<std::string> read_text_file(const std::string& path, std::size_t most, bool any_kind) {
  const std::string attempt = fmt::format("cannot read '{}'", path);
  // Without O_NONBLOCK a named pipe that nobody writes to would hold up the appliance.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | (any_kind ? 0 : O_NONBLOCK)));
  if (file.value < 0) return failure(attempt, errno_text(errno));
  struct stat status {};
  if (::fstat(file.value, &status) != 0) return failure(attempt, errno_text(errno));
  if (S_ISDIR(status.st_mode)) return failure(attempt, "it is a directory");
  if (!any_kind && !S_ISREG(status.st_mode)) return failure(attempt, "it is not a regular file");
  std::string text;
  constexpr std::size_t kChunk = 1U << 18U;
  while (text.size() <= most) {
    const std::size_t before = text.size();
    text.resize(before + kChunk);
    const ssize_t got = ::read(file.value, text.data() + before, kChunk);
    text.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (got == 0) return text;
    if (got < 0 && errno != EINTR) return failure(attempt, errno_text(errno));
  }
  return failure(attempt, fmt::format("it has more than {} bytes", most));
}

}  // namespace millrace::control
