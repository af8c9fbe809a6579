// SPDX-License-Identifier: BSD-3-Clause
#include <fstream>

#include <sys/socket.h>

#include "tests/support/netns.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;

// A host of our own beside a part of the network where nobody answers.
class IcmpCheckTest : public OneCheck {
 protected:
  void SetUp() override {
    if (!space_.ok()) GTEST_SKIP() << space_.reason();
    const auto made = millrace::test::run(
        "ip link set lo up && ip link add quiet type veth peer name other && ip link set other up && "
        "ip link set quiet up && ip address add 192.0.2.1/24 dev quiet && "
        "ip -6 address add 2001:db8::1/64 dev quiet nodad");
    ASSERT_EQ(made.status, 0) << made.output;
  }
  // Whom the kernel lets ping without privilege.
  static void allow_groups(const char* range) {
    std::ofstream("/proc/sys/net/ipv4/ping_group_range") << range;
  }
  static bool ping_socket_works() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
    if (fd >= 0) ::close(fd);
    return fd >= 0;
  }
  void expect_verdicts() {
    for (const char* address : {"127.0.0.1", "::1", "192.0.2.1", "2001:db8::1"}) {
      const Status status = check(target_at(0, IcmpCheck{}, address));
      EXPECT_EQ(status.last.text, "echo reply") << address;
      EXPECT_EQ(status.state, State::kUp) << address;
    }
    const Status silent = check(with_timeout(target_at(0, IcmpCheck{}, "192.0.2.77"), 200ms));
    EXPECT_EQ(silent.last.text, "no echo reply within 200 ms");
    EXPECT_EQ(silent.state, State::kDown);
    EXPECT_EQ(text_of(target_at(0, IcmpCheck{}, "198.51.100.1")), "network is unreachable");
  }

  millrace::test::NetworkNamespace space_;
};

TEST_F(IcmpCheckTest, ThroughThePingSocketOfTheKernel) {
  allow_groups("0 2147483647");
  if (!ping_socket_works()) GTEST_SKIP() << "net.ipv4.ping_group_range cannot be set";
  expect_verdicts();
}

TEST_F(IcmpCheckTest, ThroughARawSocketWhereThatIsNotAllowed) {
  allow_groups("1 0");
  ASSERT_FALSE(ping_socket_works());
  expect_verdicts();
}

TEST_F(IcmpCheckTest, ManyAtOnceTakeNobodyElsesReply) {
  allow_groups("1 0");  // raw sockets hear all echoes from their host
  std::vector<Target> targets;
  for (int i = 0; i < 50; ++i) {
    targets.push_back(target_at(0, IcmpCheck{}, i % 2 == 0 ? "127.0.0.1" : "::1"));
    targets.back().id = std::to_string(i);
  }
  targets.push_back(with_timeout(target_at(0, IcmpCheck{}, "192.0.2.77"), 1000ms));
  Checker checker(io_, {});
  ASSERT_TRUE(checker.set(targets));
  run_until([&] {
    return std::all_of(targets.begin(), targets.end(),
                       [&](const Target& target) { return checker.status(target.id)->checks > 0; });
  });
  for (int i = 0; i < 50; ++i) EXPECT_EQ(checker.status(std::to_string(i))->last.text, "echo reply");
  EXPECT_EQ(checker.status("backend")->state, State::kDown);
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
