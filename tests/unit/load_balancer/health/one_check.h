// SPDX-License-Identifier: BSD-3-Clause
// One check of a real socket, from the first packet to what the checker makes of it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <dirent.h>
#include <gtest/gtest.h>

#include "vnfs/load_balancer/health/checker.h"

namespace millrace::load_balancer::health::test {

inline Target target_at(std::uint16_t port, Check check, const char* address = "127.0.0.1") {
  Target target{"backend", *net::IpAddress::parse(address), port, {}};
  target.spec.check = std::move(check);
  target.spec.timeout = std::chrono::seconds(10);  // more than a loaded machine needs
  target.spec.interval = std::chrono::hours(1);
  return target;
}

// For a check that is to run into it.
inline Target with_timeout(Target target, std::chrono::milliseconds timeout) {
  target.spec.timeout = timeout;
  return target;
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count - 3;  // ".", ".." and the folder's own
}

class OneCheck : public ::testing::Test {
 protected:
  // Runs what is on io_ until the target has been checked once.
  Status check(const Target& target) {
    Checker checker(io_, {});
    const auto set = checker.set(std::span(&target, 1));
    if (!set) {
      ADD_FAILURE() << set.error().message();
      return {};
    }
    run_until([&] { return !checker.status(target.id)->last.text.empty(); });
    return *checker.status(target.id);
  }
  std::string text_of(const Target& target) { return check(target).last.text; }

  template <class Condition>
  void run_until(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      io_.restart();
      if (io_.run_one_until(deadline) == 0) {
        ADD_FAILURE() << "nothing came of it";
        return;
      }
    }
  }

  boost::asio::io_context io_{1};
};

}  // namespace millrace::load_balancer::health::test
