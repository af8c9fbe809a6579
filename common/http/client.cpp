// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <exception>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/http/parser.h"
#include "common/http/transport.h"

namespace millrace::http {
namespace {

using HttpError = boost::beast::http::error;
using Tcp = asio::ip::tcp;

constexpr auto kToTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kClientReadBytes = std::size_t{64} * 1024;

// Why there is no answer. `retry` when the request may be put again on a new connection without harm: an old
// connection broke before the first byte of an answer.
struct Trouble {
  std::string reason;
  bool retry = false;
};

bool is_idempotent(Method method) { return method != Method::kPost && method != Method::kPatch; }

bool is_clients_business(std::string_view name) {
  for (const std::string_view own : {"Host", "Content-Length", "Connection", "Transfer-Encoding"}) {
    if (SameIgnoringCase::same(own, name)) return true;
  }
  return false;
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

// Nothing when a name or a value would break out of its line.
std::optional<std::string> render(const Call& call, std::string_view host) {
  if (has_line_break(call.target) || call.target.find(' ') != std::string::npos) return std::nullopt;
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", to_string(call.method), call.target, host);
  for (const auto& field : call.headers) {
    if (has_line_break(field.name) || has_line_break(field.value)) return std::nullopt;
    if (!is_clients_business(field.name)) text += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  const bool may_have_body =
      call.method == Method::kPost || call.method == Method::kPut || call.method == Method::kPatch;
  if (may_have_body || !call.body.empty()) text += fmt::format("Content-Length: {}\r\n", call.body.size());
  return text + "\r\n" + call.body;
}

}  // namespace

class Client::Impl {
 public:
  ClientOptions options;
  std::filesystem::path path;  // a Unix socket, when not empty
  std::string host;
  std::uint16_t port = 0;
  std::shared_ptr<asio::ssl::context> tls;

  Result<Response> exchange(const Call& call, const OnPiece* on_piece);

 private:
  [[nodiscard]] std::string place() const {
    return path.empty() ? fmt::format("{}:{}", host_field(), port) : path.string();
  }
  // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
  [[nodiscard]] std::string host_field() const {
    if (!path.empty()) return "localhost";
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
  }
  [[nodiscard]] std::string host_and_port() const {
    if (!path.empty()) return host_field();
    return fmt::format("{}:{}", host_field(), port);
  }
  void start_clock() { end_ = Transport::Clock::now() + options.timeout; }
  [[nodiscard]] Transport::Clock::duration left() const { return end_ - Transport::Clock::now(); }

  // Runs the work on this thread until it is done; at the end of the time, abandons what `cancel` cancels.
  template <class Cancel>
  void run(asio::awaitable<void> work, Cancel cancel);

  asio::awaitable<Response> attempt(const Call& call, const std::string& text, const OnPiece* on_piece);
  asio::awaitable<void> connect();
  asio::awaitable<Transport::Socket> connect_socket();
  asio::awaitable<void> read_head(ResponseParser& parser, bool reused);
  asio::awaitable<void> read_body(ResponseParser& parser, const OnPiece* on_piece);
  asio::awaitable<void> receive(ResponseParser& parser, bool reused);
  [[nodiscard]] std::string explain(ErrorCode error) const;

  asio::io_context io_{1};
  Tcp::resolver resolver_{io_};
  std::optional<Transport::Socket> connecting_;
  std::shared_ptr<Transport> transport_;
  boost::beast::flat_buffer buffer_;
  Transport::Clock::time_point end_;
  bool out_of_time_ = false;
};

std::string Client::Impl::explain(ErrorCode error) const {
  if (out_of_time_ || (transport_ && transport_->timed_out())) {
    return fmt::format("no answer within {} ms", options.timeout.count());
  }
  if (error == asio::error::eof || error == asio::ssl::error::stream_truncated)
    return "the server closed the connection";
  return error.message();
}

asio::awaitable<Transport::Socket> Client::Impl::connect_socket() {
  if (!path.empty()) {
    Transport::Socket socket(io_);
    asio::local::stream_protocol::endpoint endpoint;
    try {
      endpoint.path(path.string());
    } catch (const boost::system::system_error& error) {
      throw Trouble{"connect: " + error.code().message()};
    }
    connecting_.emplace(io_);
    auto [error] = co_await connecting_->async_connect(endpoint, kToTuple);
    if (error == asio::error::try_again) throw Trouble{"connect: the server accepts no more connections"};
    if (error) throw Trouble{"connect: " + explain(error)};
    socket = std::move(*connecting_);
    connecting_.reset();
    co_return socket;
  }

  auto [lookup, found] = co_await resolver_.async_resolve(host, std::to_string(port), kToTuple);
  if (lookup) throw Trouble{fmt::format("look up {}: {}", host, explain(lookup))};
  ErrorCode last = asio::error::host_not_found;
  for (const auto& entry : found) {
    if (out_of_time_) break;
    connecting_.emplace(io_);
    auto [error] = co_await connecting_->async_connect(entry.endpoint(), kToTuple);
    if (!error) {
      Transport::Socket socket = std::move(*connecting_);
      connecting_.reset();
      ErrorCode ignored;
      socket.set_option(Tcp::no_delay(true), ignored);
      co_return socket;
    }
    last = error;
  }
  throw Trouble{"connect: " + explain(last)};
}

asio::awaitable<void> Client::Impl::connect() {
  buffer_.clear();
  transport_.reset();
  Transport::Socket socket = co_await connect_socket();
  if (tls) {
    auto secured = tls_client_transport(std::move(socket), tls, host);
    if (!secured) throw Trouble{secured.error().message()};
    transport_ = std::move(*secured);
  } else {
    transport_ = plain_transport(std::move(socket));
  }
  transport_->deadline_after(left());
  const ErrorCode error = co_await transport_->handshake();
  if (error) throw Trouble{"TLS handshake: " + explain(error)};
}

asio::awaitable<void> Client::Impl::receive(ResponseParser& parser, bool reused) {
  const Transport::Moved read = co_await transport_->read_some(buffer_.prepare(kClientReadBytes));
  buffer_.commit(read.bytes);
  if (!read.error) co_return;
  if (read.error == asio::error::eof && parser.got_some()) {
    ErrorCode incomplete;
    parser.put_eof(incomplete);
    if (!incomplete) co_return;
    throw Trouble{"the answer breaks off"};
  }
  if (parser.got_some()) throw Trouble{"the answer breaks off: " + explain(read.error)};
  throw Trouble{explain(read.error), reused && !transport_->timed_out()};
}

asio::awaitable<void> Client::Impl::read_head(ResponseParser& parser, bool reused) {
  while (!parser.is_header_done()) {
    const ErrorCode error = parser.advance(buffer_);
    if (error && error != HttpError::need_more) throw Trouble{"the answer is not HTTP: " + error.message()};
    if (!parser.is_header_done()) co_await receive(parser, reused);
  }
}

asio::awaitable<void> Client::Impl::read_body(ResponseParser& parser, const OnPiece* on_piece) {
  const bool to_caller = on_piece != nullptr && parser.status / 100 == 2;
  parser.eager(true);
  std::size_t since_deadline = 0;
  for (;;) {
    if (!parser.is_done()) {
      const ErrorCode error = parser.advance(buffer_);
      if (error && error != HttpError::need_more)
        throw Trouble{"the answer is malformed: " + error.message()};
    }
    if (to_caller && !parser.body.empty()) {
      since_deadline += parser.body.size();
      if (!(*on_piece)(parser.body)) throw Trouble{"the receiver ended the transfer"};
      parser.body.clear();
      if (since_deadline >= kProgressBytes) {
        since_deadline = 0;
        transport_->deadline_after(options.timeout);
      }
    }
    if (parser.body.size() > options.body_bytes) {
      throw Trouble{fmt::format("the answer has more than {} bytes", options.body_bytes)};
    }
    if (parser.is_done()) co_return;
    co_await receive(parser, false);
  }
}

asio::awaitable<Response> Client::Impl::attempt(const Call& call, const std::string& text,
                                                const OnPiece* on_piece) {
  const bool reused = transport_ != nullptr;
  if (!reused) co_await connect();

  // A server may answer before it has read the whole body, and close: its answer says more than our broken
  // pipe.
  const ErrorCode unsent = co_await transport_->write(text, left());
  if (transport_->timed_out()) throw Trouble{explain(unsent)};
  transport_->deadline_after(on_piece != nullptr ? Transport::Clock::duration(options.timeout) : left());

  std::optional<ResponseParser> parser;
  do {  // interim answers (1xx) come before the real one
    parser.emplace(options.header_bytes);
    if (call.method == Method::kHead) parser->skip(true);
    co_await read_head(*parser, reused);
  } while (parser->status / 100 == 1);
  co_await read_body(*parser, on_piece);
  transport_->no_deadline();
  if (!parser->keep_alive() || unsent || buffer_.size() > 0) transport_.reset();

  Response response;
  response.status = parser->status;
  response.headers = std::move(parser->headers);
  response.body = std::move(parser->body);
  co_return response;
}

template <class Cancel>
void Client::Impl::run(asio::awaitable<void> work, Cancel cancel) {
  bool finished = false;
  std::exception_ptr thrown;
  asio::co_spawn(io_, std::move(work), [&](std::exception_ptr error) {
    finished = true;
    thrown = std::move(error);
    io_.stop();  // a deadline's timer may still be waiting
  });
  io_.restart();
  if (transport_) {
    io_.run();
  } else {
    // Until there is a transport with a deadline of its own, the clock is kept here.
    while (!finished && !transport_ && left().count() > 0) io_.run_one_until(end_);
    if (!finished && !transport_) {
      out_of_time_ = true;
      cancel();
    }
    if (!finished) io_.run();
  }
  if (thrown) std::rethrow_exception(thrown);
}

Result<Response> Client::Impl::exchange(const Call& call, const OnPiece* on_piece) {
  const std::string what = fmt::format("{} {} on {}", to_string(call.method), call.target, place());
  const auto text = render(call, host_and_port());
  if (!text) return failure(what, "a line break, or a space in the target, cannot be sent");
  out_of_time_ = false;
  for (bool again = false;; again = true) {
    start_clock();
    if (transport_ && transport_->is_stale()) transport_.reset();
    Response response;
    const auto cancel = [this] {
      resolver_.cancel();
      ErrorCode ignored;
      if (connecting_) connecting_->close(ignored);
    };
    try {
      run(
          [](Impl* self, const Call* asked, const std::string* bytes, const OnPiece* piece,
             Response* into) -> asio::awaitable<void> {
            *into = co_await self->attempt(*asked, *bytes, piece);
          }(this, &call, &*text, on_piece, &response),
          cancel);
      return response;
    } catch (const Trouble& trouble) {
      transport_.reset();
      if (trouble.retry && !again && is_idempotent(call.method)) continue;
      return failure(what, trouble.reason);
    } catch (const std::exception& error) {
      transport_.reset();
      return failure(what, error.what());
    }
  }
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Client Client::unix_socket(const std::filesystem::path& path, ClientOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->path = path;
  return Client(std::move(impl));
}

Client Client::tcp(std::string host, std::uint16_t port, ClientOptions options) {
  return tls(std::move(host), port, nullptr, options);
}

Client Client::tls(std::string host, std::uint16_t port, std::shared_ptr<asio::ssl::context> context,
                   ClientOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->host = std::move(host);
  impl->port = port;
  impl->tls = std::move(context);
  return Client(std::move(impl));
}

Result<Response> Client::request(const Call& call) { return impl_->exchange(call, nullptr); }

Result<Response> Client::get(std::string_view target) {
  return request({Method::kGet, std::string(target), {}, {}});
}

Result<Response> Client::stream(const Call& call, const OnPiece& on_piece) {
  return impl_->exchange(call, &on_piece);
}

}  // namespace millrace::http
