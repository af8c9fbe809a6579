// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>

#include "common/control/flow_log/syslog_format.h"
#include "common/control/flow_log/syslog_sender.h"
#include "tests/support/eventually.h"
#include "tests/support/syslog_tools.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using testing::SyslogMessage;
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

TEST(SyslogLine, IsByTheGrammar) {
  SyslogLine line({.host = "a host\n", .program = "", .process = "7"}, SyslogSeverity::kWarning,
                  WallTime(1us), "some-id", "name@32473");
  line.add("quoted", R"(a "b" [c] \d)");
  line.add("number", 7);
  const auto message = SyslogMessage::parse(line.finish("the text"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->priority, 16 * 8 + 4);
  EXPECT_EQ(message->timestamp, "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(message->host, "ahost") << "no space, nothing that is not printed";
  EXPECT_EQ(message->program, "-");
  EXPECT_EQ(message->process, "7");
  EXPECT_EQ(message->id, "some-id");
  EXPECT_EQ(message->element, "name@32473");
  EXPECT_EQ(message->parameters,
            (std::map<std::string, std::string>{{"quoted", R"(a "b" [c] \d)"}, {"number", "7"}}));
  EXPECT_EQ(message->text, "the text");
}

TEST(SyslogLine, FieldsOfTheHeaderAreCut) {
  SyslogLine line({.host = std::string(300, 'h'), .program = std::string(60, 'p'), .process = ""},
                  SyslogSeverity::kInformational, WallTime(1us), std::string(40, 'i'), "e@1");
  const auto message = SyslogMessage::parse(line.finish("x"));
  ASSERT_TRUE(message);
  EXPECT_EQ(message->host.size(), 255U);
  EXPECT_EQ(message->program.size(), 48U);
  EXPECT_EQ(message->id.size(), 32U);
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
