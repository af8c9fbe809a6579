// SPDX-License-Identifier: BSD-3-Clause
// What PCP says on the wire, RFC 6887: requests read, responses written. Nothing is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "common/base/reader.h"
#include "common/net/address.h"

namespace millrace::nat::pcp {

inline constexpr std::uint16_t kServerPort = 5351;
inline constexpr std::size_t kLongest = 1100;  // RFC 6887 section 7
inline constexpr unsigned kMostFilters = 7;    // of one request

using Nonce = std::array<std::uint8_t, 12>;
using Message = std::array<std::uint8_t, kLongest>;

enum class Opcode : std::uint8_t { kAnnounce, kMap, kPeer };

// RFC 6887 section 7.4.
enum class Result : std::uint8_t {
  kSuccess,
  kUnsupportedVersion,
  kNotAuthorized,
  kMalformedRequest,
  kUnsupportedOpcode,
  kUnsupportedOption,
  kMalformedOption,
  kNetworkFailure,
  kNoResources,
  kUnsupportedProtocol,
  kUserQuota,
  kCannotProvideExternal,
  kAddressMismatch,
  kExcessiveRemotePeers,
};

// Seconds for which the same request would give the same error.
[[nodiscard]] std::uint32_t error_lifetime(Result result) noexcept;

// Whom a mapping lets in: RFC 6887 section 13.3.
struct Filter {
  net::Prefix remote;
  std::uint16_t port = 0;  // 0: all
  bool operator==(const Filter&) const noexcept = default;
};

// Addresses are IPv4 where the message has an IPv4-mapped one; ports are numbers.
struct Request {
  Opcode opcode = Opcode::kAnnounce;
  std::uint8_t protocol = 0;  // 0: all
  std::uint16_t internal_port = 0;
  std::uint16_t suggested_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t lifetime = 0;  // seconds
  Nonce nonce{};
  net::IpAddress suggested_address;
  net::IpAddress remote_address;
  std::optional<net::IpAddress> third_party;
  bool prefer_failure = false;
  bool clears_filters = false;  // those from before are void
  unsigned filter_count = 0;
  std::array<Filter, kMostFilters> filters;

  [[nodiscard]] std::span<const Filter> new_filters() const noexcept {
    return std::span(filters).first(filter_count);
  }
};

// Options that a server may do without: RFC 6887 sections 13.1 and 13.2.
struct Options {
  bool third_party = false;
  bool prefer_failure = false;
};

// What is to be done with a message.
enum class Verdict : std::uint8_t { kServe, kRefuse, kIgnore };

// A message from `source`. kRefuse: `result` says why.
struct Read {
  Verdict verdict = Verdict::kIgnore;
  Result result = Result::kSuccess;
  Request request;
};
[[nodiscard]] Read read_request(Bytes message, const net::IpAddress& source, Options options) noexcept;

struct Response {
  Result result = Result::kSuccess;
  std::uint32_t lifetime = 0;  // seconds
  std::uint32_t epoch = 0;     // seconds
  std::uint16_t external_port = 0;
  net::IpAddress external_address;
};

// Return the length. `request` is what was read, and served or refused.
[[nodiscard]] std::size_t write_response(Message& out, Bytes request, const Response& response) noexcept;
[[nodiscard]] std::size_t write_error(Message& out, Bytes request, Result result, std::uint32_t lifetime,
                                      std::uint32_t epoch) noexcept;

}  // namespace millrace::nat::pcp
