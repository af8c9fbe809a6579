// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/pcp_message.h"

#include <algorithm>
#include <cstring>

#include "common/base/big_endian.h"
#include "common/net/wire.h"

namespace millrace::nat::pcp {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kResponse = 0x80;  // the R bit, beside the opcode

struct RequestHeader {  // RFC 6887 section 7.1
  std::uint8_t version;
  std::uint8_t opcode;
  be16 reserved;
  be32 lifetime;
  net::Ipv6Address client;
};
static_assert(sizeof(RequestHeader) == 24);

struct ResponseHeader {  // RFC 6887 section 7.2
  std::uint8_t version;
  std::uint8_t opcode;
  std::uint8_t reserved;
  std::uint8_t result;
  be32 lifetime;
  be32 epoch;
  std::array<std::uint8_t, 12> zero;
};
static_assert(sizeof(ResponseHeader) == sizeof(RequestHeader));

struct MapBody {  // RFC 6887 section 11.1: request and response alike
  Nonce nonce;
  std::uint8_t protocol;
  std::array<std::uint8_t, 3> reserved;
  be16 internal_port;
  be16 external_port;
  net::Ipv6Address external_address;
};
static_assert(sizeof(MapBody) == 36);

struct PeerBody {  // RFC 6887 section 12.1: likewise
  MapBody map;
  be16 remote_port;
  be16 reserved;
  net::Ipv6Address remote_address;
};
static_assert(sizeof(PeerBody) == 56);

struct OptionHeader {  // RFC 6887 section 7.3
  std::uint8_t code;
  std::uint8_t reserved;
  be16 length;

  [[nodiscard]] std::size_t padded() const noexcept { return (std::size_t{length.host()} + 3) / 4 * 4; }
};
static_assert(sizeof(OptionHeader) == 4);

struct FilterBody {  // RFC 6887 section 13.3
  std::uint8_t reserved;
  std::uint8_t length;
  be16 port;
  net::Ipv6Address remote;
};
static_assert(sizeof(FilterBody) == 20);

constexpr std::uint8_t kThirdParty = 1;
constexpr std::uint8_t kPreferFailure = 2;
constexpr std::uint8_t kFilter = 3;
constexpr std::uint8_t kFirstOptional = 128;

constexpr unsigned kMappedBits = 96;  // of ::ffff:0:0/96, where IPv4 addresses are (RFC 4291 section 2.5.5.2)

net::IpAddress address_of(const net::Ipv6Address& wire) noexcept {
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::memcmp(wire.bytes.data(), kMapped.data(), kMapped.size()) != 0) return wire;
  std::uint32_t v4 = 0;
  std::memcpy(&v4, wire.bytes.data() + kMapped.size(), sizeof v4);
  return net::Ipv4Address{be32::from_wire(v4)};
}

net::Ipv6Address wire_of(const net::IpAddress& address) noexcept {
  if (!address.is_v4()) return address.v6();
  net::Ipv6Address wire{};
  wire.bytes[10] = wire.bytes[11] = 0xff;
  std::memcpy(wire.bytes.data() + 12, address.bytes().data(), 4);
  return wire;
}

// The body of each opcode.
std::size_t body_of(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::kMap:
      return sizeof(MapBody);
    case Opcode::kPeer:
      return sizeof(PeerBody);
    case Opcode::kAnnounce:
      break;
  }
  return 0;
}

Result read_map(Reader& reader, Request& request) noexcept {
  const auto* body = reader.read<MapBody>();
  if (body == nullptr) return Result::kMalformedRequest;
  request.nonce = body->nonce;
  request.protocol = body->protocol;
  request.internal_port = body->internal_port.host();
  request.suggested_port = body->external_port.host();
  request.suggested_address = address_of(body->external_address);
  return Result::kSuccess;
}

Result read_body(Reader& reader, Request& request) noexcept {
  if (request.opcode == Opcode::kAnnounce) return Result::kSuccess;
  if (const Result result = read_map(reader, request); result != Result::kSuccess) return result;
  if (request.opcode == Opcode::kMap) {
    // RFC 6887 section 11.1: with all protocols go all ports.
    const bool contradicts = request.protocol == 0 && request.internal_port != 0;
    return contradicts ? Result::kMalformedRequest : Result::kSuccess;
  }
  const auto* remote_port = reader.read<be16>();
  if (remote_port == nullptr || !reader.skip(sizeof(be16))) return Result::kMalformedRequest;
  const auto* remote = reader.read<net::Ipv6Address>();
  if (remote == nullptr) return Result::kMalformedRequest;
  request.remote_port = remote_port->host();
  request.remote_address = address_of(*remote);
  // RFC 6887 section 12.1: each of these names one.
  const bool complete = request.protocol != 0 && request.internal_port != 0 && request.remote_port != 0;
  return complete ? Result::kSuccess : Result::kMalformedRequest;
}

Result read_filter(Bytes data, Request& request) noexcept {
  if (data.size() != sizeof(FilterBody) || request.opcode != Opcode::kMap) return Result::kMalformedOption;
  const auto& body = *reinterpret_cast<const FilterBody*>(data.data());
  if (body.length > 128) return Result::kMalformedOption;
  if (body.length == 0) {  // RFC 6887 section 13.3: no filter at all
    request.clears_filters = true;
    request.filter_count = 0;
    return Result::kSuccess;
  }
  const net::IpAddress remote = address_of(body.remote);
  unsigned length = body.length;
  if (remote.is_v4()) {
    if (length < kMappedBits) return Result::kMalformedOption;
    length -= kMappedBits;
  }
  if (request.filter_count == kMostFilters) return Result::kExcessiveRemotePeers;
  request.filters[request.filter_count++] = {net::Prefix::of(remote, length), body.port.host()};
  return Result::kSuccess;
}

Result read_option(std::uint8_t code, Bytes data, Options options, Request& request) noexcept {
  switch (code) {
    case kThirdParty: {
      if (!options.third_party) return Result::kUnsupportedOption;  // RFC 6887 section 13.1
      const bool fits = data.size() == sizeof(net::Ipv6Address) && !request.third_party &&
                        request.opcode != Opcode::kAnnounce;
      if (!fits) return Result::kMalformedOption;
      request.third_party = address_of(*reinterpret_cast<const net::Ipv6Address*>(data.data()));
      return Result::kSuccess;
    }
    case kPreferFailure: {
      if (!options.prefer_failure) return Result::kUnsupportedOption;
      // RFC 6887 section 13.2: not where a mapping is deleted.
      const bool fits =
          data.empty() && !request.prefer_failure && request.opcode == Opcode::kMap && request.lifetime != 0;
      if (!fits) return Result::kMalformedOption;
      request.prefer_failure = true;
      return Result::kSuccess;
    }
    case kFilter:
      return read_filter(data, request);
    default:
      return code < kFirstOptional ? Result::kUnsupportedOption : Result::kSuccess;
  }
}

Result read_options(Reader& reader, Options options, Request& request) noexcept {
  while (const auto* header = reader.read<OptionHeader>()) {
    if (header->padded() > reader.left()) return Result::kMalformedOption;
    const Bytes data = reader.take(header->padded()).first(header->length.host());
    if (const Result result = read_option(header->code, data, options, request); result != Result::kSuccess)
      return result;
  }
  return Result::kSuccess;
}

// RFC 6887 section 8.2, in its order.
Result read(Bytes message, const net::IpAddress& source, Options options, Request& request) noexcept {
  if (message[0] != kVersion) return Result::kUnsupportedVersion;
  Reader reader(message);
  const auto* header = reader.read<RequestHeader>();
  if (header == nullptr || message.size() > kLongest || message.size() % 4 != 0)
    return Result::kMalformedRequest;
  if (header->opcode > static_cast<std::uint8_t>(Opcode::kPeer)) return Result::kUnsupportedOpcode;
  request.opcode = static_cast<Opcode>(header->opcode);
  request.lifetime = header->lifetime.host();
  if (address_of(header->client) != source) return Result::kAddressMismatch;
  if (const Result result = read_body(reader, request); result != Result::kSuccess) return result;
  if (const Result result = read_options(reader, options, request); result != Result::kSuccess) return result;
  // RFC 6887 section 13.1: who asks for itself does so without the option.
  return request.third_party == source ? Result::kMalformedRequest : Result::kSuccess;
}

template <class T>
void put(Message& out, std::size_t at, const T& value) noexcept {
  std::memcpy(out.data() + at, &value, sizeof value);
}

void put_header(Message& out, std::uint8_t opcode, Result result, std::uint32_t lifetime,
                std::uint32_t epoch) noexcept {
  put(out, 0,
      ResponseHeader{.version = kVersion,
                     .opcode = static_cast<std::uint8_t>(opcode | kResponse),
                     .reserved = 0,
                     .result = static_cast<std::uint8_t>(result),
                     .lifetime = be32(lifetime),
                     .epoch = be32(epoch),
                     .zero = {}});
}

}  // namespace

std::uint32_t error_lifetime(Result result) noexcept {
  constexpr std::uint32_t kShort = 30;
  constexpr std::uint32_t kLong = 1800;
  switch (result) {
    case Result::kNetworkFailure:
    case Result::kNoResources:
    case Result::kUserQuota:
    case Result::kCannotProvideExternal:
      return kShort;
    default:
      return kLong;
  }
}

Read read_request(Bytes message, const net::IpAddress& source, Options options) noexcept {
  Read result;
  // RFC 6887 section 8.2: a response, or too short to tell, is nobody's request.
  if (message.size() < 2 || (message[1] & kResponse) != 0) return result;
  result.result = read(message, source, options, result.request);
  result.verdict = result.result == Result::kSuccess ? Verdict::kServe : Verdict::kRefuse;
  return result;
}

std::size_t write_response(Message& out, Bytes request, const Response& response) noexcept {
  const auto opcode = static_cast<Opcode>(request[1]);
  put_header(out, request[1], response.result, response.lifetime, response.epoch);
  std::size_t length = sizeof(ResponseHeader) + body_of(opcode);
  std::copy_n(request.begin() + sizeof(ResponseHeader), body_of(opcode),
              out.begin() + sizeof(ResponseHeader));
  if (opcode != Opcode::kAnnounce) {
    constexpr std::size_t kBody = sizeof(ResponseHeader);
    put(out, kBody + offsetof(MapBody, external_port), be16(response.external_port));
    put(out, kBody + offsetof(MapBody, external_address), wire_of(response.external_address));
  }
  // RFC 6887 section 7.3: options that were heeded come back, others do not.
  Reader reader(request.subspan(length));
  while (const auto* header = reader.read<OptionHeader>()) {
    const Bytes data = reader.take(header->padded());
    if (header->code >= kFirstOptional) continue;
    put(out, length, *header);
    std::ranges::copy(data, out.begin() + static_cast<std::ptrdiff_t>(length + sizeof *header));
    length += sizeof *header + data.size();
  }
  return length;
}

// RFC 6887 section 8.2: all of the request that fits, so that its sender knows it again.
std::size_t write_error(Message& out, Bytes request, Result result, std::uint32_t lifetime,
                        std::uint32_t epoch) noexcept {
  const Bytes kept = request.first(std::min(request.size(), kLongest));
  const std::size_t length = std::max((kept.size() + 3) / 4 * 4, sizeof(ResponseHeader));
  std::ranges::fill(std::span(out).first(length), std::uint8_t{0});
  std::ranges::copy(kept, out.begin());
  put_header(out, request[1], result, lifetime, epoch);
  return length;
}

}  // namespace millrace::nat::pcp
