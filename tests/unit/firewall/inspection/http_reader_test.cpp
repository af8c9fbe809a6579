// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_reader.h"

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

std::vector<HttpMessage> ask(const std::string& stream, bool ended = false) {
  HttpListener listener;
  listener.hear(Side::kClient, stream, ended);
  return listener.client.messages;
}

// To requests with these methods.
std::vector<HttpMessage> answer(const std::string& stream, bool ended = false,
                                const std::vector<HttpMethod>& methods = {HttpMethod::kOther}) {
  HttpListener listener;
  for (const HttpMethod method : methods) EXPECT_TRUE(listener.exchange.asked(method));
  listener.hear(Side::kServer, stream, ended);
  return listener.server.messages;
}

// The exchange in RFC 9110 section 3.9.
const std::string kHello =
    "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\n"
    "Accept-Language: en, mi\r\n\r\n";
const std::string kHelloAnswer =
    "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n"
    "Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\nETag: \"34aa387-d-1568eb00\"\r\nAccept-Ranges: bytes\r\n"
    "Content-Length: 51\r\nVary: Accept-Encoding\r\nContent-Type: text/plain\r\n\r\n"
    "Hello World! My content includes a trailing CRLF.\r\n";

TEST(HttpReader, TellsThePartsOfARequest) {
  const auto messages = ask(kHello);
  ASSERT_THAT(messages, SizeIs(1));
  const HttpMessage& get = messages[0];
  EXPECT_EQ(get[Buffer::kHttpMethod], "GET");
  EXPECT_EQ(get[Buffer::kHttpUri], "/hello.txt");
  EXPECT_EQ(get[Buffer::kHttpRawUri], "/hello.txt");
  EXPECT_EQ(get[Buffer::kHttpProtocol], "HTTP/1.1");
  EXPECT_EQ(get[Buffer::kHttpRequestLine], "GET /hello.txt HTTP/1.1");
  EXPECT_EQ(get[Buffer::kHttpStart], kHello);
  EXPECT_EQ(get[Buffer::kHttpRawHeader], kHello.substr(25));
  EXPECT_EQ(get[Buffer::kHttpHeader],
            "User-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, mi\r\n");
  EXPECT_EQ(get[Buffer::kHttpHeaderNames], "\r\nUser-Agent\r\nHost\r\nAccept-Language\r\n\r\n");
  EXPECT_EQ(get[Buffer::kHttpHost], "www.example.com");
  EXPECT_EQ(get[Buffer::kHttpUserAgent], "curl/7.64.1");
  EXPECT_EQ(get[Buffer::kHttpAcceptLanguage], "en, mi");
  EXPECT_EQ(get[Buffer::kHttpReferer], "(none)");
  EXPECT_EQ(get[Buffer::kHttpRequestBody], "(none)");
  EXPECT_TRUE(get.ends);
  EXPECT_TRUE(get.anomalies.empty());
}

TEST(HttpReader, TellsThePartsOfAnAnswer) {
  const auto messages = answer(kHelloAnswer);
  ASSERT_THAT(messages, SizeIs(1));
  const HttpMessage& ok = messages[0];
  EXPECT_EQ(ok[Buffer::kHttpStatusCode], "200");
  EXPECT_EQ(ok[Buffer::kHttpStatusMessage], "OK");
  EXPECT_EQ(ok[Buffer::kHttpProtocol], "HTTP/1.1");
  EXPECT_EQ(ok[Buffer::kHttpResponseLine], "HTTP/1.1 200 OK");
  EXPECT_EQ(ok[Buffer::kHttpServer], "Apache");
  EXPECT_EQ(ok[Buffer::kHttpContentLength], "51");
  EXPECT_EQ(ok[Buffer::kHttpContentType], "text/plain");
  EXPECT_EQ(ok[Buffer::kHttpResponseBody], "Hello World! My content includes a trailing CRLF.\r\n");
  EXPECT_EQ(ok[Buffer::kFileData], ok[Buffer::kHttpResponseBody]);
  EXPECT_EQ(ok[Buffer::kHttpUri], "(none)");
  EXPECT_TRUE(ok.ends);
  EXPECT_EQ(ok.growing, 0U);
  EXPECT_TRUE(ok.anomalies.empty());
}

// RFC 9112 section 3.2 and its subsections.
TEST(HttpReader, KnowsTheFourFormsOfATarget) {
  const auto origin = ask("GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
  EXPECT_EQ(origin.at(0)[Buffer::kHttpUri], "/where?q=now");
  const auto absolute =
      ask("GET http://www.Example.org/pub/WWW/TheProject.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
  EXPECT_EQ(absolute.at(0)[Buffer::kHttpUri], "/pub/WWW/TheProject.html");
  EXPECT_EQ(absolute[0][Buffer::kHttpRawUri], "http://www.Example.org/pub/WWW/TheProject.html");
  EXPECT_EQ(absolute[0][Buffer::kHttpHost], "www.example.org");
  EXPECT_EQ(absolute[0][Buffer::kHttpRawHost], "www.Example.org");
  EXPECT_TRUE(absolute[0].anomalies.empty());
  const auto connect = ask("CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n");
  EXPECT_EQ(connect.at(0)[Buffer::kHttpUri], "www.example.com:80");
  EXPECT_EQ(connect[0][Buffer::kHttpHost], "www.example.com");
  EXPECT_TRUE(connect[0].anomalies.empty());
  const auto asterisk = ask("OPTIONS * HTTP/1.1\r\nHost: www.example.org:8001\r\n\r\n");
  EXPECT_EQ(asterisk.at(0)[Buffer::kHttpUri], "*");
  EXPECT_EQ(asterisk[0][Buffer::kHttpHost], "www.example.org");
  EXPECT_EQ(asterisk[0][Buffer::kHttpRawHost], "www.example.org:8001");
}

TEST(HttpReader, JoinsWhatIsThereMoreThanOnce) {
  const auto messages =
      ask("GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nCookie: a=1\r\nACCEPT: text/html\r\nx-one:2 \r\n"
          "Cookie:  b=2\r\naccept: */*\r\n\r\n");
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0][Buffer::kHttpHeader], "Host: a\r\nX-One: 1, 2\r\nACCEPT: text/html, */*\r\n");
  EXPECT_EQ(messages[0][Buffer::kHttpHeaderNames], "\r\nHost\r\nX-One\r\nCookie\r\nACCEPT\r\n\r\n");
  EXPECT_EQ(messages[0][Buffer::kHttpCookie], "a=1, b=2");
  EXPECT_EQ(messages[0][Buffer::kHttpAccept], "text/html, */*");
  const auto answers = answer("HTTP/1.1 204 \r\nSet-Cookie: x\r\nCookie: y\r\nSet-Cookie: z\r\n\r\n");
  EXPECT_EQ(answers.at(0)[Buffer::kHttpCookie], "x, z");
  EXPECT_EQ(answers[0][Buffer::kHttpHeader], "Cookie: y\r\n");
  EXPECT_EQ(answers[0][Buffer::kHttpStatusMessage], "");
}

TEST(HttpReader, ReadsRequestsBehindEachOther) {
  const auto messages =
      ask("POST /one HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPUT /two HTTP/1.1\r\nHost: b\r\n"
          "Transfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n0\r\n\r\n\r\nGET /three HTTP/1.0\r\n\r\n");
  ASSERT_THAT(messages, SizeIs(3));
  EXPECT_EQ(messages[0][Buffer::kHttpRequestBody], "abc");
  EXPECT_EQ(messages[1][Buffer::kHttpUri], "/two");
  EXPECT_EQ(messages[1][Buffer::kHttpRequestBody], "foo");
  EXPECT_EQ(messages[2][Buffer::kHttpUri], "/three");
  for (const HttpMessage& message : messages) EXPECT_TRUE(message.ends && message.anomalies.empty());
}

// RFC 9112 section 7.1: extensions and trailers are read and left out.
TEST(HttpReader, JoinsChunks) {
  const auto messages = answer(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;name=value;other=\"a b\"\r\nMill\n\r\n00a \t;x\r\nrace\r\nruns\r\n000\r\nX-Sum: 1\r\n\r\n");
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(messages[0][Buffer::kHttpResponseBody], "Mill\nrace\r\nruns");
  EXPECT_EQ(messages[0][Buffer::kFileData], "Mill\nrace\r\nruns");
  EXPECT_TRUE(messages[0].ends);
}

// RFC 9112 section 6.3.
TEST(HttpReader, KnowsWhichAnswersHaveNoBody) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  const auto messages = answer(
      "HTTP/1.1 100 Continue\r\n\r\n" + ok + "GET!" + ok +
          "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + "HTTP/1.1 204 No Content\r\n\r\n" + ok +
          "last",
      false,
      {HttpMethod::kOther, HttpMethod::kHead, HttpMethod::kOther, HttpMethod::kOther, HttpMethod::kOther});
  ASSERT_THAT(messages, SizeIs(6));
  EXPECT_EQ(messages[1][Buffer::kHttpResponseBody], "GET!");
  EXPECT_EQ(messages[2][Buffer::kHttpResponseBody], "(none)");
  EXPECT_EQ(messages[3][Buffer::kHttpStatusCode], "304");
  EXPECT_EQ(messages[5][Buffer::kHttpResponseBody], "last");
  for (const HttpMessage& message : messages) EXPECT_TRUE(message.ends && message.anomalies.empty());
}

TEST(HttpReader, TellsAnswersWhatTheyAreTo) {
  HttpListener listener;
  listener.hear(Side::kClient, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
  listener.hear(
      Side::kServer,
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", false);
  ASSERT_THAT(listener.server.messages, SizeIs(2));
  EXPECT_EQ(listener.server.messages[1][Buffer::kHttpResponseBody], "body");
  EXPECT_FALSE(listener.exchange.any_waits());
}

TEST(HttpReader, ReadsABodyToTheStreamsEnd) {
  const auto open = answer("HTTP/1.0 200 OK\r\n\r\nall of it");
  ASSERT_THAT(open, SizeIs(1));
  EXPECT_EQ(open[0][Buffer::kHttpResponseBody], "all of it");
  EXPECT_FALSE(open[0].ends);
  EXPECT_EQ(open[0].growing, bit(Buffer::kHttpResponseBody) | bit(Buffer::kFileData));
  const auto ended = answer("HTTP/1.0 200 OK\r\n\r\nall of it", true);
  EXPECT_TRUE(ended.at(0).ends);
  EXPECT_EQ(ended[0].growing, 0U);
  EXPECT_TRUE(ended[0].anomalies.empty());
}

// RFC 9110 sections 9.3.6 and 15.2.2.
TEST(HttpReader, EndsWhereAnotherProtocolBegins) {
  const std::string connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
  HttpListener tunnel;
  EXPECT_EQ(tunnel.hear(Side::kClient, connect, false), HttpProgress::kReading);
  EXPECT_EQ(tunnel.hear(Side::kServer, "HTTP/1.1 200 Fine\r\n\r\nGET / HTTP/1.1\r\n\r\n", false),
            HttpProgress::kOver);
  EXPECT_EQ(tunnel.hear(Side::kClient, connect + "GET / HTTP/1.1\r\n\r\n", false), HttpProgress::kOver);
  EXPECT_THAT(tunnel.client.messages, SizeIs(1));
  EXPECT_THAT(tunnel.server.messages, SizeIs(1));

  HttpListener eager;
  EXPECT_EQ(eager.hear(Side::kClient, connect + "\x16\x03\x01", false), HttpProgress::kOver);
  EXPECT_TRUE(eager.client.messages.at(0).anomalies.empty())
      << "the tunnel is used before its answer is there";

  HttpListener refused;
  refused.hear(Side::kClient, connect, false);
  refused.hear(Side::kServer, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n", false);
  EXPECT_EQ(refused.hear(Side::kClient, connect + "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", false),
            HttpProgress::kReading);
  EXPECT_THAT(refused.client.messages, SizeIs(2));

  HttpListener upgrade;
  const std::string get =
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  upgrade.hear(Side::kClient, get, false);
  EXPECT_EQ(upgrade.hear(Side::kServer, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05hello", false),
            HttpProgress::kOver);
  EXPECT_EQ(upgrade.hear(Side::kClient, get + "\x81\x85", false), HttpProgress::kOver);
  EXPECT_TRUE(upgrade.client.messages.at(0).anomalies.empty());
}

TEST(HttpReader, MakesAHeadAgain) {
  const std::string stream =
      "GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /%62 HTTP/1.1\r\nHost: B\r\nContent-Length: 2\r\n\r\nxy";
  HttpListener listener;
  listener.hear(Side::kClient, stream, false);
  ASSERT_THAT(listener.client.messages, SizeIs(2));
  Parts parts;
  const Bytes bytes(reinterpret_cast<const std::uint8_t*>(stream.data()), stream.size());
  add_head(bytes, listener.client.messages[1].head, Side::kClient, listener.room, parts);
  const auto text = [&](Buffer buffer) { return std::string(parts[buffer].begin(), parts[buffer].end()); };
  EXPECT_EQ(text(Buffer::kHttpUri), "/b");
  EXPECT_EQ(text(Buffer::kHttpHost), "b");
  EXPECT_EQ(text(Buffer::kHttpMethod), "POST");
  Parts none;
  listener.room.clear();
  add_head(bytes, {90, 9000}, Side::kClient, listener.room, none);
  EXPECT_EQ(none.present, 0U) << "there is no such place";
}

TEST(HttpReader, GoesOnWhereItWasStopped) {
  const std::string stream = kHello + "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxy" + kHello;
  HttpListener listener;
  listener.stop_at_each = true;
  unsigned stops = 0;
  while (listener.hear(Side::kClient, stream, false) == HttpProgress::kStopped) ASSERT_LT(++stops, 10U);
  EXPECT_EQ(stops, 4U);
  EXPECT_EQ(listener.client.messages, ask(stream));
}

TEST(HttpReader, GivesBackWhatItHolds) {
  HttpListener listener(1);
  ASSERT_TRUE(listener.exchange.asked(HttpMethod::kOther));
  listener.hear(Side::kServer, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b", false);
  EXPECT_EQ(listener.inflate.taken(), 1U);
  listener.end();
  EXPECT_EQ(listener.inflate.taken(), 0U);
  EXPECT_EQ(listener.hear(Side::kServer, std::string(100, 'x'), true), HttpProgress::kOver);
}

}  // namespace
}  // namespace millrace::firewall::inspection
