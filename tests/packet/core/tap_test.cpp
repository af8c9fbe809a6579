// SPDX-License-Identifier: BSD-3-Clause
// What the appliance makes of open checksums and aggregates, judged by Linux: they come in by virtio, leave
// by a TAP port, and the kernel's TCP and UDP take them or do not. Needs root and /dev/net/tun; skipped
// without.
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/packet/core/port_bed.h"
#include "tests/packet/core/vhost_end.h"
#include "tests/support/netns.h"
#include "tests/support/networks.h"

namespace millrace::testing {
namespace {

using std::chrono::steady_clock;

constexpr std::uint16_t kPort = 5000;

struct Socket {
  explicit Socket(int descriptor) : fd(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
  int fd;
};

// A socket of the server that the packets are sent to.
int bound(bool v6, int type) {
  const int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_storage address{};
  socklen_t length = 0;
  if (v6) {
    auto& in = reinterpret_cast<sockaddr_in6&>(address);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(kPort);
    inet_pton(AF_INET6, "2001:db8:2::80", &in.sin6_addr);
    length = sizeof in;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(address);
    in.sin_family = AF_INET;
    in.sin_port = htons(kPort);
    inet_pton(AF_INET, "192.168.1.80", &in.sin_addr);
    length = sizeof in;
  }
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0) << std::strerror(errno);
  return fd;
}

// The kernel's count of UDP datagrams with a wrong checksum, in the thread's namespace.
unsigned long checksum_errors(bool v6) {
  if (v6) {
    std::ifstream file("/proc/thread-self/net/snmp6");
    std::string name;
    unsigned long count = 0;
    while (file >> name >> count) {
      if (name == "Udp6InCsumErrors") return count;
    }
    return 0;
  }
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names;
  std::string counts;
  while (std::getline(file, names) && std::getline(file, counts)) {
    std::istringstream name(names);
    std::istringstream count(counts);
    std::string a;
    std::string b;
    while (name >> a && count >> b) {
      if (names.starts_with("Udp:") && a == "InCsumErrors") return std::stoul(b);
    }
  }
  return 0;
}

class TapTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!space_.ok()) GTEST_SKIP() << space_.reason();
    if (access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "no /dev/net/tun";
    if (!inside_.up()) GTEST_SKIP() << "DPDK has no vhost driver here";
    bed_ = std::make_unique<PortBed>(
        std::array{inside_.port("in"),
                   core::PortConfig{.name = "out", .device = "net_tap_out,iface=mrtap0", .descriptors = 256}},
        false);
    const std::string mac = bed_->mac(1).to_string();
    const auto done = test::run(
        "set -e; ip link set mrtap0 address " + neighbor_mac(1).to_string() +
        "; ip address add 192.168.1.80/16 dev mrtap0; ip address add 2001:db8:2::80/64 dev mrtap0 nodad; "
        "ip link set mrtap0 up; ip route add 10.0.0.0/8 dev mrtap0; ip route add 2001:db8:1::/64 dev mrtap0; "
        "ip neighbor add 10.0.0.10 lladdr " +
        mac +
        " dev mrtap0; "
        "ip neighbor add 2001:db8:1::10 lladdr " +
        mac + " dev mrtap0");
    ASSERT_EQ(done.status, 0) << done.output;
    ASSERT_TRUE(until([&] { return inside_.connected(); }));
  }

  // Lets the worker go round until something is so, for a while.
  template <class Condition>
  bool until(const Condition& holds) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(20);
    while (steady_clock::now() < deadline) {
      bed_->worker().poll_once();
      if (holds()) return true;
    }
    return false;
  }

  [[nodiscard]] bool v6() const { return GetParam(); }
  bool send(const PacketBuilder& packet, bool tcp, std::uint16_t segment = 0) {
    return inside_.send(left_to_the_device(*bed_, {packet, v6(), tcp, 0}, segment));
  }

  test::NetworkNamespace space_;
  VhostEnd inside_{"t"};
  std::unique_ptr<PortBed> bed_;
};

TEST_P(TapTest, TheKernelTakesUdpWhoseChecksumTheApplianceWrote) {
  const Socket server(bound(v6(), SOCK_DGRAM));
  const auto packet = bed_->arrives(v6()).udp(1, kPort).payload(1001);
  ASSERT_TRUE(send(packet, false));
  std::array<char, 2000> room{};
  ssize_t got = -1;
  EXPECT_TRUE(until([&] { return (got = recv(server.fd, room.data(), room.size(), 0)) >= 0; }));
  EXPECT_EQ(got, 1001);
  EXPECT_EQ(checksum_errors(v6()), 0U);
  // The kernel does look: the same packet, said to be finished, with its wrong checksum.
  ASSERT_TRUE(inside_.send(bed_->mbuf_of(PacketBuilder(packet).bad_transport_checksum().bytes())));
  // It does so when somebody asks for the datagram.
  EXPECT_TRUE(until([&] {
    got = recv(server.fd, room.data(), room.size(), 0);
    return got >= 0 || checksum_errors(v6()) == 1;
  }));
  EXPECT_LT(got, 0);
}

TEST_P(TapTest, TheKernelTakesTheSegmentsTheApplianceCut) {
  const Socket server(bound(v6(), SOCK_STREAM));
  ASSERT_EQ(listen(server.fd, 1), 0);
  const auto segment = [&](std::uint32_t seq, std::uint32_t ack, const char* flags) {
    return bed_->arrives(v6()).tcp(1000, kPort).flags(flags).seq(seq).ack(ack);
  };
  ASSERT_TRUE(send(segment(1000, 0, "S"), true));
  Frame answer;
  ASSERT_TRUE(until([&] {
    rte_mbuf* mbuf = inside_.receive();
    if (mbuf == nullptr) return false;
    answer = PortBed::bytes_of(mbuf);
    const std::size_t tcp = kEthernetLength + l3_length(v6());
    return answer.size() > tcp + 13 && answer[tcp + 13] == 0x12;  // SYN, ACK
  }));
  const std::size_t at = kEthernetLength + l3_length(v6()) + 4;
  const std::uint32_t theirs = std::uint32_t{answer[at]} << 24 | std::uint32_t{answer[at + 1]} << 16 |
                               std::uint32_t{answer[at + 2]} << 8 | answer[at + 3];
  ASSERT_TRUE(send(segment(1001, theirs + 1, "A"), true));
  int accepted = -1;
  ASSERT_TRUE(until([&] { return (accepted = accept4(server.fd, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; }));
  const Socket connection(accepted);

  constexpr std::size_t kBytes = 40'001;
  ASSERT_TRUE(send(segment(1001, theirs + 1, "PA").payload(kBytes), true, 1400));
  std::vector<std::uint8_t> received;
  std::array<std::uint8_t, 65536> room{};
  EXPECT_TRUE(until([&] {
    const ssize_t got = recv(connection.fd, room.data(), room.size(), 0);
    if (got > 0) received.insert(received.end(), room.begin(), room.begin() + got);
    return received.size() >= kBytes;
  }));
  ASSERT_EQ(received.size(), kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) ASSERT_EQ(received[i], static_cast<std::uint8_t>(i)) << i;
  EXPECT_EQ(bed_->worker().counters().segmented.read(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Each, TapTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "v6" : "v4"; });

}  // namespace
}  // namespace millrace::testing
