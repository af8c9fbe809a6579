// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "common/http/parser.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/socket.h"
#include "vnfs/load_balancer/health/tls.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;
using HttpError = boost::beast::http::error;
using ErrorCode = boost::system::error_code;

constexpr auto kHttpTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = std::size_t{8} * 1024;
constexpr std::size_t kHeaderBytes = std::size_t{16} * 1024;
constexpr std::size_t kBodyBytes = std::size_t{64} * 1024;
// With interim answers and the framing of chunks; past it no good answer is to be expected.
constexpr std::size_t kMostBytes = std::size_t{256} * 1024;

// The Host header when none is given (RFC 9110 section 7.2).
std::string authority_of(const Target& target, bool tls) {
  const std::string address = target.address.to_string();
  const std::string host = target.address.is_v4() ? address : "[" + address + "]";
  return target.port == (tls ? 443 : 80) ? host : fmt::format("{}:{}", host, target.port);
}

// The name in "web.example:8443", "[2001:db8::1]" and "web.example".
std::string name_in(std::string_view authority) {
  if (authority.starts_with('[')) return std::string(authority.substr(1, authority.find(']') - 1));
  return std::string(authority.substr(0, authority.find(':')));
}

std::string server_name_of(const Target& target, const HttpCheck& check) {
  if (!check.tls->server_name.empty()) return check.tls->server_name;
  return check.host.empty() ? target.address.to_string() : name_in(check.host);
}

// Nothing when a value would break out of its line.
std::optional<std::string> request_for(const Target& target, const HttpCheck& check) {
  const std::string host = check.host.empty() ? authority_of(target, check.tls.has_value()) : check.host;
  const auto breaks = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  if (std::any_of(host.begin(), host.end(), breaks) ||
      std::any_of(check.path.begin(), check.path.end(), breaks)) {
    return std::nullopt;
  }
  return fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: millrace-health\r\nAccept: */*\r\nConnection: "
      "close\r\n\r\n",
      check.path, host);
}

bool is_wanted(unsigned status, const HttpCheck& check) {
  if (check.statuses.empty()) return status >= 200 && status <= 399;
  return std::find(check.statuses.begin(), check.statuses.end(), status) != check.statuses.end();
}

std::string wanted_statuses(const HttpCheck& check) {
  return check.statuses.empty() ? "200 to 399" : fmt::format("{}", fmt::join(check.statuses, " or "));
}

bool is_end(const ErrorCode& error) {
  return error == asio::error::eof || error == asio::ssl::error::stream_truncated;
}

// Reads an answer piece by piece until it is judged.
template <class Stream>
class Answer {
 public:
  Answer(Progress& progress, Stream& stream, const HttpCheck& check)
      : progress_(progress), stream_(stream), check_(check) {}

  asio::awaitable<Outcome> judge() {
    do {  // interim answers (1xx) come before the real one
      parser_.emplace(kHeaderBytes);
      while (!parser_->is_header_done()) {
        if (auto trouble = co_await advance()) co_return *trouble;
      }
    } while (parser_->status / 100 == 1);

    const unsigned status = parser_->status;
    if (!is_wanted(status, check_)) {
      co_return bad(fmt::format("HTTP {} where {} was expected", status, wanted_statuses(check_)));
    }
    if (check_.body.empty()) co_return good(fmt::format("HTTP {}", status));

    progress_.awaited = "end of the answer";
    parser_->eager(true);
    const std::string& body = parser_->body;
    std::size_t searched = 0;
    for (;;) {
      if (body.find(check_.body, searched) < kBodyBytes) co_return good(fmt::format("HTTP {}", status));
      if (parser_->is_done() || body.size() >= kBodyBytes) {
        co_return bad(fmt::format("HTTP {}, but the body lacks \"{}\"", status, check_.body));
      }
      searched = body.size() - std::min(body.size(), check_.body.size() - 1);
      if (auto trouble = co_await advance()) co_return *trouble;
    }
  }

 private:
  // Parses what is there or reads more; what ends the check, if anything.
  asio::awaitable<std::optional<Outcome>> advance() {
    const ErrorCode parsed = parser_->advance(buffer_);
    if (!parsed) co_return std::nullopt;
    if (parsed != HttpError::need_more) co_return bad("the answer is not HTTP: " + parsed.message());
    if (read_ >= kMostBytes) co_return bad(fmt::format("no answer in the first {} bytes", kMostBytes));

    auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kHttpTuple);
    buffer_.commit(bytes);
    read_ += bytes;
    if (!error) co_return std::nullopt;
    if (!is_end(error)) co_return outcome_of(error);
    if (!parser_->got_some()) co_return bad("connection closed without an answer");
    ErrorCode incomplete;
    parser_->put_eof(incomplete);
    if (incomplete) co_return bad("the answer breaks off");
    co_return std::nullopt;
  }

  Progress& progress_;
  Stream& stream_;
  const HttpCheck& check_;
  std::optional<http::ResponseParser> parser_;
  boost::beast::flat_buffer buffer_;
  std::size_t read_ = 0;
};

template <class Stream>
asio::awaitable<Outcome> ask(Progress& progress, Stream& stream, const HttpCheck& check,
                             const std::string& request) {
  progress.awaited = "answer";
  // A server may refuse before it has read all: its answer says more than our broken pipe.
  (void)co_await asio::async_write(stream, asio::buffer(request), kHttpTuple);
  Answer<Stream> answer(progress, stream, check);
  co_return co_await answer.judge();
}

asio::awaitable<Outcome> ask_securely(Progress& progress, asio::ip::tcp::socket& connection,
                                      const HttpCheck& check, const std::string& request) {
  if (!progress.tls) co_return not_run("no authorities were read");
  std::string trouble;
  TlsStream stream(connection, *progress.tls);
  const auto ready = demand(stream, server_name_of(progress.target, check), check.tls->verify, trouble);
  if (!ready) co_return not_run(ready.error().message());
  progress.awaited = "TLS handshake";
  auto [error] = co_await stream.async_handshake(TlsStream::client, kHttpTuple);
  if (!trouble.empty()) co_return bad(trouble);
  if (is_end(error)) co_return bad("TLS handshake: connection closed");
  if (error) co_return bad("TLS handshake: " + error.message());
  co_return co_await ask(progress, stream, check, request);
}

}  // namespace

asio::awaitable<Outcome> check_http(Progress& progress, const HttpCheck& check) {
  const auto request = request_for(progress.target, check);
  if (!request) co_return not_run("a space or a control character in the path or the host cannot be sent");
  asio::ip::tcp::socket connection(progress.io);
  const WhileOpen open(progress, [&connection] {
    ErrorCode ignored;
    connection.close(ignored);
  });
  const auto connected = co_await connect(progress, connection);
  if (!connected) co_return connected.error();
  if (check.tls) co_return co_await ask_securely(progress, connection, check, *request);
  co_return co_await ask(progress, connection, check, *request);
}

}  // namespace millrace::load_balancer::health
