// SPDX-License-Identifier: BSD-3-Clause
// A client's bytes into the whole control API, over a socket pair: parser, router, readers, handlers,
// answers. What must hold: every connection ends when its client has finished, and no handler throws.
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

#include "common/control/api.h"
#include "common/http/server.h"
#include "tests/support/fake_appliance.h"

namespace {

namespace http = millrace::http;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Bed {
  boost::asio::io_context io{1};
  millrace::test::FakeAppliance appliance;
  // What the server has to report is an exception from a handler, or a connection in disorder.
  http::Server server{
      io, router(), {.header_bytes = 2048, .body_bytes = 8192}, [](std::string_view) { std::abort(); }};

  http::Router router() {
    http::Router made;
    millrace::control::add_api(made, appliance);
    for (int id = 0; id < 5; ++id) appliance.all_sessions.push_back(boost::json::object{{"id", id}});
    appliance.exported = {"some", "state"};
    appliance.listings["services"] = boost::json::array{boost::json::object{{"name", "web"}}};
    appliance.backends = {{"web", {"10.0.0.13"}}};
    return made;
  }
};

void turn(boost::asio::io_context& io) {
  io.restart();
  while (io.poll() > 0) {
  }
}

}  // namespace

// The signature is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 65536) return -1;
  static Bed bed;
  bed.appliance.asked = {};

  std::array<int, 2> pair{};
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair.data()) == 0);
  require(bed.server.serve(pair[1]).has_value());
  const auto step = [&pair] {
    std::array<char, 65536> answer{};
    do {
      turn(bed.io);
    } while (::recv(pair[0], answer.data(), answer.size(), 0) > 0);
  };
  (void)::send(pair[0], data, size, MSG_NOSIGNAL);
  step();
  ::shutdown(pair[0], SHUT_WR);
  step();
  ::close(pair[0]);
  turn(bed.io);
  require(bed.server.connections() == 0);
  return 0;
}
