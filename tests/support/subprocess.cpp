// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/subprocess.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace millrace::test {
namespace {

constexpr int kPatienceMs = 20'000;  // without a byte from the program: it hangs

[[noreturn]] void execute(const std::vector<std::string>& command,
                          const std::vector<std::string>& environment) {
  for (const std::string& entry : environment) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) {
      ::unsetenv(entry.c_str());
    } else {
      ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
    }
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

int exit_status(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

using Pipe = std::array<int, 2>;

Pipe make_pipe() {
  Pipe ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  return ends;
}

}  // namespace

Finished run_program(const std::vector<std::string>& command, const std::vector<std::string>& environment,
                     const std::string& input) {
  const Pipe in = make_pipe();
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    for (const int end : {in[0], in[1], out[0], out[1], err[0], err[1]}) ::close(end);
    execute(command, environment);
  }
  ::close(in[0]);
  ::close(out[1]);
  ::close(err[1]);
  // Inputs are shorter than a pipe holds (64 KiB), so this does not wait for the program to read.
  if (::write(in[1], input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    ::kill(pid, SIGKILL);
  }
  ::close(in[1]);

  Finished finished;
  std::array<pollfd, 2> waiting{{{out[0], POLLIN, 0}, {err[0], POLLIN, 0}}};
  std::array<std::string*, 2> into{&finished.out, &finished.err};
  for (int open = 2; open > 0;) {
    if (::poll(waiting.data(), waiting.size(), kPatienceMs) <= 0) {
      ::kill(pid, SIGKILL);
      break;
    }
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0) continue;
      std::array<char, 4096> buffer{};
      const ssize_t got = ::read(waiting[i].fd, buffer.data(), buffer.size());
      if (got > 0) {
        into[i]->append(buffer.data(), static_cast<std::size_t>(got));
      } else {
        waiting[i].fd = -1;
        --open;
      }
    }
  }
  ::close(out[0]);
  ::close(err[0]);
  finished.status = exit_status(pid);
  return finished;
}

OnTerminal::OnTerminal(const std::vector<std::string>& command, const std::vector<std::string>& environment) {
  pid_ = ::forkpty(&terminal_, nullptr, nullptr, nullptr);
  if (pid_ == 0) execute(command, environment);
  if (pid_ < 0) throw std::runtime_error("forkpty");
}

OnTerminal::~OnTerminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    (void)exit_status(pid_);
  }
  ::close(terminal_);
}

bool OnTerminal::read_some() {
  pollfd waiting{terminal_, POLLIN, 0};
  if (::poll(&waiting, 1, kPatienceMs) <= 0) return false;
  std::array<char, 4096> buffer{};
  const ssize_t got = ::read(terminal_, buffer.data(), buffer.size());  // EIO when the other end is closed
  if (got <= 0) return false;
  output_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

bool OnTerminal::read_until(const std::string& text) {
  while (output_.find(text) == std::string::npos) {
    if (!read_some()) return false;
  }
  return true;
}

void OnTerminal::interrupt() { ::kill(pid_, SIGINT); }

int OnTerminal::wait() {
  while (read_some()) {
  }
  const int status = exit_status(pid_);
  pid_ = -1;
  return status;
}

}  // namespace millrace::test
