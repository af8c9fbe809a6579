// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/ip/tcp.hpp>

#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/socket.h"

namespace millrace::load_balancer::health {

boost::asio::awaitable<Outcome> check_tcp(Progress& progress) {
  boost::asio::ip::tcp::socket connection(progress.io);
  const WhileOpen open(progress, [&connection] {
    boost::system::error_code ignored;
    connection.close(ignored);
  });
  const auto connected = co_await connect(progress, connection);
  co_return connected ? good("connected") : connected.error();
}

}  // namespace millrace::load_balancer::health
