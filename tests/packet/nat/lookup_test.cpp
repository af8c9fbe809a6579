// SPDX-License-Identifier: BSD-3-Clause
// Who has which outside address and port: GET /v1/nat/lookup.
#include <boost/json.hpp>
#include <chrono>

#include <fmt/chrono.h>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing {
namespace {

class LookUp : public NatTest {};
MILLRACE_NAT_VARIANTS(LookUp);

using boost::json::value;

// RFC 3339, so long ago.
std::string ago(std::chrono::seconds time) {
  return fmt::format(
      "{:%Y-%m-%dT%H:%M:%SZ}",
      fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() - time)));
}

std::string question(std::string_view address, int port = -1, std::string_view protocol = "",
                     const std::string& at = "") {
  boost::json::object query{{"address", address}};
  if (port >= 0) query["port"] = port;
  if (!protocol.empty()) query["protocol"] = protocol;
  if (!at.empty()) query["at"] = at;
  return boost::json::serialize(query);
}

// "INSIDE:PORT by HOW"
std::vector<std::string> answers(const value& found) {
  std::vector<std::string> all;
  for (const value& one : found.at("answers").as_array()) {
    std::string text(one.at("inside").as_string());
    if (!one.at("inside_port").is_null())
      text += ":" + std::to_string(one.at("inside_port").to_number<int>());
    all.push_back(text + " by " + std::string(one.at("by").as_string()));
  }
  return all;
}
using Texts = std::vector<std::string>;

std::optional<Seen> open_session(NatBed& bed, std::string_view host = "10.0.0.10") {
  return bed.one(kInside, NatBed::inside(host, "8.8.8.8").udp(4000, 53));
}

TEST_P(LookUp, AMappingNamesItsHostAndItsPort) {
  NatBed bed(variant());
  const auto sent = open_session(bed);
  ASSERT_TRUE(sent);
  bed.wait(30'000);
  const auto found = bed.report("lookup", question(sent->source, sent->source_port));
  EXPECT_EQ(answers(found), (Texts{"10.0.0.10:4000 by mapping"}));
  EXPECT_EQ(found.at("answers").at(0).at("protocol"), "udp");
  EXPECT_EQ(answers(bed.report("lookup", question(sent->source, sent->source_port, "tcp"))), Texts{});
  EXPECT_EQ(answers(bed.report("lookup", question(sent->source, sent->source_port, "udp"))),
            (Texts{"10.0.0.10:4000 by mapping"}));
}

TEST_P(LookUp, WhatWasBeforeIsNotGuessed) {
  NatBed bed(variant());
  const auto sent = open_session(bed);
  ASSERT_TRUE(sent);
  bed.wait(100'000);
  const auto at = [&](std::chrono::seconds time) {
    return bed.report("lookup", question(sent->source, sent->source_port, "udp", ago(time)));
  };
  using namespace std::chrono_literals;
  EXPECT_EQ(at(20s).at("answers").at(0).at("then"), true);
  EXPECT_EQ(at(95s).at("answers").at(0).at("then"), true);
  const auto before = at(130s);
  EXPECT_EQ(before.at("answers").at(0).at("then"), false);
  EXPECT_EQ(before.at("summary"), "who has it now did not have it then; who had it is in the log");
}

TEST_P(LookUp, APortThatRestsIsNamedAsSuch) {
  NatBed bed(variant());
  const auto sent = open_session(bed);
  ASSERT_TRUE(sent);
  bed.wait(301'000);
  EXPECT_EQ(answers(bed.report("lookup", question(sent->source, sent->source_port))),
            (Texts{"10.0.0.10:4000 by resting mapping"}));
  bed.wait(121'000);
  const auto found = bed.report("lookup", question(sent->source, sent->source_port));
  EXPECT_EQ(answers(found), Texts{});
  EXPECT_EQ(found.at("summary"), "nobody has this port now; who had it before is in the log");
}

TEST_P(LookUp, ABlockNamesItsHostForAllItsPorts) {
  NatSpec spec;
  spec.pools[0].block = 256;
  NatBed bed(variant(), spec);
  const auto sent = open_session(bed);
  ASSERT_TRUE(sent);
  const int other = sent->source_port ^ 1;  // of the same block
  const auto found = bed.report("lookup", question(sent->source, other));
  ASSERT_EQ(answers(found), (Texts{"10.0.0.10 by block"}));
  const value& block = found.at("answers").at(0);
  EXPECT_EQ(block.at("first_port"), sent->source_port / 256 * 256);
  EXPECT_EQ(block.at("last_port"), sent->source_port / 256 * 256 + 255);
  // And the other way round.
  const auto forward = bed.report("lookup", question("10.0.0.10"));
  ASSERT_EQ(answers(forward), (Texts{"10.0.0.10 by block"}));
  EXPECT_EQ(forward.at("answers").at(0).at("outside").as_string(), sent->source);
  EXPECT_EQ(forward.at("answers").at(0).at("first_port"), block.at("first_port"));
}

// RFC 7422: 100 hosts on two addresses, of whose ports from 1024 on each has 1024: 63 to an address.
TEST_P(LookUp, ArithmeticNeedsNoHostAndNoTime) {
  NatSpec spec;
  spec.pools[0].addresses = {"203.0.113.1", "203.0.113.2"};
  spec.pools[0].block = 1024;
  spec.pools[0].blocks_per_subscriber = 1;
  spec.pools[0].arithmetic = nat::Pool::Arithmetic{.first_inside = 0x0a000100, .insides = 100};
  NatBed bed(variant(), spec);
  const std::string long_ago = "2001-01-01T00:00:00Z";
  EXPECT_EQ(answers(bed.report("lookup", question("203.0.113.1", 1024, "", long_ago))),
            (Texts{"10.0.1.0 by deterministic"}));
  EXPECT_EQ(answers(bed.report("lookup", question("203.0.113.1", 65535, "", long_ago))),
            (Texts{"10.0.1.62 by deterministic"}));
  const auto second = bed.report("lookup", question("203.0.113.2", 2048 + 77, "", long_ago));
  EXPECT_EQ(answers(second), (Texts{"10.0.1.64 by deterministic"}));
  EXPECT_EQ(second.at("answers").at(0).at("then"), true);
  const auto forward = bed.report("lookup", question("10.0.1.64"));
  ASSERT_EQ(answers(forward), (Texts{"10.0.1.64 by deterministic"}));
  EXPECT_EQ(forward.at("answers").at(0).at("outside"), "203.0.113.2");
  EXPECT_EQ(forward.at("answers").at(0).at("first_port"), 2048);
  EXPECT_EQ(forward.at("answers").at(0).at("last_port"), 3071);
  // The place after the last host is nobody's.
  EXPECT_EQ(answers(bed.report("lookup", question("203.0.113.2", 1024 * 38 + 1, "", long_ago))), Texts{});
  // What is in force agrees.
  const auto sent = open_session(bed, "10.0.1.64");
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->source, "203.0.113.2");
  EXPECT_EQ(sent->source_port / 1024, 2);
}

TEST_P(LookUp, StaticMappings) {
  NatSpec spec;
  auto port = static_mapping("10.0.0.90", "203.0.113.9");
  port.whole = false;
  port.protocol = 6;
  port.inside_port = 8443;
  port.outside_port = 443;
  port.ports = 10;
  spec.statics = {static_mapping("10.0.0.80", "203.0.113.8"), port};
  NatBed bed(variant(), spec);
  EXPECT_EQ(answers(bed.report("lookup", question("203.0.113.8"))), (Texts{"10.0.0.80 by static"}));
  EXPECT_EQ(answers(bed.report("lookup", question("203.0.113.9", 445))), (Texts{"10.0.0.90:8445 by static"}));
  EXPECT_EQ(answers(bed.report("lookup", question("10.0.0.80"))), (Texts{"10.0.0.80 by static"}));
  const auto forward = bed.report("lookup", question("10.0.0.90", 8445, "tcp"));
  ASSERT_EQ(answers(forward), (Texts{"10.0.0.90 by static"}));
  EXPECT_EQ(forward.at("answers").at(0).at("outside"), "203.0.113.9");
  EXPECT_EQ(forward.at("answers").at(0).at("first_port"), 445);
}

TEST_P(LookUp, AQuestionThatIsNoneIsRefusedByItsParameter) {
  NatBed bed(variant());
  const auto refusal = [&](std::string_view query) {
    const auto answer = bed.report("lookup", query);
    return answer.is_string() ? std::string(answer.as_string()) : std::string();
  };
  EXPECT_NE(refusal("{}").find("address"), std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113"})").find("is not an IPv4 or IPv6 address"), std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113.1", "port": 65536})").find("port"), std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113.1", "at": "yesterday"})").find("is not a time"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113.1", "at": "2999-01-01T00:00:00Z"})").find("in the future"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113.1", "domain": "moon"})").find("routing domain"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"address": "203.0.113.1", "color": "red"})").find("color"), std::string::npos);
}

}  // namespace
}  // namespace millrace::testing
