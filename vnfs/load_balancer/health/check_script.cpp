// SPDX-License-Identifier: BSD-3-Clause
// A program as a check. It is started without fork(), which would copy the tables of the data path's memory,
// and waited for by its pidfd.
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <string>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/result.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/socket.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;

// How a child is to begin: no descriptor of ours, signals as a fresh process has them, a group of its own.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
      posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY,
                                       0);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigfillset(&signals);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// Killed and reaped by its own pid, which stays its own until it is reaped; and so does its group.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    (void)reap(WNOHANG);
  }

  // 0, or the error.
  int spawn(const std::string& program, std::array<char*, 4>& arguments) {
    const SpawnPlan plan;
    return ::posix_spawn(&pid_, program.c_str(), &plan.actions, &plan.attributes, arguments.data(), environ);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill() const {
    if (pid_ > 0) ::kill(-pid_, SIGKILL);
  }
  // How it ended; nothing when it has not yet.
  [[nodiscard]] siginfo_t reap(int options) {
    siginfo_t end{};
    if (pid_ > 0 && ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | options) == 0 &&
        end.si_pid != 0) {
      pid_ = -1;
    }
    return end;
  }

 private:
  pid_t pid_ = -1;
};

Outcome judge(const siginfo_t& end) {
  if (end.si_pid == 0) return not_run("the program's end was taken by another");
  if (end.si_code != CLD_EXITED) return bad(fmt::format("killed by signal {}", end.si_status));
  const std::string text = fmt::format("exit status {}", end.si_status);
  return end.si_status == 0 ? good(text) : bad(text);
}

}  // namespace

asio::awaitable<Outcome> check_script(Progress& progress, const ScriptCheck& check) {
  progress.awaited = "end of the program";
  std::string program = check.program;
  std::string address = progress.target.address.to_string();
  std::string port = std::to_string(progress.target.port);
  std::array<char*, 4> arguments = {program.data(), address.data(), port.data(), nullptr};
  Child child;
  if (const int error = child.spawn(program, arguments); error != 0) {
    co_return not_run(fmt::format("cannot run {}: {}", check.program, errno_text(error)));
  }
  // glibc 2.36 declares pidfd_open() for C only.
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0));
  if (fd < 0) co_return not_run("cannot wait for the program: " + errno_text(errno));
  asio::posix::stream_descriptor end(progress.io, fd);
  // Killed, it is still waited for here.
  const WhileOpen open(progress, [&child] { child.kill(); });
  auto [error] =
      co_await end.async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
  if (error) co_return not_run(error.message());
  // What it left in its group ends with it: the group may not outlive the check.
  child.kill();
  co_return judge(child.reap(WNOHANG));
}

}  // namespace millrace::load_balancer::health
