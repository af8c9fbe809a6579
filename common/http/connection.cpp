// SPDX-License-Identifier: BSD-3-Clause
#include "common/http/connection.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <ctime>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>
#include <variant>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "common/http/target.h"

namespace millrace::http {
namespace {

using HttpError = boost::beast::http::error;

// How long a client may take to close: one that is still sending, and one that has been read to the end.
constexpr std::chrono::milliseconds kPartingTimeUnread{2000};
constexpr std::chrono::milliseconds kPartingTime{250};
constexpr std::size_t kStreamWriteBytes = std::size_t{32} * 1024;
constexpr std::size_t kRequestReadBytes = std::size_t{16} * 1024;

Response refuse(unsigned status, std::string_view detail) {
  return problem(status, reason_phrase(status), detail);
}

Response handler_failed() { return refuse(500, "the handler failed; the log says how"); }

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 section 5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [kMarks](char c) {
    const char l = SameIgnoringCase::lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

// Null when the response can be sent.
const char* defect_of(const Response& response) {
  if (response.status < 200 || response.status > 599) return "a status outside 200 to 599";
  for (const auto& field : response.headers) {
    if (!is_token(field.name) || !is_field_value(field.value)) return "a header field that cannot be sent";
  }
  return nullptr;
}

bool is_servers_business(std::string_view name) {
  constexpr std::string_view kOwn[] = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};
  return std::any_of(std::begin(kOwn), std::end(kOwn),
                     [name](std::string_view own) { return SameIgnoringCase::same(own, name); });
}

std::string render_head(const Response& response) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", response.status,
                                 reason_phrase(response.status), fmt::gmtime(std::time(nullptr)));
  for (const auto& field : response.headers) {
    if (!is_servers_business(field.name)) head += fmt::format("{}: {}\r\n", field.name, field.value);
  }
  return head;
}

// RFC 9112 section 6.1: a body whose end we cannot know for certain is refused, and the connection with it.
std::optional<Response> check_framing(const RequestParser& parser) {
  const auto codings = parser.headers.all("Transfer-Encoding");
  if (!codings.empty()) {
    if (parser.version < 11) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    if (codings.size() > 1 || !SameIgnoringCase::same(codings.front(), "chunked")) {
      return refuse(501, "the only transfer coding known here is chunked");
    }
  }
  const std::size_t hosts = parser.headers.all("Host").size();
  if (hosts > 1 || (hosts == 0 && parser.version >= 11))
    return refuse(400, "there must be exactly one Host field");
  return std::nullopt;
}

}  // namespace

// Where a reply that may come from another thread is left for the connection.
template <class T>
struct Connection::Slot {
  std::optional<T> value;
};

template <class T>
Reply<T> Connection::reply_into(const std::shared_ptr<Slot<T>>& slot, T fallback) {
  return Reply<T>(
      [self = shared_from_this(), slot](T answer) {
        asio::dispatch(self->wake_.get_executor(), [self, slot, answer = std::move(answer)]() mutable {
          slot->value = std::move(answer);
          self->wake_.cancel();
        });
      },
      std::move(fallback),
      [self = shared_from_this()] { return !self->closed_ && !self->transport_->hung_up(); });
}

template <class T>
asio::awaitable<T> Connection::wait_for(std::shared_ptr<Slot<T>> slot) {
  while (!slot->value && !closed_) {
    wake_.expires_at(Transport::Clock::time_point::max());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  if (closed_) throw Gone{};
  co_return std::move(*slot->value);
}

Connection::Connection(std::shared_ptr<Service> service, std::shared_ptr<Transport> transport)
    : service_(std::move(service)),
      transport_(std::move(transport)),
      wake_(transport_->socket().get_executor()) {}

asio::awaitable<void> Connection::run() {
  const auto self = shared_from_this();
  try {
    transport_->deadline_after(service_->limits.read_timeout);
    const ErrorCode error = co_await transport_->handshake();
    peer_ = transport_->peer();
    if (error) {
      report(fmt::format("TLS handshake failed: {}", error.message()));
    } else {
      while (!service_->stopping && co_await serve_one()) {
      }
      co_await part();
    }
  } catch (const Gone&) {
  } catch (const std::exception& error) {
    report(fmt::format("connection ended: {}", error.what()));
  }
  close_now();
}

void Connection::end_when_idle() {
  if (idle_) transport_->cancel();
}

void Connection::close_now() {
  closed_ = true;
  transport_->close();
  wake_.cancel();
}

void Connection::set_idle(bool idle) {
  idle_ = idle;
  if (idle) idle_since_ = Transport::Clock::now();
}

void Connection::report(std::string_view what) const {
  if (!service_->report || service_->closed) return;
  service_->report(peer_.address.empty() ? std::string(what)
                                         : fmt::format("[{}]:{}: {}", peer_.address, peer_.port, what));
}

asio::awaitable<void> Connection::receive() {
  const Transport::Moved read = co_await transport_->read_some(buffer_.prepare(kRequestReadBytes));
  buffer_.commit(read.bytes);
  if (!read.error) co_return;
  if (idle_ || closed_) throw Gone{};
  if (transport_->timed_out()) throw Refusal{refuse(408, "the request did not arrive in time")};
  if (read.error == asio::error::eof) throw Refusal{refuse(400, "the request ends early")};
  throw Gone{};
}

asio::awaitable<bool> Connection::serve_one() {
  RequestParser parser(service_->limits.header_bytes);
  Response response;
  Manner manner;
  BodyShare share(*service_);
  try {
    co_await read_head(parser);
    if (auto refusal = check_framing(parser)) throw Refusal{std::move(*refusal)};
    Request request = admit(parser);
    const Route& found = route(parser, request);
    co_await read_body(parser, found, share);
    request.body = std::move(parser.body);
    response = co_await answer(found, request);
    manner.keep = parser.keep_alive();
  } catch (Refusal& refusal) {
    response = std::move(refusal.response);
    manner.keep = refusal.keep && parser.keep_alive();
    unread_ = !refusal.keep;
  }
  manner.head_only = parser.method == "HEAD";
  manner.version = parser.version;
  co_return co_await send(std::move(response), manner);
}

asio::awaitable<void> Connection::read_head(RequestParser& parser) {
  transport_->deadline_after(service_->limits.idle_timeout);
  for (;;) {
    // Empty lines ahead of a request are passed over (RFC 9112 section 2.2).
    const auto* text = static_cast<const char*>(buffer_.cdata().data());
    while (buffer_.size() >= 2 && text[0] == '\r' && text[1] == '\n') {
      buffer_.consume(2);
      text += 2;
    }
    if (buffer_.size() > 1 || (buffer_.size() == 1 && text[0] != '\r')) break;
    set_idle(true);
    co_await receive();
  }
  set_idle(false);
  transport_->deadline_after(service_->limits.read_timeout);
  for (;;) {
    const ErrorCode error = parser.advance(buffer_);
    if (error == HttpError::header_limit) {
      if (parser.has_start_line()) {
        throw Refusal{
            refuse(431, fmt::format("the header has more than {} bytes", parser.header_limit_bytes()))};
      }
      throw Refusal{refuse(414, "the request line is too long")};
    }
    if (error && error != HttpError::need_more) {
      throw Refusal{refuse(400, fmt::format("not an HTTP/1.1 request: {}", error.message()))};
    }
    if (parser.is_header_done()) co_return;
    co_await receive();
  }
}

Request Connection::admit(RequestParser& parser) const {
  const bool keep = parser.is_done();
  const auto method = parse_method(parser.method);
  if (!method) throw Refusal{refuse(501, fmt::format("{} is not a method known here", parser.method)), keep};
  auto target = parse_target(parser.target);
  if (!target || (target->asterisk && *method != Method::kOptions)) {
    throw Refusal{refuse(400, "the request target is malformed"), keep};
  }
  Request request;
  request.method = *method;
  request.target = parser.target;
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  request.headers = parser.headers;
  request.peer = peer_;
  return request;
}

const Route& Connection::route(const RequestParser& parser, Request& request) const {
  const bool keep = parser.is_done();
  if (service_->closed) throw Gone{};
  std::variant<const Route*, Response> found = nullptr;
  try {
    found = service_->router.resolve(request);
  } catch (const std::exception& error) {
    report(fmt::format("{} {}: guard failed: {}", to_string(request.method), request.target, error.what()));
    throw Refusal{handler_failed(), keep};
  }
  if (auto* refusal = std::get_if<Response>(&found)) throw Refusal{std::move(*refusal), keep};
  return *std::get<const Route*>(found);
}

asio::awaitable<void> Connection::read_body(RequestParser& parser, const Route& route, BodyShare& share) {
  const std::size_t limit = route.options.body_bytes.value_or(service_->limits.body_bytes);
  const auto too_large = [limit] {
    return Refusal{refuse(413, fmt::format("the body has more than {} bytes", limit))};
  };
  if (parser.content_length().value_or(0) > limit) throw too_large();
  const std::string* expect = parser.headers.find("Expect");
  if (expect != nullptr && !SameIgnoringCase::same(*expect, "100-continue")) {
    throw Refusal{refuse(417, "only 100-continue may be expected"), parser.is_done()};
  }
  if (parser.is_done()) co_return;
  if (expect != nullptr && parser.version >= 11 && buffer_.size() == 0) {
    if (co_await transport_->write("HTTP/1.1 100 Continue\r\n\r\n", service_->limits.write_timeout))
      throw Gone{};
  }

  parser.body_limit(limit);
  parser.eager(true);
  std::size_t next_deadline = 0;
  while (!parser.is_done()) {
    if (parser.body.size() >= next_deadline) {
      transport_->deadline_after(service_->limits.read_timeout);
      next_deadline = parser.body.size() + kProgressBytes;
    }
    const ErrorCode error = parser.advance(buffer_);
    if (error == HttpError::body_limit) throw too_large();
    if (error && error != HttpError::need_more) {
      throw Refusal{refuse(400, fmt::format("the body is malformed: {}", error.message()))};
    }
    if (!share.grow_to(parser.body.size())) {
      throw Refusal{refuse(503, "the bodies of other requests leave no room for this one; try again later")};
    }
    if (parser.is_done()) break;
    if (buffer_.size() >= kProgressBytes)
      throw Refusal{refuse(400, "a chunk's header or the trailer is too long")};
    co_await receive();
  }
}

asio::awaitable<Response> Connection::answer(const Route& route, const Request& request) {
  transport_->no_deadline();
  const auto say = [this, &request](std::string_view what) {
    report(fmt::format("{} {}: {}", to_string(request.method), request.target, what));
  };
  const auto slot = std::make_shared<Slot<Response>>();
  try {
    if (route.handler) co_return route.handler(request);
    route.async_handler(request, reply_into(slot, handler_failed()));
  } catch (const std::exception& error) {
    say(error.what());
    co_return handler_failed();
  } catch (...) {
    say("an exception of unknown type");
    co_return handler_failed();
  }
  co_return co_await wait_for(slot);
}

asio::awaitable<bool> Connection::send(Response response, Manner manner) {
  if (const char* defect = defect_of(response)) {
    report(fmt::format("a handler gave {}", defect));
    response = handler_failed();
  }
  const bool bodiless = response.status == 204 || response.status == 304;
  const bool streamed = response.producer && !bodiless;
  const bool chunked = streamed && manner.version >= 11;
  // Without chunks, only the end of the connection can mark the end of a stream.
  const bool keep = manner.keep && !service_->stopping && (!streamed || chunked || manner.head_only);

  std::string message = render_head(response);
  if (chunked) message += "Transfer-Encoding: chunked\r\n";
  if (!streamed && !bodiless) message += fmt::format("Content-Length: {}\r\n", response.body.size());
  if (!keep) message += "Connection: close\r\n";
  if (keep && manner.version < 11) message += "Connection: keep-alive\r\n";
  message += "\r\n";

  const bool with_body = !bodiless && !streamed && !manner.head_only;
  const bool together = with_body && response.body.size() <= kProgressBytes;
  if (together) message += response.body;
  if (co_await transport_->write(message, service_->limits.write_timeout)) throw Gone{};
  if (with_body && !together) {
    if (co_await transport_->write(response.body, service_->limits.write_timeout)) throw Gone{};
  }
  if (streamed && !manner.head_only) {
    const bool complete = co_await send_stream(response.producer, chunked);
    if (!complete) throw Gone{};
  }
  co_return keep;
}

asio::awaitable<bool> Connection::send_stream(const Producer& producer, bool chunked) {
  std::string pending;  // small pieces share a write, as long as the next one is there at once
  for (;;) {
    const auto slot = std::make_shared<Slot<Chunk>>();
    if (service_->closed) co_return false;
    try {
      producer(reply_into<Chunk>(slot, failure("produce a body", "the producer gave up")));
    } catch (const std::exception& error) {
      slot->value = failure("produce a body", error.what());
    } catch (...) {
      slot->value = failure("produce a body", "an exception of unknown type");
    }
    if (!slot->value || pending.size() >= kStreamWriteBytes) {
      if (co_await transport_->write(pending, service_->limits.write_timeout)) co_return false;
      pending.clear();
    }
    const Chunk chunk = co_await wait_for(slot);
    const bool over = !chunk || !chunk->has_value();
    if (over) {
      if (chunk && chunked) pending += "0\r\n\r\n";
      if (co_await transport_->write(pending, service_->limits.write_timeout)) co_return false;
      if (!chunk) report("a streamed body broke off: " + chunk.error().message());
      co_return chunk.has_value();
    }
    const std::string& bytes = **chunk;
    if (bytes.empty()) {  // an empty chunk would end the body; others have their turn meanwhile
      co_await asio::post(asio::use_awaitable);
    } else if (chunked) {
      fmt::format_to(std::back_inserter(pending), "{:x}\r\n{}\r\n", bytes.size(), bytes);
    } else {
      pending += bytes;
    }
  }
}

// Closing with bytes unread would reset the connection, and the client might lose the answer it was sent.
asio::awaitable<void> Connection::part() {
  set_idle(true);
  transport_->deadline_after(unread_ ? kPartingTimeUnread : kPartingTime);
  if (transport_->reads_after_finish()) {
    co_await transport_->finish();
    co_await drain();
  } else {
    if (unread_) co_await drain();
    co_await transport_->finish();
  }
}

asio::awaitable<void> Connection::drain() {
  for (;;) {
    buffer_.clear();
    const Transport::Moved read = co_await transport_->read_some(buffer_.prepare(kRequestReadBytes));
    if (read.error) co_return;
  }
}

}  // namespace millrace::http
