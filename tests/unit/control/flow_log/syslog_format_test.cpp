// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/syslog_format.h"

#include <gtest/gtest.h>

#include "tests/support/syslog_tools.h"

namespace millrace::control {
namespace {

using namespace std::chrono_literals;
using testing::SyslogMessage;

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

}  // namespace
}  // namespace millrace::control
