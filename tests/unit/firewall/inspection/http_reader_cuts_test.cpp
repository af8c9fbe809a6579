// SPDX-License-Identifier: BSD-3-Clause
// Streams cut into segments.
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_listener.h"

namespace millrace::firewall::inspection {
namespace {

using testing::HttpListener;
using ::testing::IsEmpty;

const std::string kRequest = "GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nServer: a\r\nContent-Length: 5\r\n\r\nhello";

// However it is cut, the same is found. All places for a cut, each byte by itself, and places at random.
class HttpReaderCuts : public ::testing::TestWithParam<std::pair<Side, std::string>> {};

TEST_P(HttpReaderCuts, DoNotMatter) {
  const auto& [side, stream] = GetParam();
  for (const bool ended : {false, true}) {
    const auto told = [&, &side = side, &stream = stream](const std::vector<std::size_t>& cuts) {
      HttpListener listener(0);
      for (unsigned i = 0; side == Side::kServer && i < 4; ++i)
        EXPECT_TRUE(listener.exchange.asked(HttpMethod::kOther));
      listener.hear_in_pieces(side, stream, cuts, ended);
      return listener.of(side).messages;
    };
    const auto whole = told({});
    ASSERT_THAT(whole, ::testing::Not(IsEmpty()));
    std::vector<std::size_t> every;
    for (std::size_t at = 1; at < stream.size(); ++at) {
      EXPECT_EQ(told({at}), whole) << "cut at " << at;
      every.push_back(at);
    }
    EXPECT_EQ(told(every), whole);
    std::minstd_rand random(1);
    for (unsigned i = 0; i < 20; ++i) {
      std::vector<std::size_t> some;
      for (const std::size_t at : every)
        if (random() % 8 == 0) some.push_back(at);
      EXPECT_EQ(told(some), whole);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Requests, HttpReaderCuts,
    ::testing::Values(
        std::pair{Side::kClient, kRequest + "\r\n" + kRequest},
        std::pair{Side::kClient,
                  std::string(" \r\n\r\nPOST  /%u0041/../b\\c?%zz HTTP/1.1\nHost : a\r\n folded\r\n"
                              "Content-Length: 5, 5\r\n\r\nhello" +
                              kRequest)},
        std::pair{Side::kClient,
                  std::string(
                      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
                      "4;a=b\r\nWiki\r\n5 \npedia\n0\r\nA: b\r\n\r\n") +
                      kRequest},
        std::pair{
            Side::kClient,
            std::string(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n")},
        std::pair{Side::kClient,
                  std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno\r\nmore")},
        std::pair{Side::kClient,
                  std::string(32, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n" + std::string(33, 'A') + " /"},
        std::pair{Side::kClient, std::string("GET /old\r\nHost: a\r\n\r\n")},
        std::pair{Side::kClient, kRequest + "\x16\x03\x01 and so on"},
        std::pair{Side::kClient, std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}));

INSTANTIATE_TEST_SUITE_P(
    Answers, HttpReaderCuts,
    ::testing::Values(
        std::pair{Side::kServer,
                  "HTTP/1.1 100 Continue\r\n\r\n" + kAnswer + "HTTP/1.0 404\r\n\r\nnothing here"},
        std::pair{Side::kServer, kAnswer + "HTTQ/1.1 200 OK\r\n\r\n"},
        std::pair{Side::kServer, std::string("\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                             "b\r\nhello world\r\n0\r\n\r\n") +
                                     kAnswer},
        std::pair{Side::kServer, std::string("HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")}));

}  // namespace
}  // namespace millrace::firewall::inspection
