// SPDX-License-Identifier: BSD-3-Clause
// Each anomaly by itself, and the way in which the reader goes on.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/http_listener.h"

namespace millrace::firewall::inspection {
namespace {

using testing::HttpListener;
using testing::HttpMessage;
using ::testing::SizeIs;
using enum HttpAnomaly;

std::vector<std::string> names(HttpAnomalySet anomalies) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < kHttpAnomalies; ++i)
    if (anomalies.has(static_cast<HttpAnomaly>(i)))
      all.emplace_back(facts_of(static_cast<HttpAnomaly>(i)).name);
  return all;
}
HttpAnomalySet set_of(const std::vector<HttpAnomaly>& anomalies) {
  HttpAnomalySet set;
  for (const HttpAnomaly anomaly : anomalies) set.add(anomaly);
  return set;
}

struct Case {
  std::string stream;
  std::vector<HttpAnomaly> anomalies;  // of all messages together, and no others
  std::size_t messages = 1;            // that are complete
  bool ended = false;
};

std::vector<HttpMessage> play(Side side, const Case& one) {
  HttpListener listener;
  for (unsigned i = 0; side == Side::kServer && i < 4; ++i)
    EXPECT_TRUE(listener.exchange.asked(HttpMethod::kOther));
  listener.hear(side, one.stream, one.ended);
  HttpAnomalySet all;
  std::size_t complete = 0;
  for (const HttpMessage& message : listener.of(side).messages) {
    all.add(message.anomalies);
    complete += message.ends ? 1U : 0U;
  }
  EXPECT_EQ(names(all), names(set_of(one.anomalies))) << one.stream;
  EXPECT_EQ(complete, one.messages) << one.stream;
  return listener.of(side).messages;
}
std::vector<HttpMessage> ask(const Case& one) { return play(Side::kClient, one); }
std::vector<HttpMessage> answer(const Case& one) { return play(Side::kServer, one); }

std::string request(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"; }
const std::string kNext = request("X: next\r\n");

TEST(HttpReaderAnomaly, OfTheFirstLine) {
  ask({"\x16\x03\x01\x02", {kNotHttp}, 0});
  ask({"GET\r\n" + kNext, {kNotHttp}, 0});
  ask({std::string(100, 'A') + " / HTTP/1.1\r\n\r\n", {kNotHttp}, 0});
  ask({"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {kNotHttp, kUnknownVersion}, 0});
  EXPECT_EQ(ask({"GET /a b\r\nHost: a\r\n\r\n", {kNoVersion, kTargetSpace}})[0][Buffer::kHttpRawUri], "/a b");
  ask({"GET / HTTP/1.2\r\nHost: a\r\n\r\n" + kNext, {kUnknownVersion}, 2});
  ask({"GET / http/1.1\r\nHost: a\r\n\r\n", {kUnknownVersion}});
  ask({"\r\n\r\n" + kNext, {kEmptyLines}});
  EXPECT_EQ(ask({" \t" + kNext, {kLeadingSpace}})[0][Buffer::kHttpMethod], "GET");
  EXPECT_EQ(ask({"GET  /\tHTTP/1.1 \r\nHost: a\r\n\r\n", {kStartLineSpace}})[0][Buffer::kHttpUri], "/");
  EXPECT_EQ(ask({"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", {kTargetSpace}})[0][Buffer::kHttpUri], "/a b");
}

TEST(HttpReaderAnomaly, OfAStatusLine) {
  EXPECT_EQ(answer({"<html>HTTP/1.1 200 OK\r\n\r\n", {kNoStatusLine}, 0})[0][Buffer::kHttpResponseBody],
            "<html>HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(
      answer({"HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\nx", {kBadStatus}})[0][Buffer::kHttpResponseBody],
      "x");
  answer({"HTTP/1.1  204 OK\r\n\r\n", {kStartLineSpace}});
  answer({"\r\nHTTP/1.1 204 OK\r\n\r\n", {kEmptyLines}});
  answer({"HTTP/1.7 204 OK\r\n\r\n", {kUnknownVersion}});
}

TEST(HttpReaderAnomaly, AnAnswerToAnOldRequestIsABody) {
  HttpListener listener;
  listener.hear(Side::kClient, "GET /\r\n", false);
  listener.hear(Side::kServer, "<html>", true);
  EXPECT_TRUE(listener.server.messages.at(0).anomalies.empty());
  EXPECT_TRUE(listener.server.messages[0].ends);
  EXPECT_EQ(listener.server.messages[0][Buffer::kFileData], "<html>");
}

TEST(HttpReaderAnomaly, OfTheTargetAreTold) {
  ask({"GET /../%zz%00%u0041%2541%c0%af HTTP/1.1\r\nHost: a\r\n\r\n",
       {kAboveRoot, kBadEscape, kEscapedNul, kUnicodeEscape, kDoubleEscape, kOverlongUtf8}});
}

TEST(HttpReaderAnomaly, OfLines) {
  EXPECT_EQ(ask({"GET / HTTP/1.1\nHost: a\n\n" + kNext, {kBareLf}, 2})[0][Buffer::kHttpHost], "a");
  const auto cr = ask({request("X: a\rb\r\nUser-Agent: c\rd\r\n"), {kBareCr}});
  EXPECT_EQ(cr[0][Buffer::kHttpHeader], "Host: a\r\nX: a b\r\nUser-Agent: c d\r\n");
  EXPECT_EQ(cr[0][Buffer::kHttpUserAgent], "c d");
  ask({request(std::string("X: a\0b\r\n", 8)), {kNul}});
  const auto folded = ask({request("User-Agent: one \r\n \t two\r\n\tthree\r\nY: z\r\n"), {kFolded}});
  EXPECT_EQ(folded[0][Buffer::kHttpHeader], "Host: a\r\nUser-Agent: one two three\r\nY: z\r\n");
  EXPECT_EQ(folded[0][Buffer::kHttpUserAgent], "one two three");
  EXPECT_EQ(ask({"GET / HTTP/1.1\r\n X: y\r\n\tZ: z\r\nHost: a\r\n\r\n",
                 {kSpaceBeforeFields}})[0][Buffer::kHttpHeader],
            "Host: a\r\n");
}

TEST(HttpReaderAnomaly, OfFields) {
  EXPECT_EQ(ask({"GET / HTTP/1.1\r\nHost : a\r\n\r\n", {kSpaceBeforeColon}})[0][Buffer::kHttpHost], "a");
  const auto colon = ask({request("nothing\r\n"), {kNoColon}});
  EXPECT_EQ(colon[0][Buffer::kHttpHeader], "Host: a\r\nnothing\r\n");
  EXPECT_EQ(colon[0][Buffer::kHttpHeaderNames], "\r\nHost\r\n\r\n");
  EXPECT_EQ(ask({request("a b: c\r\n"), {kBadName}})[0][Buffer::kHttpHeader], "Host: a\r\na b: c\r\n");
  ask({request(": c\r\n"), {kBadName}});
  ask({"GET / HTTP/1.1\r\n\r\n", {kNoHost}});
  ask({"GET / HTTP/1.0\r\n\r\n", {}});
  EXPECT_EQ(ask({request("host: b\r\n"), {kManyHosts}})[0][Buffer::kHttpHost], "a");
  EXPECT_EQ(ask({"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", {kHostsDiffer}})[0][Buffer::kHttpHost], "b");
}

TEST(HttpReaderAnomaly, OfTooMuch) {
  std::string many;
  for (unsigned i = 0; i < kMostHttpFields; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  const auto fields = ask({request(many) + kNext, {kTooManyFields}, 2});
  EXPECT_THAT(fields[0][Buffer::kHttpHeader], ::testing::HasSubstr("X255: y\r\n"));
  EXPECT_THAT(fields[0][Buffer::kHttpHeaderNames], ::testing::Not(::testing::HasSubstr("X255\r\n")));

  const std::string start = "GET /long HTTP/1.1\r\nHost: a\r\n";
  const std::string longest =
      start + "X: " + std::string(kLongestHttpHead - start.size() - 7, 'x') + "\r\n\r\n";
  ask({longest + kNext, {}, 2});
  const auto too_long =
      ask({start + "X: " + std::string(kLongestHttpHead, 'x') + "\r\n\r\n", {kHeadTooLong}});
  EXPECT_EQ(too_long[0][Buffer::kHttpUri], "/long");
  EXPECT_EQ(too_long[0][Buffer::kHttpStart].size(), kLongestHttpHead);
}

TEST(HttpReaderAnomaly, OfNoRoom) {
  HttpListener listener;
  const std::string get = request("");
  Room small(http_head_room(get.size()) - 1);
  const HttpWork work{small, listener.exchange, listener.client.joined, listener.client.unpacked,
                      listener.inflate};
  HttpReader reader;
  unsigned heads = 0;
  reader.advance({reinterpret_cast<const std::uint8_t*>(get.data()), get.size()}, false, Side::kClient, work,
                 [&](const HttpEvent& event) noexcept {
                   ++heads;
                   EXPECT_TRUE(event.anomalies.has(kNoRoom));
                   EXPECT_FALSE(event.parts.has(Buffer::kHttpUri));
                   EXPECT_FALSE(event.parts.has(Buffer::kHttpHeader));
                   EXPECT_TRUE(event.parts.has(Buffer::kHttpRawUri));
                   return true;
                 });
  EXPECT_EQ(heads, 1U);
}

TEST(HttpReaderAnomaly, OfContentLength) {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const auto both = ask(
      {request("Content-Length: 3\r\n" + chunked) + "1\r\nx\r\n0\r\n\r\n" + kNext, {kLengthAndChunked}, 2});
  EXPECT_EQ(both[0][Buffer::kHttpRequestBody], "x");
  ask({request("Content-Length: 1, 1\r\n") + "x" + kNext, {kRepeatedLength}, 2});
  ask({request("Content-Length: 1\r\nContent-Length: 1\r\n") + "x" + kNext, {kRepeatedLength}, 2});
  ask({request("Content-Length: 1\r\nContent-Length: 0\r\n") + "x" + kNext, {kDifferentLengths}, 2});
  for (const char* bad : {"+1", "-1", "1x", "", "0x1", "\"1\"", "99999999999999999999", "1 1"}) {
    const auto all =
        ask({request("Content-Length: " + std::string(bad) + "\r\n") + "x" + kNext, {kBadLength}, 0});
    EXPECT_EQ(all.at(0)[Buffer::kHttpRequestBody], "x" + kNext);
  }
}

TEST(HttpReaderAnomaly, OfTransferEncoding) {
  for (const char* bad : {"chunke", "chunked, gzip", "xchunked", "identity", "\vchunked", "chunked;a=b"}) {
    const auto all = ask({request("Transfer-Encoding: " + std::string(bad) + "\r\n") + "0\r\n\r\n",
                          {kBadTransferEncoding, kUnknownCoding},
                          0});
    EXPECT_EQ(all.at(0)[Buffer::kHttpRequestBody], "0\r\n\r\n");
  }
  ask({request("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n", {kBadTransferEncoding}});
  ask({request("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", {kUnknownCoding}});
  ask({"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {kChunkedInOldVersion}});
  answer(
      {"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 204 OK\r\n\r\n", {kBodyNotAllowed}, 2});
  answer({"HTTP/1.1 100 Go on\r\nContent-Length: 3\r\n\r\nHTTP/1.1 204 OK\r\n\r\n", {kBodyNotAllowed}, 2});
}

TEST(HttpReaderAnomaly, OfChunks) {
  const std::string head = request("Transfer-Encoding: chunked\r\n");
  for (const char* bad : {"x", "", " 1", "-1", "0x1", "1 x", "1,", "1000000000000000000000"}) {
    const std::string body = std::string(bad) + "\r\nx\r\n0\r\n\r\n";
    EXPECT_EQ(ask({head + body, {kBadChunkSize}, 0})[0][Buffer::kHttpRequestBody], body);
  }
  ask({head + "1;" + std::string(5000, 'x'), {kBadChunkSize}, 0});
  ask({head + "1 \r\nx\r\n0\r\n\r\n" + kNext, {kChunkSpace}, 2});
  ask({head + "1\nx\r\n0\r\n\r\n", {kBareLf}});
  ask({head + "1\r\nx\n0\r\n\r\n", {kBareLf}});
  ask({head + "1;a\rb\r\nx\r\n0\r\n\r\n", {kBareCr}});
  EXPECT_EQ(ask({head + "1\r\nxy\r\n0\r\n\r\n", {kBadChunkEnd}, 0})[0][Buffer::kHttpRequestBody],
            "xy\r\n0\r\n\r\n");
  const std::string trailer = "0\r\nX: " + std::string(kLongestHttpHead, 'x') + "\r\n\r\n";
  ask({head + trailer + kNext, {kHeadTooLong}, 1});
}

TEST(HttpReaderAnomaly, OfAnEarlyEnd) {
  ask({"GE", {kCutOff}, 0, true});
  EXPECT_EQ(ask({"GET /early HTTP/1.0\r\nUser-Age", {kCutOff, kNoColon}, 1, true})[0][Buffer::kHttpUri],
            "/early");
  ask({request("Content-Length: 9\r\n") + "x", {kCutOff}, 1, true});
  for (const char* part :
       {"", "1", "1\r", "1\r\n", "1\r\nx", "1\r\nx\r", "1\r\nx\r\n", "0\r\n", "0\r\nA: b\r\n"})
    ask({request("Transfer-Encoding: chunked\r\n") + part, {kCutOff}, 1, true});
  ask({kNext, {}, 1, true});
}

TEST(HttpReaderAnomaly, OfAnswersAndRequestsThatDoNotFit) {
  HttpListener listener;
  listener.hear(Side::kServer, "HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n", false);
  EXPECT_EQ(names(listener.server.messages.at(0).anomalies), names(set_of({kUnasked})));

  // The last of the requests that are remembered is one to HEAD, and so is the one after it.
  std::string requests;
  std::string answers;
  for (unsigned i = 1; i < HttpExchange::kMostWaiting; ++i) {
    requests += kNext;
    answers += "HTTP/1.1 204 OK\r\n\r\n";
  }
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  HttpListener many;
  many.hear(Side::kClient, requests + head + head, false);
  many.hear(Side::kServer, answers + ok + ok + "ok", false);
  ASSERT_THAT(many.client.messages, SizeIs(HttpExchange::kMostWaiting + 1));
  EXPECT_TRUE(many.client.messages[HttpExchange::kMostWaiting - 1].anomalies.empty());
  EXPECT_EQ(names(many.client.messages.back().anomalies), names(set_of({kTooManyPipelined})));
  ASSERT_THAT(many.server.messages, SizeIs(HttpExchange::kMostWaiting + 1));
  EXPECT_EQ(many.server.messages[HttpExchange::kMostWaiting - 1][Buffer::kHttpResponseBody], "(none)");
  EXPECT_EQ(many.server.messages.back()[Buffer::kHttpResponseBody], "ok");
  EXPECT_FALSE(many.exchange.any_waits());
}

TEST(HttpReaderAnomaly, TellsEachOnceForAMessage) {
  HttpListener listener;
  const std::string stream = request("Transfer-Encoding: chunked\r\n") + "1\nx\n1\ny\n0\n\n" + kNext;
  std::size_t told = 0;
  HttpReader reader;
  const HttpWork work{listener.room, listener.exchange, listener.client.joined, listener.client.unpacked,
                      listener.inflate};
  for (std::size_t end = 1; end <= stream.size(); ++end)
    reader.advance({reinterpret_cast<const std::uint8_t*>(stream.data()), end}, false, Side::kClient, work,
                   [&](const HttpEvent& event) noexcept {
                     told += event.anomalies.has(kBareLf) ? 1U : 0U;
                     return true;
                   });
  EXPECT_EQ(told, 1U);
}

}  // namespace
}  // namespace millrace::firewall::inspection
