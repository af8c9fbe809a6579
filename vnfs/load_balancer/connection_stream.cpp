// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_stream.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "common/net/wire.h"

namespace millrace::load_balancer {
namespace {

using control::address_of;
using control::is_family;
using control::is_padded;

enum class FrameType : std::uint8_t { kName = 1, kConnections = 2, kEnd = 3 };

struct WireConnection {
  std::uint8_t family;          // of client and service, 4 or 6
  std::uint8_t backend_family;  // 4 or 6
  std::uint8_t protocol;
  std::uint8_t tcp;
  control::StateAddress client;
  control::StateAddress service;
  control::StateAddress backend;
  be16 client_port;
  be16 service_port;
  be16 backend_port;
  be32 domain;
  be32 service_name;
  std::array<be64, 2> bytes;
  be32 age_ms;
  be32 idle_ms;
};
static_assert(WireFormat<WireConnection> && sizeof(WireConnection) == 90);

constexpr std::uint16_t kVersion = 1;
constexpr control::StateFormat kFormat{
    .magic = "MRCONNS\n",
    .of = "connections",
    .version = kVersion,
    .name_type = static_cast<std::uint8_t>(FrameType::kName),
    .end_type = static_cast<std::uint8_t>(FrameType::kEnd),
    .longest = control::kLongestStateName + sizeof(WireConnection) * control::kMostRecordsPerFrame};

WireConnection wire_of(const PortableConnection& connection) noexcept {
  const ConnectionEnds& ends = connection.ends;
  return {.family = static_cast<std::uint8_t>(ends.client.family()),
          .backend_family = static_cast<std::uint8_t>(connection.backend.family()),
          .protocol = ends.protocol,
          .tcp = connection.tcp,
          .client = ends.client.bytes(),
          .service = ends.service.bytes(),
          .backend = connection.backend.bytes(),
          .client_port = ends.client_port,
          .service_port = ends.service_port,
          .backend_port = be16(connection.backend_port),
          .domain = be32(ends.domain),
          .service_name = be32(connection.service),
          .bytes = {be64(connection.bytes[0]), be64(connection.bytes[1])},
          .age_ms = be32(connection.age),
          .idle_ms = be32(connection.idle)};
}

PortableConnection connection_of(const WireConnection& wire) noexcept {
  return {.ends = {.client = address_of(wire.family, wire.client),
                   .service = address_of(wire.family, wire.service),
                   .client_port = wire.client_port,
                   .service_port = wire.service_port,
                   .protocol = wire.protocol,
                   .domain = static_cast<std::uint16_t>(wire.domain.host())},
          .service = wire.service_name.host(),
          .backend = address_of(wire.backend_family, wire.backend),
          .backend_port = wire.backend_port.host(),
          .tcp = wire.tcp,
          .bytes = {wire.bytes[0].host(), wire.bytes[1].host()},
          .age = wire.age_ms.host(),
          .idle = wire.idle_ms.host()};
}

// What no load balancer would have written; null when there is nothing.
const char* fault_of(const WireConnection& wire, const ConnectionStream& names) noexcept {
  using namespace tcp_seen;
  if (!is_family(wire.family) || !is_family(wire.backend_family))
    return "an address family is neither 4 nor 6";
  if (!is_padded(wire.family, wire.client) || !is_padded(wire.family, wire.service) ||
      !is_padded(wire.backend_family, wire.backend))
    return "an IPv4 address is longer than 4 bytes";
  if ((wire.tcp & ~(kSynOut | kSynIn | kAckOut | kFins | kReset | kResetIn)) != 0)
    return "its TCP state is unknown";
  if (wire.tcp != 0 && wire.protocol != net::protocol::kTcp) return "its TCP state does not fit its protocol";
  if (wire.domain.host() >= names.domains.size() || wire.service_name.host() >= names.services.size())
    return "it refers to a name that was not given";
  return nullptr;
}

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream) : reader_(stream, kFormat) {}

  Result<ConnectionStream> run() {
    if (auto version = reader_.header({kVersion}); !version)
      return tl::unexpected(std::move(version.error()));
    auto read = reader_.frames([&](const control::StateReader::Frame& frame) { return read_frame(frame); });
    if (!read) return tl::unexpected(std::move(read.error()));
    return std::move(out_);
  }

 private:
  Result<void> read_frame(const control::StateReader::Frame& frame) {
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kName:
        return read_name(Reader(frame.payload));
      case FrameType::kConnections:
        return read_connections(frame.payload);
      case FrameType::kEnd:
        return reader_.end(Reader(frame.payload), out_.connections.size());
    }
    return reader_.unknown(frame);
  }

  Result<void> read_name(Reader payload) {
    const auto* kind = payload.read<std::uint8_t>();
    const auto of = kind == nullptr ? NameKind{} : static_cast<NameKind>(*kind);
    if (of != NameKind::kDomain && of != NameKind::kService) return reader_.wrong("a name is malformed");
    auto& names = of == NameKind::kDomain ? out_.domains : out_.services;
    if (names.size() > std::numeric_limits<std::uint16_t>::max())
      return reader_.wrong("it has too many names");
    return reader_.name(payload, names);
  }

  Result<void> read_connections(Bytes payload) {
    const auto records = reader_.records<WireConnection>(payload, "connection");
    if (!records) return tl::unexpected(records.error());
    for (const WireConnection& wire : *records) {
      if (const char* fault = fault_of(wire, out_))
        return reader_.wrong(fmt::format("connection {}: {}", out_.connections.size(), fault));
      out_.connections.push_back(connection_of(wire));
    }
    return {};
  }

  control::StateReader reader_;
  ConnectionStream out_;
};

}  // namespace

ConnectionStreamWriter::ConnectionStreamWriter() : writer_(kFormat) {}

std::uint32_t ConnectionStreamWriter::number(NameKind kind, const std::string& name) {
  return writer_.number(name, static_cast<std::uint8_t>(kind));
}

std::string ConnectionStreamWriter::append(const std::vector<PortableConnection>& connections) {
  std::string out = writer_.new_names();
  out += writer_.records(static_cast<std::uint8_t>(FrameType::kConnections), connections, wire_of);
  return out;
}

Result<ConnectionStream> read_connection_stream(std::string_view stream) {
  return StreamReader(stream).run();
}

}  // namespace millrace::load_balancer
