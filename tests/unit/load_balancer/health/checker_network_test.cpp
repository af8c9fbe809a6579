// SPDX-License-Identifier: BSD-3-Clause
// Many backends at once on real sockets.
#include <algorithm>

#include "tests/support/scripted_server.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;
using millrace::test::Saying;
using millrace::test::ScriptedServer;

constexpr const char* kWell = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

class CheckerNetwork : public OneCheck {
 protected:
  // 127.0.1.0, 127.0.1.1, ... with the server's port.
  static std::vector<Target> many(std::size_t count, std::uint16_t port) {
    std::vector<Target> targets;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string address = "127.0." + std::to_string(1 + i / 250) + "." + std::to_string(1 + i % 250);
      targets.push_back(target_at(port, HttpCheck{}, address.c_str()));
      targets.back().id = std::to_string(i);
      targets.back().spec.interval = 100ms;
    }
    return targets;
  }
};

TEST_F(CheckerNetwork, HundredsOfBackendsInABoundedNumberOfDescriptors) {
  ScriptedServer server(
      io_, [](std::size_t) { return Saying{kWell}; }, {}, "0.0.0.0");
  const std::size_t before = open_descriptors();
  std::size_t most = 0;
  {
    Checker checker(io_, {}, {.most_running = 20});
    const auto targets = many(600, server.port());
    ASSERT_TRUE(checker.set(targets));
    run_until([&] {
      EXPECT_LE(checker.running(), 20U);
      if (checker.waiting() > 0) most = std::max(most, open_descriptors());
      return std::all_of(targets.begin(), targets.end(),
                         [&](const Target& target) { return checker.status(target.id)->checks >= 2; });
    });
    for (const Target& target : targets) {
      EXPECT_EQ(checker.status(target.id)->state, State::kUp) << checker.status(target.id)->last.text;
    }
  }
  EXPECT_GT(most, 0U) << "they never had to wait: the bound was not tried";
  // The server's ends are in this process too, and it may not have seen yet that some of them are closed.
  EXPECT_LE(most, before + 20 + server.most_at_once() + 20);
  io_.restart();
  io_.poll();
  run_until([&] { return open_descriptors() <= before; });
}

TEST_F(CheckerNetwork, SilentBackendsDoNotStarveTheOthers) {
  ScriptedServer silent(
      io_, [](std::size_t) { return Saying{.text = "", .close = false}; }, {}, "0.0.0.0");
  ScriptedServer well(
      io_, [](std::size_t) { return Saying{kWell}; }, {}, "0.0.0.0");
  auto targets = many(60, silent.port());
  for (auto& target : targets) target.spec.timeout = 100ms;
  for (std::size_t i = 0; i < targets.size(); i += 3) targets[i].port = well.port();
  for (auto& target : targets) {
    if (target.port == well.port()) target.spec.timeout = 10s;
  }
  Checker checker(io_, {}, {.most_running = 8});
  ASSERT_TRUE(checker.set(targets));
  run_until([&] {
    return std::all_of(targets.begin(), targets.end(),
                       [&](const Target& target) { return checker.status(target.id)->checks > 0; });
  });
  for (const Target& target : targets) {
    const bool up = target.port == well.port();
    EXPECT_EQ(checker.status(target.id)->state, up ? State::kUp : State::kDown) << target.id;
  }
}

TEST_F(CheckerNetwork, TargetsAreReplacedWhileTheirChecksRun) {
  ScriptedServer slow(
      io_, [](std::size_t) { return Saying{.text = kWell, .gap = 1ms}; }, {}, "0.0.0.0");
  const std::size_t before = open_descriptors();
  {
    Checker checker(io_, {}, {.most_running = 50});
    for (std::size_t round = 0; round < 20; ++round) {
      auto targets = many(200, slow.port());
      // A third each: gone, changed, the same.
      std::erase_if(targets, [&](const Target& target) { return std::stoul(target.id) % 3 == round % 3; });
      for (auto& target : targets) {
        if (std::stoul(target.id) % 3 == (round + 1) % 3)
          target.spec.rise = static_cast<std::uint32_t>(round);
      }
      ASSERT_TRUE(checker.set(targets));
      const std::size_t seen = slow.clients();
      run_until([&] { return slow.clients() >= seen + 60; });
    }
    EXPECT_EQ(checker.running(), 50U);
    checker.stop();
  }
  run_until([&] { return open_descriptors() <= before; });
}

TEST_F(CheckerNetwork, AFlappingServerIsFollowedByRiseAndFall) {
  // Well, then ill three times, then well.
  ScriptedServer server(io_, [](std::size_t client) {
    return Saying{client >= 2 && client < 5 ? "HTTP/1.1 500 Oh\r\n\r\n" : kWell};
  });
  std::vector<std::string> told;
  Checker checker(io_, [&](const std::string&, const Status& status) {
    told.push_back(std::string(to_string(status.state)) + " after " + std::to_string(status.checks) + ": " +
                   status.last.text);
  });
  Target target = target_at(server.port(), HttpCheck{});
  target.spec.interval = 5ms;
  ASSERT_TRUE(checker.set(std::span(&target, 1)));
  run_until([&] { return told.size() == 3; });
  EXPECT_EQ(told, (std::vector<std::string>{"up after 1: HTTP 200",
                                            "down after 5: HTTP 500 where 200 to 399 was expected",
                                            "up after 7: HTTP 200"}));
}

TEST_F(CheckerNetwork, TheLoopMayEndBeforeTheChecksDo) {
  // What is under way when everything ends is freed with it: AddressSanitizer looks on.
  for (const bool checker_first : {true, false}) {
    auto io = std::make_unique<boost::asio::io_context>(1);
    auto server =
        std::make_unique<ScriptedServer>(*io, [](std::size_t) { return Saying{.text = "", .close = false}; });
    auto checker = std::make_unique<Checker>(*io, Checker::OnChange{});
    std::vector<Target> targets(20, target_at(server->port(), HttpCheck{}));
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i].id = std::to_string(i);
    ASSERT_TRUE(checker->set(targets));
    while (checker->running() < targets.size()) io->run_one();
    if (checker_first) {
      checker.reset();
      server.reset();
    } else {
      checker->stop();
      io->poll();
      checker.reset();
      server.reset();
    }
    io.reset();
  }
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
