// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/discovery/backend_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::load_balancer::discovery::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

net::IpAddress address(const char* text) { return *net::IpAddress::parse(text); }

std::vector<FoundBackend> parsed(std::string_view text) {
  const auto backends = parse_backends(text, "b.txt");
  if (!backends) {
    ADD_FAILURE() << backends.error().at(0).message();
    return {};
  }
  return *backends;
}

std::vector<std::string> errors_of(std::string_view text) {
  const auto backends = parse_backends(text, "b.txt");
  std::vector<std::string> messages;
  if (!backends) {
    for (const Error& error : backends.error()) messages.push_back(error.message());
  }
  return messages;
}

TEST(BackendList, ReadsLinesWithAndWithoutOptions) {
  EXPECT_THAT(parsed("# a pool\n"
                     "10.0.0.11\n"
                     "\n"
                     "  10.0.0.12 port=8080   weight=2 # the big one\r\n"
                     "\t2001:db8::1\tweight=0\n"
                     "10.0.0.12 weight=7"),
              ElementsAre(FoundBackend{address("10.0.0.11")}, FoundBackend{address("10.0.0.12"), 8080, 2},
                          FoundBackend{address("2001:db8::1"), std::nullopt, 0},
                          FoundBackend{address("10.0.0.12"), std::nullopt, 7}));
  EXPECT_THAT(parsed(""), IsEmpty());
  EXPECT_THAT(parsed("# nobody\n\n"), IsEmpty());
}

TEST(BackendList, NamesEachLineThatIsWrong) {
  EXPECT_THAT(
      errors_of("10.0.0.11\n"
                "10.0.0.300\n"
                "10.0.0.12 port=0\n"
                "# fine\n"
                "10.0.0.13 weight=1001\n"
                "10.0.0.14 weight=-1\n"
                "10.0.0.15 port=80x\n"
                "10.0.0.16 colour=red\n"
                "10.0.0.17 port=1 port=2\n"
                "10.0.0.18 port\n"
                "10.0.0.11\n"
                "web.example\n"),
      ElementsAre("b.txt:2: read the list of backends: \"10.0.0.300\" is no address; a line is ADDRESS "
                  "[port=N] [weight=N]",
                  "b.txt:3: read the list of backends: port \"0\" is not from 1 to 65535",
                  "b.txt:5: read the list of backends: weight \"1001\" is not from 0 to 1000",
                  "b.txt:6: read the list of backends: weight \"-1\" is not from 0 to 1000",
                  "b.txt:7: read the list of backends: port \"80x\" is not from 1 to 65535",
                  "b.txt:8: read the list of backends: \"colour=red\" is not known; behind the address "
                  "stand port=N and weight=N",
                  "b.txt:9: read the list of backends: port is given twice",
                  "b.txt:10: read the list of backends: port \"\" is not from 1 to 65535",
                  "b.txt:11: read the list of backends: 10.0.0.11 is in line 1 too",
                  "b.txt:12: read the list of backends: \"web.example\" is no address; a line is "
                  "ADDRESS [port=N] [weight=N]"));
}

TEST(BackendList, BoundsWhatItTakesAndWhatItSays) {
  std::string nonsense;
  for (int i = 0; i < 1000; ++i) nonsense += std::string(5000, '\x01') + "\n";
  const auto errors = errors_of(nonsense);
  EXPECT_EQ(errors.size(), 20U);
  EXPECT_LT(errors.at(0).size(), 200U);
  EXPECT_EQ(errors.at(0).find('\x01'), std::string::npos);
  std::string many;
  for (std::size_t i = 0; i <= kMostBackends; ++i) {
    many += "10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
            std::to_string(i % 256) + "\n";
  }
  EXPECT_THAT(errors_of(many),
              ElementsAre("b.txt:10001: read the list of backends: more than 10000 backends"));
  many.erase(many.rfind("10."));
  EXPECT_EQ(parsed(many).size(), kMostBackends);
}

}  // namespace
}  // namespace millrace::load_balancer::discovery::test
