// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>

#include "tests/support/netns.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::tcp;
using millrace::test::Saying;
using millrace::test::ScriptedServer;

std::optional<Saying> keeps_quiet(std::size_t) { return Saying{.text = "", .close = false}; }

class TcpCheckTest : public OneCheck {
 protected:
  // Takes the port and lets nobody in.
  tcp::acceptor closed_port_{io_, tcp::v4()};
  std::uint16_t refused() {
    closed_port_.bind({boost::asio::ip::address_v4::loopback(), 0});
    return closed_port_.local_endpoint().port();
  }
};

TEST_F(TcpCheckTest, AConnectionIsEnough) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    ScriptedServer server(io_, keeps_quiet, {}, address);
    const Status status = check(target_at(server.port(), TcpCheck{}, address));
    EXPECT_EQ(status.last.text, "connected");
    EXPECT_EQ(status.state, State::kUp);
    EXPECT_GT(status.average_latency, 0us);
    run_until([&] { return server.clients() == 1; });
  }
}

TEST_F(TcpCheckTest, ARefusalIsAFailure) {
  const Status status = check(target_at(refused(), TcpCheck{}));
  EXPECT_EQ(status.last.text, "connection refused");
  EXPECT_EQ(status.state, State::kDown);
  EXPECT_EQ(status.failures, 1U);
}

TEST_F(TcpCheckTest, ASilentHostRunsIntoTheTimeout) {
  // A listener whose queue is full answers no SYN.
  closed_port_.bind({boost::asio::ip::address_v4::loopback(), 0});
  closed_port_.listen(0);
  const auto endpoint = closed_port_.local_endpoint();
  tcp::socket first(io_);
  first.connect(endpoint);
  tcp::socket second(io_);
  second.async_connect(endpoint, [](boost::system::error_code) {});
  const Status status = check(with_timeout(target_at(endpoint.port(), TcpCheck{}), 200ms));
  EXPECT_EQ(status.last.text, "no connection within 200 ms");
  EXPECT_GE(status.latency, 200ms);
  EXPECT_EQ(status.state, State::kDown);
}

TEST_F(TcpCheckTest, LeavesFromTheAddressAndTheDeviceItIsGiven) {
  std::string from;
  tcp::acceptor acceptor(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  acceptor.async_accept([&](boost::system::error_code, tcp::socket client) {
    from = client.remote_endpoint().address().to_string();
  });
  Target target = target_at(acceptor.local_endpoint().port(), TcpCheck{});
  target.spec.origin.address = net::IpAddress::parse("127.0.0.7");
  target.spec.origin.device = "lo";
  EXPECT_EQ(text_of(target), "connected");
  run_until([&] { return !from.empty(); });
  EXPECT_EQ(from, "127.0.0.7");
}

TEST_F(TcpCheckTest, WhatCannotBeSentSaysNothingOfTheBackend) {
  Target target = target_at(80, TcpCheck{});
  target.spec.origin.device = "no-such-device";
  Status status = check(target);
  EXPECT_EQ(status.last.text, "cannot send through no-such-device: no such device");
  EXPECT_EQ(status.state, State::kUnknown);
  EXPECT_EQ(status.checks, 0U);
  EXPECT_EQ(status.not_run, 1U);
  target.spec.origin = {.address = net::IpAddress::parse("192.0.2.1"), .device = {}};
  EXPECT_EQ(text_of(target), "cannot send from 192.0.2.1: cannot assign requested address");
}

TEST_F(TcpCheckTest, ABackendOnNoRouteIsDown) {
  const millrace::test::NetworkNamespace space;
  if (!space.ok()) GTEST_SKIP() << space.reason();
  const Status status = check(target_at(80, TcpCheck{}, "192.0.2.1"));
  EXPECT_EQ(status.last.text, "network is unreachable");
  EXPECT_EQ(status.state, State::kDown);
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
