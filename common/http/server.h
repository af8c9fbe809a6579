// SPDX-License-Identifier: BSD-3-Clause
// An HTTP/1.1 server (RFC 9110, RFC 9112) for control interfaces: a few dozen clients, bounded in every
// direction.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "common/base/result.h"
#include "common/http/router.h"

namespace boost::asio {
class io_context;
namespace ssl {
class context;
}
}  // namespace boost::asio

namespace millrace::http {

struct Limits {
  std::size_t header_bytes = std::size_t{8} * 1024;        // request line and fields: past it 414 or 431
  std::size_t body_bytes = std::size_t{16} * 1024 * 1024;  // past it 413; a route may have its own
  // Of all requests at hand together: one that would go past it gets 503.
  std::size_t bodies_bytes = std::size_t{64} * 1024 * 1024;
  // Past it, the connection that has been idle longest makes place; if none is idle, the new one gets 503.
  std::size_t connections = 128;
  // For the whole header, and for each 64 KiB of body.
  std::chrono::milliseconds read_timeout = std::chrono::seconds(10);
  // Between requests.
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(60);
  // For each 64 KiB that the client takes.
  std::chrono::milliseconds write_timeout = std::chrono::seconds(30);
};

// Told what an operator may want in the log: an exception from a handler, a listener in trouble.
using Report = std::function<void(std::string_view)>;

// All members, and all handlers, run on the one thread that runs the io_context. The io_context must outlive
// the server and every Responder it has given out.
class Server {
 public:
  Server(boost::asio::io_context& io, Router router, Limits limits = {}, Report report = {});
  // Closes everything at once, without stop()'s grace.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the place of a socket left by a dead process; fails when a live one answers on it, or when
  // something that is not a socket is there. The mode is exact, whatever the umask.
  [[nodiscard]] Result<void> listen_unix(const std::filesystem::path& path, unsigned mode = 0660);
  // The address in numbers, "127.0.0.1" or "::1". Port 0 lets the kernel choose. Returns the port.
  [[nodiscard]] Result<std::uint16_t> listen_tcp(std::string_view address, std::uint16_t port);
  // Whether clients must have a certificate is for the context to say (verify_peer, fail_if_no_peer_cert).
  [[nodiscard]] Result<std::uint16_t> listen_tls(std::string_view address, std::uint16_t port,
                                                 const std::shared_ptr<boost::asio::ssl::context>& context);
  // Serves a stream socket that is already connected, and owns it.
  [[nodiscard]] Result<void> serve(int connected_socket);

  // Accepts no more, removes Unix sockets, lets requests in progress finish within `grace`, cuts off the
  // rest, then calls `done`. A second call is ignored.
  void stop(std::chrono::milliseconds grace, std::function<void()> done = {});

  [[nodiscard]] std::size_t connections() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::http
