// SPDX-License-Identifier: BSD-3-Clause
// Servers on loopback that do to each client what a test tells them, on the test's own io_context: no thread,
// and nobody waits longer than the test runs.
#pragma once

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::test {

inline constexpr auto kServerTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

// What a server says when it has read a request's header.
struct Saying {
  std::string text;
  bool forever = false;                            // again and again
  std::optional<std::chrono::milliseconds> gap{};  // between its bytes, one at a time
  bool close = true;    // afterwards; else it keeps the connection and says no more
  bool listens = true;  // false: speaks without having read
};

class ScriptedServer {
 public:
  // What to say to the n-th client, from 0; nothing: close at once.
  using Script = std::function<std::optional<Saying>(std::size_t client)>;

  ScriptedServer(boost::asio::io_context& io, Script script,
                 std::shared_ptr<boost::asio::ssl::context> tls = {}, const char* address = "127.0.0.1")
      : shared_(std::make_shared<Shared>(io, std::move(script), std::move(tls), address)) {
    boost::asio::co_spawn(io, accept(shared_), boost::asio::detached);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() { shared_->acceptor.close(); }

  [[nodiscard]] std::uint16_t port() const { return shared_->acceptor.local_endpoint().port(); }
  [[nodiscard]] std::size_t clients() const { return shared_->clients; }
  [[nodiscard]] std::size_t most_at_once() const { return shared_->most_at_once; }
  // As they came, each up to its empty line.
  [[nodiscard]] const std::vector<std::string>& requests() const { return shared_->requests; }
  // The name that the last client of TLS asked for.
  [[nodiscard]] const std::string& server_name() const { return shared_->server_name; }

 private:
  using Tcp = boost::asio::ip::tcp;

  struct Shared {
    Shared(boost::asio::io_context& io, Script script_in, std::shared_ptr<boost::asio::ssl::context> tls_in,
           const char* address)
        : acceptor(io, Tcp::endpoint(boost::asio::ip::make_address(address), 0)),
          script(std::move(script_in)),
          tls(std::move(tls_in)) {}

    Tcp::acceptor acceptor;
    Script script;
    std::shared_ptr<boost::asio::ssl::context> tls;
    std::size_t clients = 0;
    std::size_t at_once = 0;
    std::size_t most_at_once = 0;
    std::vector<std::string> requests;
    std::string server_name;
  };
  using Held = std::shared_ptr<Shared>;

  static boost::asio::awaitable<void> accept(Held shared) {
    for (;;) {
      auto [error, client] = co_await shared->acceptor.async_accept(kServerTuple);
      if (error) co_return;
      boost::asio::co_spawn(shared->acceptor.get_executor(),
                            serve(shared, std::move(client), shared->clients++), boost::asio::detached);
    }
  }

  static boost::asio::awaitable<void> serve(Held shared, Tcp::socket client, std::size_t number) {
    const auto saying = shared->script(number);
    if (!saying) co_return;
    shared->most_at_once = std::max(shared->most_at_once, ++shared->at_once);
    if (shared->tls) {
      boost::asio::ssl::stream<Tcp::socket> secured(std::move(client), *shared->tls);
      auto [error] = co_await secured.async_handshake(boost::asio::ssl::stream_base::server, kServerTuple);
      const char* name = SSL_get_servername(secured.native_handle(), TLSEXT_NAMETYPE_host_name);
      shared->server_name = name == nullptr ? "" : name;
      if (!error) co_await talk(*shared, secured, *saying);
    } else {
      co_await talk(*shared, client, *saying);
    }
    --shared->at_once;
  }

  template <class Stream>
  static boost::asio::awaitable<void> talk(Shared& shared, Stream& stream, const Saying& saying) {
    std::string request;
    if (saying.listens) {
      auto [unread, size] = co_await boost::asio::async_read_until(
          stream, boost::asio::dynamic_buffer(request), "\r\n\r\n", kServerTuple);
      if (unread) co_return;
      shared.requests.push_back(request.substr(0, size));
    }
    do {
      if (!co_await say(stream, saying)) co_return;
    } while (saying.forever);
    if (saying.close) co_return;
    std::array<char, 256> ignored{};
    for (;;) {  // until the client has gone
      auto [error, bytes] = co_await stream.async_read_some(boost::asio::buffer(ignored), kServerTuple);
      if (error) co_return;
    }
  }

  // Whether the client has taken it.
  template <class Stream>
  static boost::asio::awaitable<bool> say(Stream& stream, const Saying& saying) {
    if (!saying.gap) {
      auto [error, bytes] =
          co_await boost::asio::async_write(stream, boost::asio::buffer(saying.text), kServerTuple);
      co_return !error;
    }
    boost::asio::steady_timer pause(stream.get_executor());
    for (const char& byte : saying.text) {
      auto [error, bytes] =
          co_await boost::asio::async_write(stream, boost::asio::buffer(&byte, 1), kServerTuple);
      if (error) co_return false;
      pause.expires_after(*saying.gap);
      (void)co_await pause.async_wait(kServerTuple);
    }
    co_return true;
  }

  Held shared_;
};

// Answers each datagram with those that `script` makes of it.
class ScriptedDatagrams {
 public:
  using Script = std::function<std::vector<std::string>(const std::string& datagram)>;

  ScriptedDatagrams(boost::asio::io_context& io, Script script, const char* address = "127.0.0.1")
      : shared_(std::make_shared<Shared>(io, std::move(script), address)) {
    boost::asio::co_spawn(io, serve(shared_), boost::asio::detached);
  }
  ScriptedDatagrams(const ScriptedDatagrams&) = delete;
  ScriptedDatagrams& operator=(const ScriptedDatagrams&) = delete;
  ~ScriptedDatagrams() { shared_->socket.close(); }

  [[nodiscard]] std::uint16_t port() const { return shared_->socket.local_endpoint().port(); }
  [[nodiscard]] const std::vector<std::string>& datagrams() const { return shared_->datagrams; }

 private:
  using Udp = boost::asio::ip::udp;

  struct Shared {
    Shared(boost::asio::io_context& io, Script script_in, const char* address)
        : socket(io, Udp::endpoint(boost::asio::ip::make_address(address), 0)),
          script(std::move(script_in)) {}

    Udp::socket socket;
    Script script;
    std::vector<std::string> datagrams;
  };

  static boost::asio::awaitable<void> serve(std::shared_ptr<Shared> shared) {
    std::array<char, 2048> buffer{};
    for (;;) {
      Udp::endpoint from;
      auto [error, size] =
          co_await shared->socket.async_receive_from(boost::asio::buffer(buffer), from, kServerTuple);
      if (error) co_return;
      shared->datagrams.emplace_back(buffer.data(), size);
      for (const std::string& answer : shared->script(shared->datagrams.back())) {
        (void)co_await shared->socket.async_send_to(boost::asio::buffer(answer), from, kServerTuple);
      }
    }
  }

  std::shared_ptr<Shared> shared_;
};

}  // namespace millrace::test
