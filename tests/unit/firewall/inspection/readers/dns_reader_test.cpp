// SPDX-License-Identifier: BSD-3-Clause
// DNS messages built by hand.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/protocol_listener.h"
#include "tests/support/tls_bytes.h"

namespace millrace::firewall::inspection::readers {
namespace {

using testing::counted;
using testing::DnsListener;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::number_bytes;
using testing::pairs;
using ::testing::SizeIs;

std::string dns_header(unsigned flags, unsigned questions, unsigned answers = 0, unsigned others = 0) {
  return pairs({0x1234, flags, questions, answers, others, 0});
}
std::string dns_name(std::initializer_list<std::string_view> labels) {
  std::string bytes;
  for (const std::string_view label : labels) bytes += counted(label, 1);
  return bytes + std::string(1, '\0');
}
std::string dns_question(const std::string& of, unsigned type = 1) { return of + pairs({type, 1}); }
std::string dns_record(const std::string& of, unsigned type, unsigned ttl, std::string_view data) {
  return of + pairs({type, 1}) + number_bytes(ttl, 4) + counted(data, 2);
}
std::string dns_pointer(unsigned to) { return pairs({0xc000U | to}); }

DnsListener dns_heard(const std::string& message) {
  DnsListener listener;
  listener.hear_datagram(message);
  return listener;
}

TEST(DnsReader, FindsTheQuestion) {
  const DnsListener listener =
      dns_heard(dns_header(0x0100, 1) + dns_question(dns_name({"www", "Example", "org"}), 28));
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_EQ(listener.told[0][Buffer::kDnsQuery], "www.Example.org");
  EXPECT_THAT(listener.told[0].others, ElementsAre("query", "28"));
  EXPECT_TRUE(listener.anomalies.empty());
}

// RFC 1035 section 4.1.4 has these names, F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64 and the root at
// 92. Here they are questions.
TEST(DnsReader, FollowsTheRfcsPointers) {
  std::string message = dns_header(0, 4);
  message += dns_question(dns_name({"F", "ISI", "ARPA"}));
  message += dns_question(counted("FOO", 1) + dns_pointer(12));
  message += dns_question(dns_pointer(18));
  message += dns_question(dns_name({}));
  const DnsListener listener = dns_heard(message);
  ASSERT_THAT(listener.told, SizeIs(4));
  EXPECT_EQ(listener.told[0][Buffer::kDnsQuery], "F.ISI.ARPA");
  EXPECT_EQ(listener.told[1][Buffer::kDnsQuery], "FOO.F.ISI.ARPA");
  EXPECT_EQ(listener.told[2][Buffer::kDnsQuery], "ARPA");
  EXPECT_EQ(listener.told[3][Buffer::kDnsQuery], "");
  EXPECT_TRUE(listener.anomalies.empty());
}

TEST(DnsReader, FindsAddresses) {
  const std::string message =
      dns_header(0x8180, 1, 4, 1) + dns_question(dns_name({"a", "b"})) +
      dns_record(dns_pointer(12), 5, 60, dns_name({"c", "b"})) +
      dns_record(dns_pointer(12), 1, 300, std::string("\xc0\0\2\1", 4)) +
      dns_record(dns_pointer(12), 28, 30, std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\1") +
      dns_record(dns_pointer(12), 1, 5, "bad") + dns_record(dns_pointer(12), 1, 5, "\1\2\3\4");
  const DnsListener listener = dns_heard(message);
  ASSERT_THAT(listener.told, SizeIs(2));
  EXPECT_THAT(listener.told[0].others, ElementsAre("answer 0", "1"));
  EXPECT_THAT(listener.told[1].others, ElementsAre("answer 0", "192.0.2.1", "2001:db8::1"));
  EXPECT_TRUE(listener.anomalies.empty());
}

TEST(DnsReader, TellsWhatWentWrongAtTheServer) {
  const DnsListener listener = dns_heard(dns_header(0x8183, 1) + dns_question(dns_name({"none"})));
  ASSERT_THAT(listener.told, SizeIs(1));
  EXPECT_THAT(listener.told[0].others, ElementsAre("answer 3", "1"));
}

TEST(DnsReader, KeepsBytesAsTheyAre) {
  const std::string odd("a.\0\xff b", 6);
  EXPECT_EQ(dns_heard(dns_header(0, 1) + dns_question(dns_name({odd, "c"}))).told.at(0)[Buffer::kDnsQuery],
            odd + ".c");
}

struct DnsCase {
  const char* name;
  std::string message;
  ReadAnomaly anomaly;
  std::vector<std::string> queries;
};
class DnsAnomaly : public ::testing::TestWithParam<DnsCase> {};

TEST_P(DnsAnomaly, IsNamed) {
  const DnsListener listener = dns_heard(GetParam().message);
  EXPECT_TRUE(listener.anomalies.has(GetParam().anomaly)) << GetParam().name;
  std::vector<std::string> queries;
  for (const testing::Told& one : listener.told) queries.push_back(one[Buffer::kDnsQuery]);
  EXPECT_EQ(queries, GetParam().queries) << GetParam().name;
}

const std::string k63(63, 'x');

INSTANTIATE_TEST_SUITE_P(
    All, DnsAnomaly,
    ::testing::Values(DnsCase{"no header", "short", ReadAnomaly::kDnsShort, {}},
                      DnsCase{"no type", dns_header(0, 1) + dns_name({"a"}), ReadAnomaly::kDnsShort, {"a"}},
                      DnsCase{"fewer questions",
                              dns_header(0, 2) + dns_question(dns_name({"a"})),
                              ReadAnomaly::kDnsShort,
                              {"a"}},
                      DnsCase{"fewer records",
                              dns_header(0x8000, 1, 1) + dns_question(dns_name({"a"})),
                              ReadAnomaly::kDnsShort,
                              {"a"}},
                      DnsCase{"a pointer to itself",
                              dns_header(0, 1) + dns_question(dns_pointer(12)),
                              ReadAnomaly::kDnsPointer,
                              {""}},
                      DnsCase{"a pointer forward",
                              dns_header(0, 1) + dns_question(counted("a", 1) + dns_pointer(18)) +
                                  dns_name({"b"}),
                              ReadAnomaly::kDnsPointer,
                              {"a"}},
                      DnsCase{"a loop",
                              dns_header(0, 1) + dns_question(counted("a", 1) + dns_pointer(12)),
                              ReadAnomaly::kDnsPointer,
                              {"a"}},
                      DnsCase{"reserved label",
                              dns_header(0, 1) + dns_question("\x41"
                                                              "a"),
                              ReadAnomaly::kDnsBadName,
                              {""}},
                      DnsCase{"label past the end",
                              dns_header(0, 1) + "\x05"
                                                 "abc",
                              ReadAnomaly::kDnsBadName,
                              {""}},
                      DnsCase{"long name",
                              dns_header(0, 1) + dns_question(dns_name({k63, k63, k63, k63, "z"})),
                              ReadAnomaly::kDnsLongName,
                              {k63 + "." + k63 + "." + k63}},
                      DnsCase{"trailing",
                              dns_header(0, 1) + dns_question(dns_name({"a"})) + "x",
                              ReadAnomaly::kDnsTrailing,
                              {"a"}},
                      DnsCase{"reserved bit",
                              dns_header(0x0040, 1) + dns_question(dns_name({"a"})),
                              ReadAnomaly::kDnsReserved,
                              {"a"}},
                      DnsCase{"too many",
                              dns_header(0, 17) +
                                  [] {
                                    std::string all;
                                    for (int i = 0; i < 17; ++i) all += dns_question(dns_name({"q"}));
                                    return all;
                                  }(),
                              ReadAnomaly::kDnsManyQuestions, std::vector<std::string>(16, "q")}));

TEST(DnsReader, ReadsAStreamCutAtEachPlace) {
  const std::string one = dns_header(0x0100, 1) + dns_question(dns_name({"one", "example"}));
  const std::string two = dns_header(0x8180, 1, 1) + dns_question(dns_name({"two", "example"}), 28) +
                          dns_record(dns_pointer(12), 1, 9, "\1\2\3\4");
  const std::string stream = counted(one, 2) + counted(two, 2) + counted("", 2) + counted(one, 2);
  DnsListener whole;
  whole.hear(stream, true);
  ASSERT_THAT(whole.told, SizeIs(4));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    DnsListener pieces;
    pieces.hear(stream.substr(0, cut), false);
    pieces.hear(stream, true);
    EXPECT_EQ(pieces, whole) << cut;
  }
  DnsListener short_of_one;
  short_of_one.hear(stream.substr(0, stream.size() - 1), true);
  EXPECT_TRUE(short_of_one.anomalies.has(ReadAnomaly::kCutOff));
  EXPECT_THAT(short_of_one.told, SizeIs(3));
}

}  // namespace
}  // namespace millrace::firewall::inspection::readers
