// SPDX-License-Identifier: BSD-3-Clause
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/eventually.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;

class ScriptCheckTest : public OneCheck {
 protected:
  ScriptCheckTest() {
    folder_ = ::testing::TempDir() + "millrace-health-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) std::abort();
  }
  ~ScriptCheckTest() override { std::filesystem::remove_all(folder_); }

  ScriptCheck program(const std::string& text) {
    const std::string path = folder_ + "/check";
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return {path};
  }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // None of ours runs or waits to be reaped.
  static bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0; }

  std::string folder_;
};

TEST_F(ScriptCheckTest, IsGivenAddressAndPortAndJudgedByItsExitStatus) {
  const auto script = program("cd \"${0%/*}\" && echo \"$# $1 $2\" >arguments; exit \"$2\"");
  const Status well = check(target_at(0, script, "2001:db8::7"));
  EXPECT_EQ(content("arguments"), "2 2001:db8::7 0\n");
  EXPECT_EQ(well.last.text, "exit status 0");
  EXPECT_EQ(well.state, State::kUp);
  const Status ill = check(target_at(3, script));
  EXPECT_EQ(content("arguments"), "2 127.0.0.1 3\n");
  EXPECT_EQ(ill.last.text, "exit status 3");
  EXPECT_EQ(ill.state, State::kDown);
  EXPECT_EQ(text_of(target_at(0, program("kill -TERM $$"))), "killed by signal 15");
  EXPECT_FALSE(has_children());
}

TEST_F(ScriptCheckTest, IsKilledAtTheTimeoutWithWhatItStarted) {
  // The lock is held by each process of the group, for as long as it lives.
  const std::string lock = folder_ + "/lock";
  const auto script = program("exec 9>\"" + lock + "\"; flock 9; sleep 1000 & echo $$ >\"" + folder_ +
                              "/pid\"; while :; do sleep 1000; done");
  const Status status = check(with_timeout(target_at(80, script), 500ms));
  EXPECT_EQ(status.last.text, "no end of the program within 500 ms");
  EXPECT_EQ(status.state, State::kDown);
  run_until([] { return !has_children(); });
  const int fd = ::open(lock.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  EXPECT_TRUE(millrace::test::eventually([fd] { return ::flock(fd, LOCK_EX | LOCK_NB) == 0; }));
  ::close(fd);
}

TEST_F(ScriptCheckTest, InheritsNoDescriptorAndNoMaskedSignal) {
  const int kept = ::open("/dev/null", O_RDONLY);  // not closed on exec
  ASSERT_GE(kept, 3);
  sigset_t masked;
  sigset_t before;
  sigemptyset(&masked);
  sigaddset(&masked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &masked, &before);
  const auto script =
      program("cd \"${0%/*}\"; ls -l /proc/self/fd >descriptors; grep SigBlk /proc/self/status >mask");
  EXPECT_EQ(text_of(target_at(80, script)), "exit status 0");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(kept);
  const std::string descriptors = content("descriptors");
  EXPECT_EQ(descriptors.find(" " + std::to_string(kept) + " -> /dev/null"), std::string::npos) << descriptors;
  EXPECT_NE(descriptors.find(" 0 -> /dev/null"), std::string::npos) << descriptors;
  EXPECT_NE(content("mask").find("0000000000000000"), std::string::npos) << content("mask");
}

TEST_F(ScriptCheckTest, IsNoLineForAShell) {
  const Status status = check(target_at(80, ScriptCheck{"/bin/true; touch " + folder_ + "/made"}));
  EXPECT_EQ(status.last.text, "cannot run /bin/true; touch " + folder_ + "/made: No such file or directory");
  EXPECT_EQ(status.state, State::kUnknown);
  EXPECT_EQ(status.not_run, 1U);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/made"));
}

TEST_F(ScriptCheckTest, EndsWithItsChecker) {
  {
    boost::asio::io_context io;
    Checker checker(io, {});
    const Target target = target_at(80, program("while :; do sleep 1000; done"));
    ASSERT_TRUE(checker.set(std::span(&target, 1)));
    while (!has_children()) io.run_one();
    checker.stop();
  }
  while (has_children()) ::waitpid(-1, nullptr, 0);
  EXPECT_FALSE(has_children());
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
