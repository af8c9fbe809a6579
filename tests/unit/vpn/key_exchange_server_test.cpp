// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/key_exchange_server.h"

#include <array>
#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/unix_socket.h"
#include "tests/support/eventually.h"
#include "tests/support/ike_client.h"
#include "tests/support/recording_gateway.h"

namespace millrace::vpn {
namespace {

using testing::Contains;
using testing::HasSubstr;
namespace client = test::ike;

class Plugin {
 public:
  Plugin(boost::asio::io_context& io, const std::filesystem::path& path)
      : io_(io), fd_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  void send(const client::Message& message) {
    EXPECT_EQ(::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL), std::ssize(message));
  }
  // The next message; none when the server has closed.
  client::Message receive() {
    client::Message message(4096);
    ssize_t size = -1;
    EXPECT_TRUE(test::eventually([&] {
      io_.poll();
      size = ::recv(fd_.get(), message.data(), message.size(), MSG_DONTWAIT);
      return size >= 0 || errno == ECONNRESET;
    }));
    message.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return message;
  }
  unsigned status(const client::Message& request) {
    send(request);
    const auto message = receive();
    return message.empty() ? 999 : client::answer(message).body.status;
  }
  bool greet() {
    return status(client::hello(1)) == MILLRACE_IKE_OK &&
           status(client::request(MILLRACE_IKE_RESYNC_BEGIN, 2)) == MILLRACE_IKE_OK &&
           status(client::request(MILLRACE_IKE_RESYNC_END, 3)) == MILLRACE_IKE_OK;
  }

 private:
  boost::asio::io_context& io_;
  Descriptor fd_;
};

struct KeyExchangeServerTest : testing::Test {
  KeyExchangeServerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-ike.XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder / "ike.sock";
  }
  ~KeyExchangeServerTest() override { std::filesystem::remove_all(folder); }

  // Turns of the control thread until it has nothing to do.
  bool gone() {
    return test::eventually([&] {
      io.poll();
      return !server.synchronized();
    });
  }

  std::filesystem::path folder;
  std::filesystem::path path;
  std::vector<std::string> log;
  test::RecordingGateway gateway;
  boost::asio::io_context io;
  KeyExchangeServer server{io, gateway, [this](std::string_view line) { log.emplace_back(line); }};
};

TEST_F(KeyExchangeServerTest, TheSocketIsItsOwnersOnly) {
  ASSERT_TRUE(server.listen(path));
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
}

TEST_F(KeyExchangeServerTest, OnlyRootItsOwnUserAndTheOneNamedMayConnect) {
  if (::geteuid() != 0) GTEST_SKIP() << "another user can be taken on by root only";
  constexpr uid_t kNamed = 65533;
  constexpr uid_t kOther = 65532;
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  ASSERT_TRUE(server.listen(path, kNamed));
  const auto connect_as = [&](uid_t user) {
    EXPECT_EQ(::seteuid(user), 0);
    auto plugin = std::make_unique<Plugin>(io, path);
    EXPECT_EQ(::seteuid(0), 0);
    return plugin;
  };
  EXPECT_TRUE(connect_as(kNamed)->greet());
  ASSERT_TRUE(gone());
  // The file's mode keeps others out already; what the kernel says of them does so too.
  std::filesystem::permissions(path, std::filesystem::perms::all);
  EXPECT_TRUE(connect_as(kOther)->receive().empty());
  EXPECT_THAT(log, Contains(HasSubstr("of user 65532 may not speak for charon")));
}

TEST_F(KeyExchangeServerTest, TakesThePlaceOfADeadServerOnly) {
  { const auto dead = listen_unix(path, SOCK_SEQPACKET, 0600, 1); }
  ASSERT_TRUE(std::filesystem::exists(path));
  ASSERT_TRUE(server.listen(path));
  KeyExchangeServer second(io, gateway);
  const auto taken = second.listen(path);
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message(), HasSubstr("another process answers"));
  std::ofstream(folder / "file") << "text";
  EXPECT_THAT(second.listen(folder / "file").error().message(), HasSubstr("not a socket"));
}

TEST_F(KeyExchangeServerTest, CarriesRequestsAndEvents) {
  ASSERT_TRUE(server.listen(path));
  Plugin plugin(io, path);
  ASSERT_TRUE(plugin.greet());
  EXPECT_TRUE(server.synchronized());
  EXPECT_EQ(plugin.status(client::add(4, client::inbound(0x1000))), MILLRACE_IKE_OK);
  EXPECT_EQ(gateway.associations.size(), 1U);
  const AssociationKey key{.outbound = false, .spi = 0x1000, .remote = *net::IpAddress::parse("192.0.2.2")};
  server.expired(key, 7, true);
  EXPECT_EQ(plugin.receive(), ike::write_expired(key, 7, true));
  server.acquire(7, {});
  EXPECT_EQ(plugin.receive(), ike::write_acquire(7, {}));
  server.mapping_changed(key, 7, key.remote, 4501);
  EXPECT_EQ(plugin.receive(), ike::write_mapping(key, 7, key.remote, 4501));
}

TEST_F(KeyExchangeServerTest, NothingChangesWhenThePluginGoes) {
  ASSERT_TRUE(server.listen(path));
  {
    Plugin plugin(io, path);
    ASSERT_TRUE(plugin.greet());
    EXPECT_EQ(plugin.status(client::add(4, client::inbound(0x1000))), MILLRACE_IKE_OK);
  }
  ASSERT_TRUE(gone());
  EXPECT_EQ(gateway.associations.size(), 1U);
  EXPECT_THAT(log, Contains(HasSubstr("its tunnels stay as they are")));
  server.expired({.outbound = false, .spi = 0x1000, .remote = {}}, 7, false);
  Plugin next(io, path);
  ASSERT_TRUE(next.greet());
  EXPECT_EQ(client::answer(next.receive()).header.type, MILLRACE_IKE_EXPIRED);
}

TEST_F(KeyExchangeServerTest, ASecondPluginWaitsForTheFirstToGo) {
  ASSERT_TRUE(server.listen(path));
  {
    Plugin first(io, path);
    ASSERT_TRUE(first.greet());
    Plugin second(io, path);
    EXPECT_EQ(second.status(client::hello(1)), MILLRACE_IKE_BUSY);
    EXPECT_TRUE(second.receive().empty());
    EXPECT_EQ(first.status(client::request(MILLRACE_IKE_ALLOCATE_SPI, 4)), MILLRACE_IKE_OK);
  }
  ASSERT_TRUE(gone());
  Plugin third(io, path);
  EXPECT_TRUE(third.greet());
}

TEST_F(KeyExchangeServerTest, GarbageIsAnsweredOrTheConnectionEnds) {
  ASSERT_TRUE(server.listen(path));
  Plugin strange(io, path);
  strange.send({0xde, 0xad});
  EXPECT_EQ(client::answer(strange.receive()).body.status, MILLRACE_IKE_MALFORMED);
  EXPECT_TRUE(strange.receive().empty());
  EXPECT_THAT(log, Contains(HasSubstr("a header takes 12 bytes, 2 are left")));

  Plugin plugin(io, path);
  ASSERT_TRUE(plugin.greet());
  client::Message wrong = client::add(4, client::inbound(0x1000));
  wrong[sizeof(millrace_ike_header) + 4] = 77;
  EXPECT_EQ(plugin.status(wrong), MILLRACE_IKE_MALFORMED);
  EXPECT_EQ(plugin.status(client::request(MILLRACE_IKE_ALLOCATE_SPI, 5)), MILLRACE_IKE_OK);
  plugin.send(client::Message(MILLRACE_IKE_MOST_BYTES + 1));
  EXPECT_TRUE(plugin.receive().empty());
  EXPECT_THAT(log, Contains(HasSubstr("a message of 65537 bytes")));
}

TEST_F(KeyExchangeServerTest, TheLogIsBounded) {
  ASSERT_TRUE(server.listen(path));
  Plugin plugin(io, path);
  ASSERT_TRUE(plugin.greet());
  for (std::uint32_t i = 0; i < 200; ++i)
    EXPECT_EQ(plugin.status(client::request(static_cast<millrace_ike_type>(30), i)), MILLRACE_IKE_MALFORMED);
  EXPECT_GE(log.size(), 10U);
  EXPECT_LE(log.size(), 100U);
}

TEST_F(KeyExchangeServerTest, APluginThatDoesNotReadIsLetGo) {
  ASSERT_TRUE(server.listen(path));
  Plugin plugin(io, path);
  ASSERT_TRUE(plugin.greet());
  const AssociationKey key{.outbound = false, .spi = 0x1000, .remote = {}};
  for (int i = 0; i < 10'000; ++i) server.expired(key, 7, false);
  EXPECT_TRUE(gone());
  EXPECT_THAT(log, Contains(HasSubstr("does not take what it is sent")));
}

}  // namespace
}  // namespace millrace::vpn
