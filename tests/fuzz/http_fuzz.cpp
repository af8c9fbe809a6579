// SPDX-License-Identifier: BSD-3-Clause
// Bytes into a whole server over a socket pair: parser, limits, router, handlers, answers. The first byte
// says where the rest is cut in two. What must hold: every connection ends when its client has finished.
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cstdlib>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include "common/http/server.h"

namespace {

namespace http = millrace::http;

http::Router fuzzed_router() {
  http::Router router;
  router
      .on(http::Method::kPost, "/e",
          [](const http::Request& request) {
            return http::Response::text(http::parse_json(request.body) ? 200 : 400, request.body);
          })
      .on(http::Method::kGet, "/{id}",
          [](const http::Request& request) { return http::Response::text(200, request.target); })
      .on(http::Method::kGet, "/s/{n}", [](const http::Request& request) {
        return http::Response::stream(200, "text/plain",
                                      [left = request.segments[1].size()]() mutable -> http::Chunk {
                                        if (left == 0) return std::nullopt;
                                        return std::string(left--, 'x');
                                      });
      });
  return router;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

int fuzz_http_request(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 65536) return -1;
  static boost::asio::io_context io(1);
  static http::Server server(io, fuzzed_router(), {.header_bytes = 1024, .body_bytes = 4096});

  std::array<int, 2> pair{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
  require(server.serve(pair[1]).has_value());
  const auto step = [&pair] {
    std::array<char, 65536> answer;
    do {
      io.restart();
      while (io.poll() > 0) {
      }
    } while (::recv(pair[0], answer.data(), answer.size(), 0) > 0);
  };
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 256;
  for (const std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    (void)::send(pair[0], part.data(), part.size(), MSG_NOSIGNAL);
    step();
  }
  ::shutdown(pair[0], SHUT_WR);
  step();
  ::close(pair[0]);
  io.restart();
  while (io.poll() > 0) {
  }
  require(server.connections() == 0);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return fuzz_http_request(data, size);
}
