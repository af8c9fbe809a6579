// SPDX-License-Identifier: BSD-3-Clause
// Unix sockets with a name in the file system, as a server makes them.
#pragma once

#include <filesystem>
#include <utility>

#include <sys/types.h>

#include "common/base/result.h"

namespace millrace {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// Known by its inode, so that nobody else's is removed.
struct SocketFile {
  std::filesystem::path path;
  dev_t device = 0;
  ino_t inode = 0;

  void remove() const noexcept;
};

struct UnixListener {
  Descriptor fd;  // listens
  SocketFile file;
};

// `type` is SOCK_STREAM or SOCK_SEQPACKET. Takes the place of a socket left by a dead process; fails when a
// live one answers on it, or when something that is not a socket is there. The mode is exact, whatever the
// umask.
[[nodiscard]] Result<UnixListener> listen_unix(const std::filesystem::path& path, int type, unsigned mode,
                                               int backlog);

}  // namespace millrace
