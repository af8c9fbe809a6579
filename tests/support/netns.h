// SPDX-License-Identifier: BSD-3-Clause
// A network namespace of the test's own. The calling thread is in it for the life of the object and back
// where it was afterwards; the kernel removes the namespace with everything in it. Needs root: ok() is false
// without.
//
//   test::NetworkNamespace space;
//   if (!space.ok()) GTEST_SKIP() << space.reason();
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millrace::test {

class NetworkNamespace {
 public:
  NetworkNamespace() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    if (before_ < 0 || ::unshare(CLONE_NEWNET) != 0) {
      reason_ = std::string("a network namespace of its own needs root: ") + std::strerror(errno);
    }
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() {
    if (before_ < 0) return;
    if (reason_.empty() && ::setns(before_, CLONE_NEWNET) != 0) std::perror("setns");
    ::close(before_);
  }

  [[nodiscard]] bool ok() const noexcept { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  int before_;
  std::string reason_;
};

struct CommandResult {
  int status = -1;     // exit status
  std::string output;  // standard output and error
};

// Runs a shell command in the thread's namespace and waits for its end.
inline CommandResult run(const std::string& command) {
  CommandResult result;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return result;
  std::array<char, 4096> text{};
  while (const std::size_t got = std::fread(text.data(), 1, text.size(), pipe))
    result.output.append(text.data(), got);
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

// Waits until `fd` is readable or the deadline has passed; false for the deadline.
inline bool wait_readable(int fd, std::chrono::steady_clock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace millrace::test
