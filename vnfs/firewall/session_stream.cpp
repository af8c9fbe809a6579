// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/session_stream.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/base/reader.h"
#include "common/control/state_stream.h"
#include "common/net/wire.h"

namespace millrace::firewall {
namespace {

constexpr std::string_view kMagic = "MRSESSN\n";
constexpr std::uint16_t kVersion = 2;
constexpr std::uint16_t kVersionWithoutTags = 1;
constexpr std::size_t kLongestName = 255;

enum class FrameType : std::uint8_t { kName = 1, kSessions = 2, kEnd = 3 };

struct WireName {
  std::uint8_t kind;
  be32 number;
};

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
  static constexpr std::uint8_t kAllFlags = 0x0f;

  std::uint8_t family;  // 4 or 6
  std::uint8_t protocol;
  std::uint8_t tcp_state;
  std::uint8_t flags;
  std::array<std::uint8_t, 16> initiator;  // IPv4: the first four, the rest zero
  std::array<std::uint8_t, 16> responder;
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
};
static_assert(WireFormat<WireSession> && sizeof(WireSession) == 138);
constexpr std::size_t kSizeWithoutTags = offsetof(WireSession, outer_vlan);

std::string frame(FrameType type, std::string_view payload) {
  return control::state_frame(static_cast<std::uint8_t>(type), payload);
}

WireSession wire_of(const PortableSession& session) {
  WireSession wire{};
  wire.family = static_cast<std::uint8_t>(session.ends.initiator.family());
  wire.protocol = session.protocol;
  wire.tcp_state = static_cast<std::uint8_t>(session.tcp_state);
  const auto flag = [](bool set, std::uint8_t bit) { return set ? bit : std::uint8_t{0}; };
  wire.flags = static_cast<std::uint8_t>(
      flag(session.replied, WireSession::kReplied) | flag(session.logged, WireSession::kLogged) |
      flag(session.proxied, WireSession::kProxied) | flag(session.joining, WireSession::kJoining));
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
  return wire;
}

net::IpAddress address_of(std::uint8_t family, const std::array<std::uint8_t, 16>& bytes) {
  if (family == 6) return net::Ipv6Address{bytes};
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return net::Ipv4Address{be32::from_wire(word)};
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
  const auto padded = [&](const std::array<std::uint8_t, 16>& address) {
    return wire.family == 6 ||
           std::all_of(address.begin() + 4, address.end(), [](auto byte) { return byte == 0; });
  };
  const bool tcp = wire.protocol == net::protocol::kTcp;
  const auto tcp_state = static_cast<flow::TcpState>(wire.tcp_state);
  if (wire.family != 4 && wire.family != 6) return "its address family is neither 4 nor 6";
  if (!padded(wire.initiator) || !padded(wire.responder)) return "an IPv4 address is longer than 4 bytes";
  if (tcp_state > flow::TcpState::kClosed) return "its TCP state is unknown";
  if (tcp == (tcp_state == flow::TcpState::kNone)) return "its TCP state does not fit its protocol";
  if (wire.tcp[0].scale > 14 || wire.tcp[1].scale > 14) return "a TCP window scale is over 14";
  if ((wire.flags & ~WireSession::kAllFlags) != 0) return "it has unknown flags";
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
  explicit StreamReader(std::string_view stream)
      : reader_(stream, "sessions", kLongestName + sizeof(WireSession) * SessionStreamWriter::kMostPerFrame) {
  }

  Result<SessionStream> run() {
    const auto version = reader_.header(kMagic);
    if (!version) return tl::unexpected(version.error());
    if (*version != kVersion && *version != kVersionWithoutTags) {
      return wrong(fmt::format("it has version {}; this appliance reads versions {} and {}", *version,
                               kVersionWithoutTags, kVersion));
    }
    session_size_ = *version == kVersion ? sizeof(WireSession) : kSizeWithoutTags;
    while (!ended_) {
      const auto frame = reader_.next();
      if (!frame) return tl::unexpected(frame.error());
      if (auto read = read_frame(*frame); !read) return tl::unexpected(std::move(read.error()));
    }
    if (!reader_.at_end()) return wrong("bytes follow its end");
    return std::move(out_);
  }

 private:
  tl::unexpected<Error> wrong(std::string what) const { return reader_.wrong(std::move(what)); }

  Result<void> read_frame(const control::StateReader::Frame& frame) {
    const Reader payload(frame.payload);
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kName:
        return read_name(payload);
      case FrameType::kSessions:
        return read_sessions(payload);
      case FrameType::kEnd:
        return read_end(payload);
    }
    return wrong(fmt::format("a frame has the unknown type {}", frame.type));
  }

  Result<void> read_name(Reader payload) {
    const auto* head = payload.read<WireName>();
    if (head == nullptr || head->kind < 1 || head->kind > out_.names.names.size())
      return wrong("a name is malformed");
    auto& names = out_.names.names[head->kind - 1];
    const Bytes text = payload.rest();
    if (head->number.host() != names.size() || text.empty() || text.size() > kLongestName) {
      return wrong("a name is out of order, empty or too long");
    }
    names.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    return {};
  }

  Result<void> read_sessions(Reader payload) {
    if (payload.left() == 0 || payload.left() % session_size_ != 0) return wrong("a session is cut off");
    for (Bytes rest = payload.rest(); !rest.empty(); rest = rest.subspan(session_size_)) {
      WireSession wire{};
      std::memcpy(&wire, rest.data(), session_size_);
      if (const char* fault = fault_of(wire))
        return wrong(fmt::format("session {}: {}", out_.sessions.size(), fault));
      PortableSession session = session_of(wire);
      const auto known = [&](NameKind kind, std::uint32_t number) {
        return number == kNoName || number < out_.names.of(kind).size();
      };
      if (!known(NameKind::kRule, session.rule) || !known(NameKind::kInterface, session.ingress) ||
          !known(NameKind::kInterface, session.egress) || !known(NameKind::kDomain, session.domain)) {
        return wrong(fmt::format("session {}: it refers to a name that was not given", out_.sessions.size()));
      }
      out_.sessions.push_back(session);
    }
    return {};
  }

  Result<void> read_end(Reader payload) {
    const be64* count = payload.read<be64>();
    if (count == nullptr || payload.left() != 0) return wrong("its end is malformed");
    if (count->host() != out_.sessions.size()) {
      return wrong(
          fmt::format("it should hold {} sessions and holds {}", count->host(), out_.sessions.size()));
    }
    ended_ = true;
    return {};
  }

  control::StateReader reader_;
  SessionStream out_;
  std::size_t session_size_ = sizeof(WireSession);
  bool ended_ = false;
};

}  // namespace

std::uint32_t SessionStreamWriter::number(NameKind kind, std::string_view name) {
  if (name.empty()) return kNoName;
  const std::string kept(name.substr(0, kLongestName));
  auto& numbers = numbers_[static_cast<std::size_t>(kind) - 1];
  const auto [known, is_new] = numbers.try_emplace(kept, static_cast<std::uint32_t>(numbers.size()));
  if (is_new) {
    const WireName head{static_cast<std::uint8_t>(kind), be32(known->second)};
    new_names_ += frame(FrameType::kName, std::string(control::bytes_of(head)) + kept);
  }
  return known->second;
}

std::string SessionStreamWriter::begin() const { return control::state_header(kMagic, kVersion); }

std::string SessionStreamWriter::append(const std::vector<PortableSession>& sessions) {
  std::string out = std::exchange(new_names_, {});
  std::string payload;
  for (std::size_t at = 0; at < sessions.size(); at += kMostPerFrame) {
    payload.clear();
    for (std::size_t i = at; i < std::min(sessions.size(), at + kMostPerFrame); ++i) {
      const WireSession wire = wire_of(sessions[i]);
      payload += control::bytes_of(wire);
    }
    out += frame(FrameType::kSessions, payload);
  }
  count_ += sessions.size();
  return out;
}

std::string SessionStreamWriter::end() const {
  const be64 count(count_);
  return frame(FrameType::kEnd, control::bytes_of(count));
}

Result<SessionStream> read_session_stream(std::string_view stream) { return StreamReader(stream).run(); }

}  // namespace millrace::firewall
