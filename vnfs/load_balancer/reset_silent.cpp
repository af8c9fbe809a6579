// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/reset_silent.h"

#include "common/core/tcp_segments.h"
#include "vnfs/load_balancer/connection_ends.h"

namespace millrace::load_balancer {

void ResetSilent::connection_ended(const Connection& connection, ConnectionEnd why) noexcept {
  if (why != ConnectionEnd::kTimeout || !connection.has(Connection::kJoining) || network_ == nullptr) return;
  if (!connection.waits_for_backend()) return;
  const ConnectionEnds ends = ends_of(connection);
  // With the very number that the client expects (RFC 5961 section 3.2).
  core::send_tcp({.source = ends.service,
                  .destination = ends.client,
                  .source_port = ends.service_port,
                  .destination_port = ends.client_port,
                  .domain = core::DomainId(ends.domain)},
                 *network_, originator_,
                 {.sequence = connection.halves.cookie + 1, .flags = net::tcp_flag::kRst});
}

}  // namespace millrace::load_balancer
