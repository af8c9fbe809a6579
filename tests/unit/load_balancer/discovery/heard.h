// SPDX-License-Identifier: BSD-3-Clause
// What a source of backends has said so far, on one line each.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "vnfs/load_balancer/discovery/backend_source.h"

namespace millrace::load_balancer::discovery::test {

class Heard : public ::testing::Test {
 protected:
  Listener listener() {
    return {.on_backends =
                [this](const std::vector<FoundBackend>& backends) {
                  std::string line = "backends";
                  for (const auto& backend : backends) line += " " + backend.address.to_string();
                  heard_.push_back(line);
                },
            .on_trouble =
                [this](const std::vector<Error>& errors) {
                  std::string line = errors.empty() ? "well again" : "trouble";
                  for (const auto& error : errors) line += " " + error.message();
                  heard_.push_back(line);
                }};
  }
  // Runs until so much has been heard, and gives the last of it.
  std::string heard(std::size_t count) {
    run_until([&] { return heard_.size() >= count; });
    EXPECT_EQ(heard_.size(), count);
    return heard_.empty() ? "" : heard_.back();
  }
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
  std::vector<std::string> heard_;
};

}  // namespace millrace::load_balancer::discovery::test
