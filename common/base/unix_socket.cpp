// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/unix_socket.h"

#include <algorithm>
#include <cerrno>
#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace millrace {
namespace {

// Removes what a dead process left at the path. The error says why the path cannot be used.
Result<void> clear_stale_socket(const std::string& attempt, const sockaddr_un& address, int type) {
  struct stat found {};
  if (::lstat(address.sun_path, &found) != 0) {
    if (errno == ENOENT) return {};
    return failure(attempt, errno_text(errno));
  }
  if (!S_ISSOCK(found.st_mode)) return failure(attempt, "something that is not a socket is there");

  const Descriptor probe(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.get() < 0) return failure(attempt, errno_text(errno));
  // EAGAIN is a live process too busy to accept, EPROTOTYPE one with a socket of another type.
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN || errno == EPROTOTYPE) {
    return failure(attempt, "another process answers on it");
  }
  if (errno != ECONNREFUSED && errno != ENOENT) return failure(attempt, errno_text(errno));
  if (::unlink(address.sun_path) != 0 && errno != ENOENT) return failure(attempt, errno_text(errno));
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

void SocketFile::remove() const noexcept {
  struct stat now {};
  if (::lstat(path.c_str(), &now) != 0 || now.st_dev != device || now.st_ino != inode) return;
  ::unlink(path.c_str());
}

Result<UnixListener> listen_unix(const std::filesystem::path& path, int type, unsigned mode, int backlog) {
  const std::string attempt = "listen on " + path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.empty() || name.size() >= sizeof address.sun_path) {
    return failure(attempt,
                   "a socket's path has 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::copy(name.begin(), name.end(), address.sun_path);
  if (auto cleared = clear_stale_socket(attempt, address, type); !cleared) {
    return tl::unexpected(std::move(cleared.error()));
  }

  Descriptor fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failure(attempt, errno_text(errno));
  // Linux gives the file the socket's own mode less the umask, so it is never open wider than asked.
  if (::fchmod(fd.get(), mode) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failure(attempt, errno_text(errno));
  }
  struct stat made {};
  if (::lstat(address.sun_path, &made) != 0) return failure(attempt, errno_text(errno));
  SocketFile file{path, made.st_dev, made.st_ino};
  if (::chmod(address.sun_path, mode) != 0 || ::listen(fd.get(), backlog) != 0) {
    const std::string reason = errno_text(errno);
    file.remove();
    return failure(attempt, reason);
  }
  return UnixListener{std::move(fd), std::move(file)};
}

}  // namespace millrace
