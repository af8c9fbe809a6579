// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/ip/udp.hpp>

#include "tests/support/scripted_server.h"
#include "tests/unit/load_balancer/health/one_check.h"

namespace millrace::load_balancer::health::test {
namespace {

using namespace std::chrono_literals;
using millrace::test::ScriptedDatagrams;

ScriptedDatagrams::Script answers(std::vector<std::string> texts) {
  return [texts = std::move(texts)](const std::string&) { return texts; };
}

// A port that was free a moment ago.
std::uint16_t closed_udp_port(boost::asio::io_context& io) {
  using boost::asio::ip::udp;
  return udp::socket(io, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
}

class UdpCheckTest : public OneCheck {};

TEST_F(UdpCheckTest, JudgesTheFirstBytesOfTheAnswer) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    ScriptedDatagrams server(io_, answers({"PONG 7"}), address);
    const UdpCheck pong{.send = std::string("PING\0!", 6), .receive = "PONG"};
    const Status status = check(target_at(server.port(), pong, address));
    EXPECT_EQ(status.last.text, "answer \"PONG 7\"");
    EXPECT_EQ(status.state, State::kUp);
    ASSERT_EQ(server.datagrams().size(), 1U);
    EXPECT_EQ(server.datagrams()[0], pong.send);
    EXPECT_EQ(text_of(target_at(server.port(), UdpCheck{.send = "?", .receive = ""}, address)),
              "answer \"PONG 7\"");
    EXPECT_EQ(text_of(target_at(server.port(), UdpCheck{.send = "?", .receive = std::string("\0PONG", 5)},
                                address)),
              "answer \"PONG 7\" where \"\\x00PONG\" was expected");
    EXPECT_EQ(text_of(target_at(server.port(), UdpCheck{.send = "?", .receive = "PONG 77"}, address)),
              "answer \"PONG 7\" where \"PONG 77\" was expected");
  }
}

TEST_F(UdpCheckTest, AClosedPortIsAFailure) {
  for (const auto& receive : {std::optional<std::string>("x"), std::optional<std::string>()}) {
    const Status status =
        check(target_at(closed_udp_port(io_), UdpCheck{.send = "hello", .receive = receive}));
    EXPECT_EQ(status.last.text, "connection refused");
    EXPECT_EQ(status.state, State::kDown);
  }
}

TEST_F(UdpCheckTest, SilenceIsBadOnlyWhereAnAnswerIsWanted) {
  ScriptedDatagrams silent(io_, answers({}));
  const auto with = [&](std::optional<std::string> receive) {
    return check(with_timeout(
        target_at(silent.port(), UdpCheck{.send = "hello", .receive = std::move(receive)}), 200ms));
  };
  EXPECT_EQ(with("").last.text, "no answer within 200 ms");
  EXPECT_EQ(with("").state, State::kDown);
  EXPECT_EQ(with(std::nullopt).last.text, "no answer within 200 ms");
  EXPECT_EQ(with(std::nullopt).state, State::kUp);
}

TEST_F(UdpCheckTest, HearsTheBackendOnly) {
  // Another's datagram to the check's port does not pass for the backend's.
  using boost::asio::ip::udp;
  udp::socket other(io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  udp::socket backend(io_, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  std::array<char, 16> buffer{};
  udp::endpoint from;
  backend.async_receive_from(boost::asio::buffer(buffer), from, [&](boost::system::error_code, std::size_t) {
    other.send_to(boost::asio::buffer("PONG", 4), from);
  });
  const auto port = backend.local_endpoint().port();
  EXPECT_EQ(text_of(with_timeout(target_at(port, UdpCheck{.send = "PING", .receive = "PONG"}), 200ms)),
            "no answer within 200 ms");
}

// A server that takes the question and makes an answer of it: its header, and what is to follow the question.
class DnsCheckTest : public OneCheck {
 protected:
  static std::string answer_to(std::string query, char code, char records) {
    query[2] = static_cast<char>(0x80 | query[2]);
    query[3] = code;
    query[7] = records;
    return query;
  }
  Status with(ScriptedDatagrams::Script script, bool answers_wanted = false) {
    ScriptedDatagrams server(io_, std::move(script));
    const Status status = check(with_timeout(
        target_at(server.port(), DnsCheck{.name = "web.example", .answers = answers_wanted}), 500ms));
    return status;
  }
};

TEST_F(DnsCheckTest, AnAnswerIsGoodAndAnEmptyOneOnRequestNot) {
  const auto some = [](const std::string& query) { return std::vector{answer_to(query, 0, 2)}; };
  const auto none = [](const std::string& query) { return std::vector{answer_to(query, 0, 0)}; };
  EXPECT_EQ(with(some).last.text, "NOERROR, 2 records");
  EXPECT_EQ(with(none).last.text, "NOERROR, 0 records");
  EXPECT_EQ(with(none).state, State::kUp);
  EXPECT_EQ(with(some, true).state, State::kUp);
  EXPECT_EQ(with(none, true).last.text, "no records for web.example");
  EXPECT_EQ(with(none, true).state, State::kDown);
}

TEST_F(DnsCheckTest, AnErrorIsAFailure) {
  const Status status = with([](const std::string& query) { return std::vector{answer_to(query, 2, 0)}; });
  EXPECT_EQ(status.last.text, "SERVFAIL for web.example");
  EXPECT_EQ(status.state, State::kDown);
  EXPECT_EQ(check(target_at(closed_udp_port(io_), DnsCheck{.name = "web.example"})).last.text,
            "connection refused");
}

TEST_F(DnsCheckTest, StraysArePassedOverButNotForEver) {
  const auto stray = [](const std::string& query) {
    std::string other = answer_to(query, 0, 1);
    other[0] = static_cast<char>(other[0] ^ 1);
    return other;
  };
  EXPECT_EQ(with([&](const std::string& query) {
              return std::vector{stray(query), std::string("short"), answer_to(query, 0, 1)};
            }).last.text,
            "NOERROR, 1 records");
  EXPECT_EQ(with([&](const std::string& query) { return std::vector{stray(query)}; }).last.text,
            "no answer within 500 ms");
  EXPECT_EQ(
      with([&](const std::string& query) { return std::vector<std::string>(20, stray(query)); }).last.text,
      "answers to another question");
}

TEST_F(DnsCheckTest, ANameThatCannotBeWrittenIsNotTheBackendsFault) {
  const Status status = check(target_at(53, DnsCheck{.name = "a..b"}));
  EXPECT_EQ(status.last.text, "\"a..b\" cannot be asked for");
  EXPECT_EQ(status.state, State::kUnknown);
}

}  // namespace
}  // namespace millrace::load_balancer::health::test
