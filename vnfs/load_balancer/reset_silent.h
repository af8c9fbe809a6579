// SPDX-License-Identifier: BSD-3-Clause
// Tells a client whose cookie came back that its backend keeps silent: it holds a connection that nobody else
// has.
#pragma once

#include "vnfs/load_balancer/connection_table.h"

namespace millrace::load_balancer {

// One worker's own; it observes the connections.
class ResetSilent final : public ConnectionObserver {
 public:
  explicit ResetSilent(core::Originator& originator) noexcept : originator_(originator) {}

  // The one in force, before connections may end.
  void follow(const core::Network& network) noexcept { network_ = &network; }

  void connection_opened(const Connection& /*connection*/) noexcept override {}
  void connection_adopted(const Connection& /*connection*/) noexcept override {}
  void connection_ended(const Connection& connection, ConnectionEnd why) noexcept override;

 private:
  core::Originator& originator_;
  const core::Network* network_ = nullptr;
};

}  // namespace millrace::load_balancer
