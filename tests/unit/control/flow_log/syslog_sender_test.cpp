// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/syslog_sender.h"

#include <gtest/gtest.h>

#include "tests/support/eventually.h"
#include "tests/support/syslog_tools.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::SyslogReceiver;

std::unique_ptr<SyslogSender> sender(std::uint16_t port, std::size_t waiting_lines = 1000) {
  auto made = SyslogSender::start({.host = "127.0.0.1",
                                   .port = port,
                                   .waiting_lines = waiting_lines,
                                   .first_retry = 5ms,
                                   .last_retry = 20ms});
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

TEST(SyslogSender, OneLineIsOneDatagram) {
  const SyslogReceiver receiver;
  const auto sink = sender(receiver.port());
  sink->write({"first", "second"});
  sink->write({"third"});
  EXPECT_EQ(receiver.next(), "first");
  EXPECT_EQ(receiver.next(), "second");
  EXPECT_EQ(receiver.next(), "third");
  ASSERT_TRUE(sink->flush(30s));
  EXPECT_EQ(sink->status().written, 3U);
  EXPECT_TRUE(sink->status().working);
}

TEST(SyslogSender, LinesWaitForACollectorThatIsAwayAndTheRestIsLost) {
  std::uint16_t port = 0;
  {
    const SyslogReceiver gone;
    port = gone.port();
  }
  const auto sink = sender(port, 10);
  sink->write({"nobody hears it"});
  ASSERT_TRUE(sink->flush(30s));
  // The loopback answers that nobody listens; the next line finds out and is kept.
  sink->write({"kept"});
  ASSERT_TRUE(eventually([&] { return sink->status().failures > 0; }));
  const auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) sink->write({"a", "b", "c"});
  EXPECT_LT(std::chrono::steady_clock::now() - before, 5s) << "nothing waits for the collector";
  ASSERT_TRUE(eventually([&] {
    const SinkStatus status = sink->status();
    return status.written + status.lost + status.waiting == 302U;
  }));
  EXPECT_GT(sink->status().lost, 0U);

  const SyslogReceiver back(port);
  sink->write({"last"});
  std::string line = back.next();
  EXPECT_FALSE(line.empty());
  ASSERT_TRUE(sink->flush(30s));
  const SinkStatus status = sink->status();
  EXPECT_EQ(status.written + status.lost, 303U);
  EXPECT_TRUE(status.working);
}

TEST(SyslogSender, AtItsEndWhatCanNotBeSentIsLost) {
  const SyslogReceiver receiver;
  auto sink = SyslogSender::start({.host = "no-such-host.invalid", .port = receiver.port()});
  ASSERT_TRUE(sink);
  (*sink)->write({"a", "b"});
  ASSERT_TRUE(eventually([&] { return (*sink)->status().failures > 0; }));
  EXPECT_FALSE((*sink)->status().working);
  EXPECT_EQ((*sink)->status().waiting, 2U);
}

}  // namespace
}  // namespace millrace::control
