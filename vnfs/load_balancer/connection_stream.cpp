// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/connection_stream.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "common/net/wire.h"

namespace millrace::load_balancer {
namespace {

constexpr std::string_view kMagic = "MRCONNS\n";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kLongestName = 255;

enum class FrameType : std::uint8_t { kName = 1, kConnections = 2, kEnd = 3 };

struct WireName {
  std::uint8_t kind;
  be32 number;
};

struct WireConnection {
  std::uint8_t family;          // of client and service, 4 or 6
  std::uint8_t backend_family;  // 4 or 6
  std::uint8_t protocol;
  std::uint8_t tcp;
  std::array<std::uint8_t, 16> client;  // IPv4: the first four, the rest zero
  std::array<std::uint8_t, 16> service;
  std::array<std::uint8_t, 16> backend;
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

net::IpAddress address_of(std::uint8_t family, const std::array<std::uint8_t, 16>& bytes) noexcept {
  if (family == 6) return net::Ipv6Address{bytes};
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return net::Ipv4Address{be32::from_wire(word)};
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
  const auto is_family = [](std::uint8_t family) { return family == 4 || family == 6; };
  const auto padded = [](std::uint8_t family, const std::array<std::uint8_t, 16>& address) {
    return family == 6 ||
           std::all_of(address.begin() + 4, address.end(), [](std::uint8_t byte) { return byte == 0; });
  };
  if (!is_family(wire.family) || !is_family(wire.backend_family))
    return "an address family is neither 4 nor 6";
  if (!padded(wire.family, wire.client) || !padded(wire.family, wire.service) ||
      !padded(wire.backend_family, wire.backend))
    return "an IPv4 address is longer than 4 bytes";
  if ((wire.tcp & ~(kSynOut | kSynIn | kAckOut | kFins | kReset | kResetIn)) != 0)
    return "its TCP state is unknown";
  if (wire.tcp != 0 && wire.protocol != net::protocol::kTcp) return "its TCP state does not fit its protocol";
  if (wire.domain.host() >= names.domains.size() || wire.service_name.host() >= names.services.size())
    return "it refers to a name that was not given";
  return nullptr;
}

std::string frame_of(FrameType type, std::string_view payload) {
  return control::state_frame(static_cast<std::uint8_t>(type), payload);
}

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream)
      : reader_(stream, "connections",
                kLongestName + sizeof(WireConnection) * ConnectionStreamWriter::kMostPerFrame) {}

  Result<ConnectionStream> run() {
    const auto version = reader_.header(kMagic);
    if (!version) return tl::unexpected(version.error());
    if (*version != kVersion) {
      return reader_.wrong(
          fmt::format("it has version {}; this appliance reads version {}", *version, kVersion));
    }
    while (!ended_) {
      const auto frame = reader_.next();
      if (!frame) return tl::unexpected(frame.error());
      if (auto read = read_frame(*frame); !read) return tl::unexpected(std::move(read.error()));
    }
    if (!reader_.at_end()) return reader_.wrong("bytes follow its end");
    return std::move(out_);
  }

 private:
  Result<void> read_frame(const control::StateReader::Frame& frame) {
    const Reader payload(frame.payload);
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kName:
        return read_name(payload);
      case FrameType::kConnections:
        return read_connections(payload);
      case FrameType::kEnd:
        return read_end(payload);
    }
    return reader_.wrong(fmt::format("a frame has the unknown type {}", frame.type));
  }

  Result<void> read_name(Reader payload) {
    const auto* head = payload.read<WireName>();
    const auto kind = head == nullptr ? NameKind{} : static_cast<NameKind>(head->kind);
    if (kind != NameKind::kDomain && kind != NameKind::kService) return reader_.wrong("a name is malformed");
    auto& names = kind == NameKind::kDomain ? out_.domains : out_.services;
    const Bytes text = payload.rest();
    if (head->number.host() != names.size() || text.empty() || text.size() > kLongestName)
      return reader_.wrong("a name is out of order, empty or too long");
    if (names.size() > std::numeric_limits<std::uint16_t>::max())
      return reader_.wrong("it has too many names");
    names.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    return {};
  }

  Result<void> read_connections(Reader payload) {
    if (payload.left() == 0 || payload.left() % sizeof(WireConnection) != 0)
      return reader_.wrong("a connection is cut off");
    for (Bytes rest = payload.rest(); !rest.empty(); rest = rest.subspan(sizeof(WireConnection))) {
      WireConnection wire{};
      std::memcpy(&wire, rest.data(), sizeof wire);
      if (const char* fault = fault_of(wire, out_))
        return reader_.wrong(fmt::format("connection {}: {}", out_.connections.size(), fault));
      out_.connections.push_back(connection_of(wire));
    }
    return {};
  }

  Result<void> read_end(Reader payload) {
    const be64* count = payload.read<be64>();
    if (count == nullptr || payload.left() != 0) return reader_.wrong("its end is malformed");
    if (count->host() != out_.connections.size()) {
      return reader_.wrong(
          fmt::format("it should hold {} connections and holds {}", count->host(), out_.connections.size()));
    }
    ended_ = true;
    return {};
  }

  control::StateReader reader_;
  ConnectionStream out_;
  bool ended_ = false;
};

}  // namespace

std::uint32_t ConnectionStreamWriter::number(NameKind kind, const std::string& name) {
  auto& numbers = numbers_.at(static_cast<std::size_t>(kind) - 1);
  const auto [known, is_new] = numbers.try_emplace(name, static_cast<std::uint32_t>(numbers.size()));
  if (is_new) {
    const WireName head{static_cast<std::uint8_t>(kind), be32(known->second)};
    new_names_ += frame_of(FrameType::kName, std::string(control::bytes_of(head)) + name);
  }
  return known->second;
}

std::string ConnectionStreamWriter::begin() const { return control::state_header(kMagic, kVersion); }

std::string ConnectionStreamWriter::append(const std::vector<PortableConnection>& connections) {
  std::string out = std::exchange(new_names_, {});
  std::string payload;
  for (std::size_t at = 0; at < connections.size(); at += kMostPerFrame) {
    payload.clear();
    for (std::size_t i = at; i < std::min(connections.size(), at + kMostPerFrame); ++i)
      payload += control::bytes_of(wire_of(connections[i]));
    out += frame_of(FrameType::kConnections, payload);
  }
  count_ += connections.size();
  return out;
}

std::string ConnectionStreamWriter::end() const {
  const be64 count(count_);
  return frame_of(FrameType::kEnd, control::bytes_of(count));
}

Result<ConnectionStream> read_connection_stream(std::string_view stream) {
  return StreamReader(stream).run();
}

}  // namespace millrace::load_balancer
