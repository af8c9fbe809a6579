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
#include <spawn.h>
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
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return result;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string text = command;
  std::array<char*, 4> arguments = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = -1;
  const bool started =
      ::posix_spawn(&child, shell.c_str(), &actions, nullptr, arguments.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::array<char, 4096> buffer{};
  ssize_t got = 0;
  while (started && (got = ::read(ends[0], buffer.data(), buffer.size())) != 0) {
    if (got > 0) result.output.append(buffer.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  int status = 0;
  if (!started || ::waitpid(child, &status, 0) != child) return result;
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
