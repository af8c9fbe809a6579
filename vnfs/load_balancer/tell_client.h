// SPDX-License-Identifier: BSD-3-Clause
// Tells the backend of a full_nat service who the client is.
//
// PROXY protocol: the header takes the sequence numbers before the client's first byte. The backend sees the
// client's SYN with a number that is less by the header's length, so that all that follows keeps its numbers,
// selective acknowledgments too; the backend's own, until it has the header, are told the client as those of
// its SYN. The header goes in front of the client's first segment after the handshake, be it without data,
// and again when the client sends that again, or with time, until the backend has acknowledged it.
//
// TOA: the option is in each segment after the handshake until the backend has acknowledged a byte of data.
//
// A connection about which all is told costs a look at its flags. Data path.
#pragma once

#include "vnfs/load_balancer/worker_state.h"

namespace millrace::load_balancer {

struct TellClient {
  WorkerState& state;

  // A TCP segment of a connection that has something to tell, as its sender sent it. It can leave by `hop`
  // and may become longer, as long as it still can; `growth`: by what another family makes it longer.
  void from_client(core::Batch& batch, core::Packet& packet, const core::NextHop& hop, int growth,
                   const Policy& policy) noexcept;
  void from_backend(core::Packet& packet, const Policy& policy, Tick now) noexcept;
  // The header was due and nobody has acknowledged it.
  void send_again(ConnectionIndex index, const Policy& policy, const core::Network& network,
                  Tick now) noexcept;

 private:
  void begin(core::Packet& packet, Connection& connection) noexcept;
  void put_header(core::Batch& batch, core::Packet& packet, unsigned room, const Policy& policy) noexcept;
  void put_option(const core::Batch& batch, core::Packet& packet, unsigned room) noexcept;
  void sent(ConnectionIndex index, const Policy& policy, Tick now) noexcept;
  void send_alone(const Connection& connection, const Backend& backend,
                  const core::Network& network) noexcept;
};

}  // namespace millrace::load_balancer
