// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health/dns_message.h"

#include <gtest/gtest.h>

namespace millrace::load_balancer::health::test {
namespace {

using Message = std::vector<std::uint8_t>;

// Laid out by hand from RFC 1035 sections 4.1.1, 4.1.2 and 3.1: id 0x1234, RD, one question "a.bc", A, IN.
const Message kQuery = {0x12, 0x34, 0x01, 0x00, 0,   1, 0, 0, 0, 0, 0, 0,  // header
                        1,    'a',  2,    'b',  'c', 0, 0, 1, 0, 1};

// The same with QR and RA, and one record: a pointer to the name, A, IN, 60 s, 192.0.2.1.
Message answer_to_query() {
  Message answer = kQuery;
  answer[2] = 0x81;
  answer[3] = 0x80;
  answer[7] = 1;
  for (const int byte : {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1}) {
    answer.push_back(static_cast<std::uint8_t>(byte));
  }
  return answer;
}

TEST(DnsMessage, WritesAQuestion) {
  EXPECT_EQ(dns_query(0x1234, "a.bc", DnsCheck::Type::kA), kQuery);
  EXPECT_EQ(dns_query(0x1234, "a.bc.", DnsCheck::Type::kA), kQuery);
  Message quad = kQuery;
  quad[19] = 28;  // RFC 3596 section 2.1
  EXPECT_EQ(dns_query(0x1234, "a.bc", DnsCheck::Type::kAaaa), quad);
  const Message root = {0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1};
  EXPECT_EQ(dns_query(1, ".", DnsCheck::Type::kA), root);
}

TEST(DnsMessage, RefusesNamesThatCannotBeWritten) {
  const auto writable = [](const std::string& name) {
    return !dns_query(1, name, DnsCheck::Type::kA).empty();
  };
  EXPECT_FALSE(writable(""));
  EXPECT_FALSE(writable(".."));
  EXPECT_FALSE(writable("a..b"));
  EXPECT_FALSE(writable(".a"));
  EXPECT_TRUE(writable(std::string(63, 'x')));
  EXPECT_FALSE(writable(std::string(64, 'x')));
  // Labels of 63 take 64 bytes each; three of them, one of 61 and the root make 255.
  const std::string three =
      std::string(63, 'x') + "." + std::string(63, 'x') + "." + std::string(63, 'x') + ".";
  EXPECT_TRUE(writable(three + std::string(61, 'x')));
  EXPECT_FALSE(writable(three + std::string(62, 'x')));
}

TEST(DnsMessage, ReadsAnAnswer) {
  const auto answer = read_dns_answer(answer_to_query(), kQuery);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->code, 0U);
  EXPECT_EQ(answer->records, 1U);
  Message shouted = answer_to_query();
  shouted[13] = 'A';
  EXPECT_TRUE(read_dns_answer(shouted, kQuery)) << "case means nothing (RFC 1035 section 2.3.3)";
}

TEST(DnsMessage, ReadsARefusal) {
  Message answer = answer_to_query();
  answer[3] = 0x85;
  EXPECT_EQ(read_dns_answer(answer, kQuery)->code, 5U);
  const Message bare = {0x12, 0x34, 0x80, 0x02, 0, 0, 0, 0, 0, 0, 0, 0};
  ASSERT_TRUE(read_dns_answer(bare, kQuery)) << "without the question";
  EXPECT_EQ(read_dns_answer(bare, kQuery)->code, 2U);
  EXPECT_EQ(dns_code_text(2), "SERVFAIL");
  EXPECT_EQ(dns_code_text(3), "NXDOMAIN");
  EXPECT_EQ(dns_code_text(5), "REFUSED");
  EXPECT_EQ(dns_code_text(11), "RCODE 11");
}

TEST(DnsMessage, TakesNoOtherMessageForAnAnswer) {
  const auto is_answer = [](Message message) { return read_dns_answer(message, kQuery).has_value(); };
  EXPECT_FALSE(is_answer(kQuery)) << "an echo of the question";
  Message other_id = answer_to_query();
  other_id[1] ^= 1;
  EXPECT_FALSE(is_answer(other_id));
  Message other_name = answer_to_query();
  other_name[13] = 'b';
  EXPECT_FALSE(is_answer(other_name));
  Message bare = {0x12, 0x34, 0x80, 0x00, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_FALSE(is_answer(bare)) << "NOERROR to no question";
  const Message whole = answer_to_query();
  for (std::size_t size = 0; size < kQuery.size(); ++size) {
    EXPECT_FALSE(is_answer(Message(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))))
        << size;
  }
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
