// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_stream.h"

#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "common/net/wire.h"

namespace millrace::firewall {
namespace {

using control::address_of;
using control::is_padded;

constexpr std::uint16_t kVersion = 3;
constexpr std::uint16_t kVersionWithoutApplication = 2;
constexpr std::uint16_t kVersionWithoutTags = 1;

enum class FrameType : std::uint8_t { kName = 1, kSessions = 2, kEnd = 3 };

struct WireSide {
  be32 end;
  be32 max_ack;
  be16 max_window;
  std::uint8_t scale;
  std::uint8_t flags;
};

struct WireSession {
  static constexpr std::uint8_t kReplied = 0x01;
  static constexpr std::uint8_t kLogged = 0x02;
  static constexpr std::uint8_t kProxied = 0x04;
  static constexpr std::uint8_t kJoining = 0x08;
  static constexpr std::uint8_t kRefused = 0x10;
  static constexpr unsigned kNamingAt = 5;
  static constexpr std::uint8_t kAllFlags = 0x7f;
  static constexpr std::uint8_t kOldFlags = 0x0f;  // before version 3

  std::uint8_t family;  // 4 or 6
  std::uint8_t protocol;
  std::uint8_t tcp_state;
  std::uint8_t flags;
  control::StateAddress initiator;
  control::StateAddress responder;
  be16 initiator_port;
  be16 responder_port;
  be32 domain;
  be32 ingress;
  be32 egress;
  be32 rule;
  std::array<WireSide, 2> tcp;
  std::array<be64, 2> packets;
  std::array<be64, 2> bytes;
  be32 age_ms;
  be32 idle_ms;
  std::uint8_t dscp;
  std::uint8_t icmp_type;
  std::uint8_t icmp_code;
  std::uint8_t first_tcp_flags;
  be32 proxy_sequence;
  be32 proxy_delta;
  be16 proxy_segment_size;
  be16 outer_vlan;
  be16 vlan;
  be32 application;
  be32 carried;
};
static_assert(WireFormat<WireSession> && sizeof(WireSession) == 146);
constexpr std::size_t kSizeWithoutApplication = offsetof(WireSession, application);
constexpr std::size_t kSizeWithoutTags = offsetof(WireSession, outer_vlan);

constexpr control::StateFormat kFormat{
    .magic = "MRSESSN\n",
    .of = "sessions",
    .version = kVersion,
    .name_type = static_cast<std::uint8_t>(FrameType::kName),
    .end_type = static_cast<std::uint8_t>(FrameType::kEnd),
    .longest = control::kLongestStateName + sizeof(WireSession) * control::kMostRecordsPerFrame};

WireSession wire_of(const PortableSession& session) {
  WireSession wire{};
  wire.family = static_cast<std::uint8_t>(session.ends.initiator.family());
  wire.protocol = session.protocol;
  wire.tcp_state = static_cast<std::uint8_t>(session.tcp_state);
  const auto flag = [](bool set, std::uint8_t bit) { return set ? bit : std::uint8_t{0}; };
  wire.flags = static_cast<std::uint8_t>(
      flag(session.replied, WireSession::kReplied) | flag(session.logged, WireSession::kLogged) |
      flag(session.proxied, WireSession::kProxied) | flag(session.joining, WireSession::kJoining) |
      flag(session.refused, WireSession::kRefused) |
      static_cast<unsigned>(session.naming) << WireSession::kNamingAt);
  wire.initiator = session.ends.initiator.bytes();
  wire.responder = session.ends.responder.bytes();
  wire.initiator_port = be16(session.ends.initiator_port);
  wire.responder_port = be16(session.ends.responder_port);
  wire.domain = be32(session.domain);
  wire.ingress = be32(session.ingress);
  wire.egress = be32(session.egress);
  wire.rule = be32(session.rule);
  for (std::size_t i = 0; i < 2; ++i) {
    const flow::TcpEndpoint& side = session.tcp.side[i];
    wire.tcp[i] = {be32(side.end), be32(side.max_ack), be16(side.max_window), side.scale, side.flags};
    wire.packets[i] = be64(session.packets[i]);
    wire.bytes[i] = be64(session.bytes[i]);
  }
  wire.age_ms = be32(session.age);
  wire.idle_ms = be32(session.idle);
  wire.dscp = session.dscp;
  wire.icmp_type = session.icmp_type;
  wire.icmp_code = session.icmp_code;
  wire.first_tcp_flags = session.first_tcp_flags;
  wire.proxy_sequence = be32(session.proxy_sequence);
  wire.proxy_delta = be32(session.proxy_delta);
  wire.proxy_segment_size = be16(session.proxy_segment_size);
  wire.outer_vlan = be16(session.tags.outer);
  wire.vlan = be16(session.tags.vlan);
  wire.application = be32(session.application);
  wire.carried = be32(session.carried);
  return wire;
}

PortableSession session_of(const WireSession& wire) {
  PortableSession session;
  session.ends = {.initiator = address_of(wire.family, wire.initiator),
                  .responder = address_of(wire.family, wire.responder),
                  .initiator_port = wire.initiator_port.host(),
                  .responder_port = wire.responder_port.host()};
  session.protocol = wire.protocol;
  session.domain = wire.domain.host();
  session.ingress = wire.ingress.host();
  session.egress = wire.egress.host();
  session.rule = wire.rule.host();
  session.tcp_state = static_cast<flow::TcpState>(wire.tcp_state);
  for (std::size_t i = 0; i < 2; ++i) {
    const WireSide& side = wire.tcp[i];
    session.tcp.side[i] = {side.end.host(), side.max_ack.host(), side.max_window.host(), side.scale,
                           side.flags};
    session.packets[i] = wire.packets[i].host();
    session.bytes[i] = wire.bytes[i].host();
  }
  session.replied = (wire.flags & WireSession::kReplied) != 0;
  session.logged = (wire.flags & WireSession::kLogged) != 0;
  session.proxied = (wire.flags & WireSession::kProxied) != 0;
  session.joining = (wire.flags & WireSession::kJoining) != 0;
  session.refused = (wire.flags & WireSession::kRefused) != 0;
  session.naming = static_cast<Naming>(wire.flags >> WireSession::kNamingAt & 3U);
  if (session.naming == Naming::kNamed) {
    session.application = wire.application.host();
    session.carried = wire.carried.host();
  }
  session.dscp = wire.dscp;
  session.icmp_type = wire.icmp_type;
  session.icmp_code = wire.icmp_code;
  session.first_tcp_flags = wire.first_tcp_flags;
  session.proxy_sequence = wire.proxy_sequence.host();
  session.proxy_delta = wire.proxy_delta.host();
  session.proxy_segment_size = wire.proxy_segment_size.host();
  session.tags = {.outer = wire.outer_vlan.host(), .vlan = wire.vlan.host()};
  session.age = wire.age_ms.host();
  session.idle = wire.idle_ms.host();
  return session;
}

// What no firewall would have written; null when there is nothing.
const char* fault_of(const WireSession& wire) {
  const bool tcp = wire.protocol == net::protocol::kTcp;
  const auto tcp_state = static_cast<flow::TcpState>(wire.tcp_state);
  if (!control::is_family(wire.family)) return "its address family is neither 4 nor 6";
  if (!is_padded(wire.family, wire.initiator) || !is_padded(wire.family, wire.responder))
    return "an IPv4 address is longer than 4 bytes";
  if (tcp_state > flow::TcpState::kClosed) return "its TCP state is unknown";
  if (tcp == (tcp_state == flow::TcpState::kNone)) return "its TCP state does not fit its protocol";
  if (wire.tcp[0].scale > 14 || wire.tcp[1].scale > 14) return "a TCP window scale is over 14";
  if ((wire.flags & ~WireSession::kAllFlags) != 0) return "it has unknown flags";
  const auto naming = static_cast<Naming>(wire.flags >> WireSession::kNamingAt & 3U);
  if ((wire.flags & WireSession::kRefused) != 0 && naming < Naming::kNamed)
    return "it is refused for an application that is not known";
  const bool proxied = (wire.flags & WireSession::kProxied) != 0;
  if ((proxied && !tcp) || (!proxied && (wire.flags & WireSession::kJoining) != 0)) {
    return "its flags contradict each other";
  }
  if (wire.dscp > 63) return "its DSCP is over 63";
  if (wire.outer_vlan.host() > net::kMostVlanId || wire.vlan.host() > net::kMostVlanId)
    return "a VLAN id is over 4095";
  if (wire.outer_vlan.host() != 0 && wire.vlan.host() == 0) return "it has an outer VLAN and no inner one";
  return nullptr;
}

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream) : reader_(stream, kFormat) {}

  Result<SessionStream> run() {
    const auto version = reader_.header({kVersionWithoutTags, kVersionWithoutApplication, kVersion});
    if (!version) return tl::unexpected(version.error());
    session_size_ = *version == kVersion                     ? sizeof(WireSession)
                    : *version == kVersionWithoutApplication ? kSizeWithoutApplication
                                                             : kSizeWithoutTags;
    auto read = reader_.frames([&](const control::StateReader::Frame& frame) { return read_frame(frame); });
    if (!read) return tl::unexpected(std::move(read.error()));
    return std::move(out_);
  }

 private:
  Result<void> read_frame(const control::StateReader::Frame& frame) {
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kName:
        return read_name(Reader(frame.payload));
      case FrameType::kSessions:
        return read_sessions(frame.payload);
      case FrameType::kEnd:
        return reader_.end(Reader(frame.payload), out_.sessions.size());
    }
    return reader_.unknown(frame);
  }

  Result<void> read_name(Reader payload) {
    const auto* kind = payload.read<std::uint8_t>();
    auto& names = out_.names.names;
    if (kind == nullptr || *kind < 1 || *kind > names.size()) return reader_.wrong("a name is malformed");
    return reader_.name(payload, names[*kind - 1]);
  }

  Result<void> read_sessions(Bytes payload) {
    const auto records = reader_.records<WireSession>(payload, "session", session_size_);
    if (!records) return tl::unexpected(records.error());
    for (const WireSession& wire : *records) {
      const char* fault = fault_of(wire);
      if (session_size_ != sizeof(WireSession) && (wire.flags & ~WireSession::kOldFlags) != 0)
        fault = "it has unknown flags";
      if (fault == nullptr && !has_known_names(wire)) fault = "it refers to a name that was not given";
      if (fault != nullptr) return reader_.wrong(fmt::format("session {}: {}", out_.sessions.size(), fault));
      out_.sessions.push_back(session_of(wire));
    }
    return {};
  }

  [[nodiscard]] bool has_known_names(const WireSession& wire) const {
    const auto known = [&](NameKind kind, be32 number) {
      return number.host() == kNoName || number.host() < out_.names.of(kind).size();
    };
    return known(NameKind::kRule, wire.rule) && known(NameKind::kInterface, wire.ingress) &&
           known(NameKind::kInterface, wire.egress) && known(NameKind::kDomain, wire.domain) &&
           (static_cast<Naming>(wire.flags >> WireSession::kNamingAt & 3U) != Naming::kNamed ||
            (known(NameKind::kApplication, wire.application) && known(NameKind::kApplication, wire.carried)));
  }

  control::StateReader reader_;
  SessionStream out_;
  std::size_t session_size_ = sizeof(WireSession);
};

}  // namespace

SessionStreamWriter::SessionStreamWriter() : writer_(kFormat) {}

std::uint32_t SessionStreamWriter::number(NameKind kind, std::string_view name) {
  if (name.empty()) return kNoName;
  return writer_.number(std::string(name.substr(0, control::kLongestStateName)),
                        static_cast<std::uint8_t>(kind));
}

std::string SessionStreamWriter::append(const std::vector<PortableSession>& sessions) {
  std::string out = writer_.new_names();
  out += writer_.records(static_cast<std::uint8_t>(FrameType::kSessions), sessions, wire_of);
  return out;
}

Result<SessionStream> read_session_stream(std::string_view stream) { return StreamReader(stream).run(); }

}  // namespace millrace::firewall
