// SPDX-License-Identifier: BSD-3-Clause
// One client's connection on the server: request, answer, next request. Private to common/http.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/http/parser.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/http/transport.h"

namespace millrace::http {

// What connections share and outlive the server with, if a handler's reply is still to come.
struct Service {
  Router router;
  Limits limits;
  Report report;
  std::size_t bodies_bytes = 0;  // of the requests at hand
  bool stopping = false;         // answers say "Connection: close"
  bool closed = false;           // handlers are called no more
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Service> service, std::shared_ptr<Transport> transport);

  // Until the connection is over. Holds itself alive.
  asio::awaitable<void> run();

  // Waiting for a request, or only for the client to hang up.
  [[nodiscard]] bool idle() const { return idle_; }
  [[nodiscard]] Transport::Clock::time_point idle_since() const { return idle_since_; }
  // Ends an idle connection; others end after their present request.
  void end_when_idle();
  void close_now();

 private:
  // The answer to a request that reaches no handler.
  struct Refusal {
    Response response;
    bool keep = false;  // the next request can be told apart
  };
  // The client is no longer there, or the connection is to end: nobody to answer.
  struct Gone {};
  // One request's share of Service::bodies_bytes.
  class BodyShare {
   public:
    explicit BodyShare(Service& service) : service_(service) {}
    BodyShare(const BodyShare&) = delete;
    BodyShare& operator=(const BodyShare&) = delete;
    ~BodyShare() { service_.bodies_bytes -= bytes_; }
    // False when there is no room for so many.
    [[nodiscard]] bool grow_to(std::size_t bytes) {
      if (bytes > bytes_) service_.bodies_bytes += bytes - std::exchange(bytes_, bytes);
      return service_.bodies_bytes <= service_.limits.bodies_bytes;
    }

   private:
    Service& service_;
    std::size_t bytes_ = 0;
  };
  // How to answer the request at hand.
  struct Manner {
    bool head_only = false;
    int version = 11;
    bool keep = false;
  };

  asio::awaitable<bool> serve_one();
  asio::awaitable<void> read_head(RequestParser& parser);
  asio::awaitable<void> read_body(RequestParser& parser, const Route& route, BodyShare& share);
  [[nodiscard]] Request admit(RequestParser& parser) const;
  [[nodiscard]] const Route& route(const RequestParser& parser, Request& request) const;
  asio::awaitable<void> receive();
  asio::awaitable<Response> answer(const Route& route, const Request& request);
  asio::awaitable<bool> send(Response response, Manner manner);
  asio::awaitable<bool> send_stream(const Producer& producer, bool chunked);
  asio::awaitable<void> part();
  asio::awaitable<void> drain();

  template <class T>
  struct Slot;
  template <class T>
  [[nodiscard]] Reply<T> reply_into(const std::shared_ptr<Slot<T>>& slot, T fallback);
  template <class T>
  asio::awaitable<T> wait_for(std::shared_ptr<Slot<T>> slot);

  void set_idle(bool idle);
  void report(std::string_view what) const;

  std::shared_ptr<Service> service_;
  std::shared_ptr<Transport> transport_;
  asio::steady_timer wake_;  // cancelled when a reply has come
  boost::beast::flat_buffer buffer_;
  Peer peer_;
  bool idle_ = false;
  bool closed_ = false;
  bool unread_ = false;  // a refused request is still coming in
  Transport::Clock::time_point idle_since_;
};

}  // namespace millrace::http
