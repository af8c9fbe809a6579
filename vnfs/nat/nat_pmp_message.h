// SPDX-License-Identifier: BSD-3-Clause
// What NAT-PMP, the predecessor of PCP, says on the wire, to the same port: RFC 6886.
#pragma once

#include "vnfs/nat/pcp_message.h"

namespace millrace::nat::nat_pmp {

using pcp::Message;
using pcp::Verdict;

// RFC 6886 section 3.5.
enum class Result : std::uint16_t {
  kSuccess,
  kUnsupportedVersion,
  kNotAuthorized,
  kNetworkFailure,
  kNoResources,
  kUnsupportedOpcode,
};

enum class Opcode : std::uint8_t { kAddress, kMapUdp, kMapTcp };

struct Request {
  Opcode opcode = Opcode::kAddress;
  std::uint16_t internal_port = 0;
  std::uint16_t suggested_port = 0;
  std::uint32_t lifetime = 0;  // seconds
};

// kRefuse: for its opcode.
struct Read {
  Verdict verdict = Verdict::kIgnore;
  Request request;
};
[[nodiscard]] bool is_nat_pmp(Bytes message) noexcept;
[[nodiscard]] Read read_request(Bytes message) noexcept;

// Return the length.
[[nodiscard]] std::size_t write_address(Message& out, Result result, std::uint32_t epoch,
                                        net::Ipv4Address address) noexcept;
[[nodiscard]] std::size_t write_mapping(Message& out, Result result, std::uint32_t epoch,
                                        const Request& request, std::uint16_t external_port,
                                        std::uint32_t lifetime) noexcept;
[[nodiscard]] std::size_t write_unsupported(Message& out, Bytes request, std::uint32_t epoch) noexcept;

}  // namespace millrace::nat::nat_pmp
