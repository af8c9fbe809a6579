// SPDX-License-Identifier: BSD-3-Clause
// The segments of one TCP connection between the client inside and the server outside.
#pragma once

#include "tests/support/scenario.h"

namespace millrace::testing {

struct Talk {
  Ends ends;
  std::uint16_t client_port = 40000;
  std::uint16_t server_port = 80;
  std::uint32_t client_isn = 1000;
  std::uint32_t server_isn = 5000;

  // Sequence numbers count from the initial ones: the SYN has 0, the first byte 1.
  [[nodiscard]] PacketBuilder c(std::string_view flags, std::uint32_t seq, std::uint32_t ack,
                                std::size_t bytes = 0) const {
    const bool acks = flags.find('A') != std::string_view::npos;
    return PacketBuilder(ends.client)
        .tcp(client_port, server_port)
        .flags(flags)
        .seq(client_isn + seq)
        .ack(acks ? server_isn + ack : 0)
        .payload(bytes);
  }
  [[nodiscard]] PacketBuilder s(std::string_view flags, std::uint32_t seq, std::uint32_t ack,
                                std::size_t bytes = 0) const {
    const bool acks = flags.find('A') != std::string_view::npos;
    return PacketBuilder(ends.server)
        .tcp(server_port, client_port)
        .flags(flags)
        .seq(server_isn + seq)
        .ack(acks ? client_isn + ack : 0)
        .payload(bytes);
  }

  Scenario& open(Scenario& on) const {
    return on.passes(kInside, c("S", 0, 0).option_mss(1460))
        .passes(kOutside, s("SA", 0, 1).option_mss(1460))
        .passes(kInside, c("A", 1, 1));
  }
  // The client closes first.
  Scenario& close(Scenario& on) const {
    return on.passes(kInside, c("FA", 1, 1))
        .passes(kOutside, s("A", 1, 2))
        .passes(kOutside, s("FA", 1, 2))
        .passes(kInside, c("A", 2, 2));
  }
};

}  // namespace millrace::testing
