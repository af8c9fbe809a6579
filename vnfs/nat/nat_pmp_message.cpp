// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/nat_pmp_message.h"

#include <cstring>

#include "common/base/big_endian.h"

namespace millrace::nat::nat_pmp {
namespace {

constexpr std::uint8_t kVersion = 0;
constexpr std::uint8_t kResponse = 128;

struct MapRequest {  // RFC 6886 section 3.3
  std::uint8_t version;
  std::uint8_t opcode;
  be16 reserved;
  be16 internal_port;
  be16 external_port;
  be32 lifetime;
};
static_assert(sizeof(MapRequest) == 12);

struct ResponseHeader {  // of all responses
  std::uint8_t version;
  std::uint8_t opcode;
  be16 result;
  be32 epoch;
};
static_assert(sizeof(ResponseHeader) == 8);

struct MapResponse {  // RFC 6886 section 3.3
  be16 internal_port;
  be16 external_port;
  be32 lifetime;
};
static_assert(sizeof(MapResponse) == 8);

void put_header(Message& out, std::uint8_t opcode, Result result, std::uint32_t epoch) noexcept {
  const ResponseHeader header{.version = kVersion,
                              .opcode = static_cast<std::uint8_t>(opcode | kResponse),
                              .result = be16(static_cast<std::uint16_t>(result)),
                              .epoch = be32(epoch)};
  std::memcpy(out.data(), &header, sizeof header);
}

}  // namespace

bool is_nat_pmp(Bytes message) noexcept { return !message.empty() && message[0] == kVersion; }

Read read_request(Bytes message) noexcept {
  Read read;
  if (message.size() < 2 || message[1] >= kResponse) return read;
  if (message[1] > static_cast<std::uint8_t>(Opcode::kMapTcp)) {
    read.verdict = Verdict::kRefuse;
    return read;
  }
  read.request.opcode = static_cast<Opcode>(message[1]);
  if (read.request.opcode == Opcode::kAddress) {
    read.verdict = Verdict::kServe;
    return read;
  }
  const auto* body = Reader(message).read<MapRequest>();
  if (body == nullptr) return read;
  read.request.internal_port = body->internal_port.host();
  read.request.suggested_port = body->external_port.host();
  read.request.lifetime = body->lifetime.host();
  // RFC 6886 section 3.4: no port means all, and only in a deletion.
  if (read.request.internal_port != 0 || read.request.lifetime == 0) read.verdict = Verdict::kServe;
  return read;
}

std::size_t write_address(Message& out, Result result, std::uint32_t epoch,
                          net::Ipv4Address address) noexcept {
  put_header(out, static_cast<std::uint8_t>(Opcode::kAddress), result, epoch);
  std::memcpy(out.data() + sizeof(ResponseHeader), &address, sizeof address);
  return sizeof(ResponseHeader) + sizeof address;
}

std::size_t write_mapping(Message& out, Result result, std::uint32_t epoch, const Request& request,
                          std::uint16_t external_port, std::uint32_t lifetime) noexcept {
  put_header(out, static_cast<std::uint8_t>(request.opcode), result, epoch);
  const MapResponse body{.internal_port = be16(request.internal_port),
                         .external_port = be16(external_port),
                         .lifetime = be32(lifetime)};
  std::memcpy(out.data() + sizeof(ResponseHeader), &body, sizeof body);
  return sizeof(ResponseHeader) + sizeof body;
}

std::size_t write_unsupported(Message& out, Bytes request, std::uint32_t epoch) noexcept {
  put_header(out, request[1], Result::kUnsupportedOpcode, epoch);
  return sizeof(ResponseHeader);
}

}  // namespace millrace::nat::nat_pmp
