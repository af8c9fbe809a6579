// SPDX-License-Identifier: BSD-3-Clause
// For what another thread or the kernel brings about.
#pragma once

#include <chrono>
#include <thread>

namespace millrace::test {

// Whether the condition comes true within half a minute; asks again and again.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace millrace::test
