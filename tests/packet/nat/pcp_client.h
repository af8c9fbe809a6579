// SPDX-License-Identifier: BSD-3-Clause
// A PCP client in a host behind the gateway: messages written and read by the figures of RFC 6887, without
// the project's own code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/packet/nat/nat_bed.h"

namespace millrace::testing::pcp_client {

inline constexpr std::string_view kHost = "10.0.0.10";

// RFC 6887 section 7.4.
enum Code : std::uint8_t {
  kSuccess,
  kUnsuppVersion,
  kNotAuthorized,
  kMalformedRequest,
  kUnsuppOpcode,
  kUnsuppOption,
  kMalformedOption,
  kNetworkFailure,
  kNoResources,
  kUnsuppProtocol,
  kUserExQuota,
  kCannotProvideExternal,
  kAddressMismatch,
  kExcessiveRemotePeers,
};

struct Wish {
  std::string_view client = kHost;
  std::uint32_t lifetime = 600;
  std::uint8_t protocol = 17;
  std::uint16_t port = 4000;
  std::uint16_t suggested = 0;
  std::string_view suggested_address = "0.0.0.0";
  std::uint8_t nonce = 1;  // all of its bytes
};

[[nodiscard]] Frame announce(std::string_view client = kHost);
[[nodiscard]] Frame map(const Wish& wish);
[[nodiscard]] Frame peer(const Wish& wish, std::string_view remote, std::uint16_t remote_port);

// Options.
[[nodiscard]] Frame third_party(std::string_view host);
[[nodiscard]] Frame prefer_failure();
[[nodiscard]] Frame filter(std::string_view remote, std::uint8_t length,
                           std::uint16_t port);  // of IPv4: 96 and up
[[nodiscard]] Frame option(std::uint8_t code, const Frame& data);
[[nodiscard]] Frame with(Frame message, const Frame& option);

struct Answer {
  std::uint8_t opcode = 0;
  std::uint8_t result = 0;
  std::uint32_t lifetime = 0;
  std::uint32_t epoch = 0;
  std::uint16_t internal_port = 0;
  std::uint16_t port = 0;  // external
  std::string address;     // likewise
  Frame payload;
};

// Sends a message from a host's port 40000 and reads the one answer; nothing, and a failure, when there is
// none.
[[nodiscard]] std::optional<Answer> ask(NatBed& bed, const Frame& message, std::string_view from = kHost);
// The same with only the result wanted.
[[nodiscard]] int result_of(NatBed& bed, const Frame& message, std::string_view from = kHost);
// The message as its packet, and the payload of the answer, whatever protocol.
[[nodiscard]] PacketBuilder packet_of(const Frame& message, std::string_view from = kHost);
[[nodiscard]] Frame reply_to(NatBed& bed, const Frame& message, std::string_view from = kHost);

// A datagram from outside to a mapping of UDP.
[[nodiscard]] PacketBuilder into(const Answer& mapping, std::string_view from = "9.9.9.9",
                                 std::uint16_t port = 999);

// What there is of asked-for bindings, on all workers.
[[nodiscard]] std::size_t leases(const NatBed& bed);

// A bed that answers.
[[nodiscard]] NatSpec answering();

}  // namespace millrace::testing::pcp_client
