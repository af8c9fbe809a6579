// SPDX-License-Identifier: BSD-3-Clause
// Whether work is done without a system call: the kernel is told to end the process at the first one.
#pragma once

#include <cstdio>

#include <sys/wait.h>
#include <unistd.h>

namespace millrace::benchmark {

// From here on the kernel ends the process at any system call but its exit.
[[nodiscard]] bool forbid_system_calls();

// The wait status of a process that does `work` without system calls; it exits with `skipped` when they can
// not be forbidden here.
template <class Work>
[[nodiscard]] int in_silence(Work work, int skipped) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    if (!forbid_system_calls()) _exit(skipped);
    work();
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

}  // namespace millrace::benchmark
