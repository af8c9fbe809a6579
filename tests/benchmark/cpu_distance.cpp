// SPDX-License-Identifier: BSD-3-Clause
// How long a cache line takes from one CPU to another and back.
//
//   cpu_distance CPU CPU
//
// Prints {"kind":"distance","nanoseconds":N}, a median, after about ten milliseconds. A hypervisor may move
// virtual CPUs between cores that share a cache and others that do not, and with them the cost of all that
// goes from one to the other. Exit status: 1 when a CPU is not ours, 2 for arguments it does not know.
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <latch>
#include <optional>
#include <thread>

#include <sched.h>

#include "tests/benchmark/report.h"

namespace {

using namespace millrace;

constexpr unsigned kSamples = 200;
constexpr unsigned kRoundTrips = 200;  // of a sample

// The line that goes to and fro; odd when it is the other side's turn.
struct alignas(128) Ball {
  std::atomic<unsigned> turn{0};
};

std::optional<unsigned> number(const char* text) {
  unsigned value = 0;
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, value);
  return read.ec == std::errc() && read.ptr == end && value < CPU_SETSIZE ? std::optional(value)
                                                                          : std::nullopt;
}

// The calling thread goes there.
bool take(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

// Before whatever polls there, if we may.
void come_first() {
  const sched_param first{.sched_priority = 1};
  static_cast<void>(sched_setscheduler(0, SCHED_FIFO, &first));
}

void wait_for(const Ball& ball, unsigned turn) {
  while (ball.turn.load(std::memory_order_acquire) != turn) {
  }
}

void return_all(Ball& ball) {
  for (unsigned turn = 1; turn < 2 * kSamples * kRoundTrips; turn += 2) {
    wait_for(ball, turn);
    ball.turn.store(turn + 1, std::memory_order_release);
  }
}

benchmark::Samples play(Ball& ball) {
  using Clock = std::chrono::steady_clock;
  benchmark::Samples nanoseconds;
  unsigned turn = 0;
  for (unsigned sample = 0; sample < kSamples; ++sample) {
    const auto begin = Clock::now();
    for (unsigned i = 0; i < kRoundTrips; ++i, turn += 2) {
      ball.turn.store(turn + 1, std::memory_order_release);
      wait_for(ball, turn + 2);
    }
    nanoseconds.add(std::chrono::duration<double, std::nano>(Clock::now() - begin).count() / kRoundTrips);
  }
  return nanoseconds;
}

}  // namespace

int main(int argc, char** argv) {
  const auto near = argc == 3 ? number(argv[1]) : std::nullopt;
  const auto far = argc == 3 ? number(argv[2]) : std::nullopt;
  if (!near || !far || *near == *far) {
    std::fputs("cpu_distance CPU CPU: the numbers of two CPUs\n", stderr);
    return 2;
  }
  for (const unsigned cpu : {*far, *near}) {
    if (take(cpu)) continue;
    std::fprintf(stderr, "cpu_distance: can not run on CPU %u\n", cpu);
    return 1;
  }
  Ball ball;
  std::latch there(1);
  std::thread other([&] {
    take(*far);
    come_first();
    there.count_down();
    return_all(ball);
  });
  there.wait();  // it begins on this CPU
  come_first();
  const auto nanoseconds = play(ball);
  other.join();
  benchmark::Line("distance").number("nanoseconds", nanoseconds.median());
  return 0;
}
