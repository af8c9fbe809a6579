// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/binding_stream.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "common/control/state_stream.h"
#include "common/net/wire.h"

namespace millrace::nat {
namespace {

constexpr std::string_view kMagic = "MRNATBD\n";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kLongestName = 255;
constexpr std::size_t kMostPerFrame = 256;

enum class FrameType : std::uint8_t {
  kDomain = 1,
  kSessions = 2,
  kLeases = 3,
  kMappings = 4,
  kEnd = 5,
  kAlgs = 6
};

// Addresses and ports stand as on the wire.
struct WireEnd {
  std::array<std::uint8_t, 4> address;
  std::array<std::uint8_t, 2> port;
};

struct WireOutside {
  WireEnd end;
  std::uint8_t protocol;
  std::uint8_t zero;
  be32 domain;
};

struct WireMapping {
  static constexpr std::uint8_t kStatic = 0x01;
  static constexpr std::uint8_t kRests = 0x02;

  WireOutside outside;
  std::uint8_t family;  // 4 or 6
  std::uint8_t filtering;
  std::uint8_t flags;
  std::uint8_t zero;
  std::array<std::uint8_t, 16> inside;  // IPv4: the first four, the rest zero
  std::array<std::uint8_t, 2> inside_port;
  be32 domain;
  WireEnd remote;
  be32 rested_ms;
};

struct WireSession {
  static constexpr std::uint8_t kInwardFirst = 0x01;
  static constexpr std::uint8_t kReplied = 0x02;

  WireOutside of;
  std::array<std::uint8_t, 4> remote;
  std::array<std::array<std::uint8_t, 2>, 2> source_port;
  std::array<std::array<std::uint8_t, 2>, 2> destination_port;
  std::uint8_t tcp;
  std::uint8_t flags;
  std::array<be64, 2> bytes;
  be32 idle_ms;
};

struct WireRemote {
  std::array<std::uint8_t, 4> address;
  std::array<std::uint8_t, 4> mask;
  std::array<std::uint8_t, 2> port;
};

struct WireLease {
  static constexpr std::uint8_t kPinhole = 0x01;

  WireOutside of;
  std::uint8_t kind;
  std::uint8_t flags;
  std::uint8_t remote_count;
  std::uint8_t zero;
  WireEnd remote;
  Lease::Nonce nonce;
  be32 left_ms;
  std::array<WireRemote, Lease::kMostRemotes> remotes;
};

struct WireShift {
  be32 first;
  be32 reach;
  be32 sum;
};

struct WireAlg {
  static constexpr std::uint8_t kMidLine = 0x01;
  static constexpr std::uint8_t kBegun = 0x02;  // outward; the next bit inward

  WireOutside of;
  WireEnd remote;
  std::uint8_t kind;
  std::uint8_t flags;
  be32 offered;
  std::array<WireShift, 2> shift;
};

static_assert(WireFormat<WireMapping> && sizeof(WireMapping) == 48);
static_assert(WireFormat<WireSession> && sizeof(WireSession) == 46);
static_assert(WireFormat<WireLease> && sizeof(WireLease) == 108);
static_assert(WireFormat<WireAlg> && sizeof(WireAlg) == 48);
constexpr std::size_t kLongestFrame = kMostPerFrame * sizeof(WireLease);

// A number that is in wire order in memory, as bytes and back.
template <class Value, std::size_t size>
void put(std::array<std::uint8_t, size>& to, Value value) noexcept {
  static_assert(sizeof value == size);
  std::memcpy(to.data(), &value, size);
}
template <class Value, std::size_t size>
[[nodiscard]] Value get(const std::array<std::uint8_t, size>& from) noexcept {
  static_assert(sizeof(Value) == size);
  Value value{};
  std::memcpy(&value, from.data(), size);
  return value;
}

WireEnd wire_of(Endpoint end) noexcept {
  WireEnd wire{};
  put(wire.address, end.address);
  put(wire.port, end.port);
  return wire;
}

Endpoint end_of(const WireEnd& wire) noexcept {
  return {get<std::uint32_t>(wire.address), get<std::uint16_t>(wire.port)};
}

WireOutside wire_of(const OutsideEnd& outside) noexcept {
  return {wire_of(outside.end), outside.protocol, 0, be32(outside.domain)};
}

OutsideEnd outside_of(const WireOutside& wire) noexcept {
  return {end_of(wire.end), wire.protocol, wire.domain.host()};
}

WireMapping wire_of(const PortableMapping& mapping) noexcept {
  WireMapping wire{};
  wire.outside = wire_of(mapping.outside);
  wire.family = static_cast<std::uint8_t>(mapping.inside.family());
  wire.filtering = static_cast<std::uint8_t>(mapping.filtering);
  wire.flags = static_cast<std::uint8_t>((mapping.is_static ? WireMapping::kStatic : 0) |
                                         (mapping.rests ? WireMapping::kRests : 0));
  wire.inside = mapping.inside.bytes();
  put(wire.inside_port, mapping.inside_port);
  wire.domain = be32(mapping.domain);
  wire.remote = wire_of(mapping.remote);
  wire.rested_ms = be32(mapping.rested);
  return wire;
}

PortableMapping binding_of(const WireMapping& wire) noexcept {
  PortableMapping mapping;
  mapping.outside = outside_of(wire.outside);
  if (wire.family == 4) {
    mapping.inside = net::Ipv4Address{be32::from_wire(
        get<std::uint32_t>(std::array{wire.inside[0], wire.inside[1], wire.inside[2], wire.inside[3]}))};
  } else {
    mapping.inside = net::Ipv6Address{wire.inside};
  }
  mapping.inside_port = get<std::uint16_t>(wire.inside_port);
  mapping.domain = wire.domain.host();
  mapping.filtering = static_cast<Dependence>(wire.filtering);
  mapping.remote = end_of(wire.remote);
  mapping.is_static = (wire.flags & WireMapping::kStatic) != 0;
  mapping.rests = (wire.flags & WireMapping::kRests) != 0;
  mapping.rested = wire.rested_ms.host();
  return mapping;
}

WireSession wire_of(const PortableSession& session) noexcept {
  WireSession wire{};
  wire.of = wire_of(session.of);
  put(wire.remote, session.remote);
  wire.tcp = session.tcp;
  wire.flags = static_cast<std::uint8_t>((session.inward_first ? WireSession::kInwardFirst : 0) |
                                         (session.replied ? WireSession::kReplied : 0));
  for (std::size_t way = 0; way < 2; ++way) {
    put(wire.source_port[way], session.source_port[way]);
    put(wire.destination_port[way], session.destination_port[way]);
    wire.bytes[way] = be64(session.bytes[way]);
  }
  wire.idle_ms = be32(session.idle);
  return wire;
}

PortableSession binding_of(const WireSession& wire) noexcept {
  PortableSession session;
  session.of = outside_of(wire.of);
  session.remote = get<std::uint32_t>(wire.remote);
  session.tcp = wire.tcp;
  session.inward_first = (wire.flags & WireSession::kInwardFirst) != 0;
  session.replied = (wire.flags & WireSession::kReplied) != 0;
  for (std::size_t way = 0; way < 2; ++way) {
    session.source_port[way] = get<std::uint16_t>(wire.source_port[way]);
    session.destination_port[way] = get<std::uint16_t>(wire.destination_port[way]);
    session.bytes[way] = wire.bytes[way].host();
  }
  session.idle = wire.idle_ms.host();
  return session;
}

WireLease wire_of(const PortableLease& lease) noexcept {
  WireLease wire{};
  wire.of = wire_of(lease.of);
  wire.kind = static_cast<std::uint8_t>(lease.kind);
  wire.flags = lease.pinhole ? WireLease::kPinhole : 0;
  wire.remote_count = static_cast<std::uint8_t>(lease.remotes.size());
  wire.remote = wire_of(lease.remote);
  wire.nonce = lease.nonce;
  wire.left_ms = be32(lease.left);
  for (std::size_t i = 0; i < lease.remotes.size(); ++i) {
    put(wire.remotes[i].address, lease.remotes[i].address);
    put(wire.remotes[i].mask, lease.remotes[i].mask);
    put(wire.remotes[i].port, lease.remotes[i].port);
  }
  return wire;
}

PortableLease binding_of(const WireLease& wire) {
  PortableLease lease;
  lease.of = outside_of(wire.of);
  lease.kind = static_cast<Lease::Kind>(wire.kind);
  lease.pinhole = (wire.flags & WireLease::kPinhole) != 0;
  lease.remote = end_of(wire.remote);
  lease.nonce = wire.nonce;
  lease.left = wire.left_ms.host();
  for (const WireRemote& remote : std::span(wire.remotes).first(wire.remote_count)) {
    lease.remotes.push_back({get<std::uint32_t>(remote.address), get<std::uint32_t>(remote.mask),
                             get<std::uint16_t>(remote.port)});
  }
  return lease;
}

WireAlg wire_of(const PortableAlg& alg) noexcept {
  WireAlg wire{};
  wire.of = wire_of(alg.of);
  wire.remote = wire_of(alg.remote);
  wire.kind = static_cast<std::uint8_t>(alg.kind);
  wire.flags = alg.mid_line ? WireAlg::kMidLine : 0;
  wire.offered = be32(alg.offered);
  for (std::size_t way = 0; way < 2; ++way) {
    const SequenceShift::Settled& shift = alg.shift[way];
    if (shift.begun) wire.flags |= static_cast<std::uint8_t>(WireAlg::kBegun << way);
    wire.shift[way] = {be32(shift.first), be32(shift.reach), be32(shift.sum)};
  }
  return wire;
}

PortableAlg binding_of(const WireAlg& wire) noexcept {
  PortableAlg alg;
  alg.of = outside_of(wire.of);
  alg.remote = end_of(wire.remote);
  alg.kind = static_cast<AlgKind>(wire.kind);
  alg.mid_line = (wire.flags & WireAlg::kMidLine) != 0;
  alg.offered = wire.offered.host();
  for (std::size_t way = 0; way < 2; ++way) {
    const WireShift& shift = wire.shift[way];
    alg.shift[way] = {.first = shift.first.host(),
                      .reach = shift.reach.host(),
                      .sum = shift.sum.host(),
                      .begun = (wire.flags & WireAlg::kBegun << way) != 0};
  }
  return alg;
}

// What no NAT gateway would have written; null when there is nothing.
const char* fault_of(const WireOutside& wire) {
  if (get<std::uint32_t>(wire.end.address) == 0) return "it has no outside address";
  if (wire.protocol == 0) return "it has no protocol";
  return nullptr;
}

const char* fault_of(const WireMapping& wire) {
  if (const char* fault = fault_of(wire.outside)) return fault;
  if (wire.family != 4 && wire.family != 6) return "its address family is neither 4 nor 6";
  if (wire.family == 4 &&
      std::any_of(wire.inside.begin() + 4, wire.inside.end(), [](auto byte) { return byte != 0; }))
    return "an IPv4 address is longer than 4 bytes";
  if (wire.filtering > static_cast<std::uint8_t>(Dependence::kAddressAndPort))
    return "its filtering is unknown";
  if ((wire.flags & ~(WireMapping::kStatic | WireMapping::kRests)) != 0) return "it has unknown flags";
  return nullptr;
}

const char* fault_of(const WireSession& wire) {
  using namespace tcp_seen;
  if (const char* fault = fault_of(wire.of)) return fault;
  if ((wire.tcp & ~(kSyns | kFins | kReset)) != 0) return "its TCP state is unknown";
  if (wire.tcp != 0 && wire.of.protocol != net::protocol::kTcp)
    return "its TCP state does not fit its protocol";
  if ((wire.flags & ~(WireSession::kInwardFirst | WireSession::kReplied)) != 0) return "it has unknown flags";
  return nullptr;
}

const char* fault_of(const WireLease& wire) {
  if (const char* fault = fault_of(wire.of)) return fault;
  const auto kind = static_cast<Lease::Kind>(wire.kind);
  if (kind != Lease::Kind::kMapping && kind != Lease::Kind::kSession) return "its kind is unknown";
  if ((wire.flags & ~WireLease::kPinhole) != 0) return "it has unknown flags";
  if (wire.remote_count > Lease::kMostRemotes) return "it lets in more than it can";
  return nullptr;
}

const char* fault_of(const WireAlg& wire) {
  if (const char* fault = fault_of(wire.of)) return fault;
  if (wire.kind == 0 || wire.kind >= kAlgKinds) return "its kind is unknown";
  if ((wire.flags & ~(WireAlg::kMidLine | WireAlg::kBegun * 3)) != 0) return "it has unknown flags";
  return nullptr;
}

const char* name_of(const WireAlg& /*record*/) { return "gateway"; }
const char* name_of(const WireMapping& /*record*/) { return "mapping"; }
const char* name_of(const WireSession& /*record*/) { return "session"; }
const char* name_of(const WireLease& /*record*/) { return "lease"; }

class StreamReader {
 public:
  explicit StreamReader(std::string_view stream) : reader_(stream, "bindings", kLongestFrame) {}

  Result<BindingStream> run() {
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
    Bindings& bindings = out_.bindings;
    switch (static_cast<FrameType>(frame.type)) {
      case FrameType::kDomain:
        return read_domain(Reader(frame.payload));
      case FrameType::kSessions:
        return read_records<WireSession>(frame.payload, bindings.sessions);
      case FrameType::kLeases:
        return read_records<WireLease>(frame.payload, bindings.leases);
      case FrameType::kAlgs:
        return read_records<WireAlg>(frame.payload, bindings.algs);
      case FrameType::kMappings:
        return read_records<WireMapping>(frame.payload, bindings.mappings);
      case FrameType::kEnd:
        return read_end(Reader(frame.payload));
    }
    return reader_.wrong(fmt::format("a frame has the unknown type {}", frame.type));
  }

  Result<void> read_domain(Reader payload) {
    const auto* number = payload.read<be32>();
    const Bytes text = payload.rest();
    if (number == nullptr || number->host() != out_.domains.size() || text.empty() ||
        text.size() > kLongestName)
      return reader_.wrong("a name is out of order, empty or too long");
    out_.domains.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
    return {};
  }

  [[nodiscard]] bool knows(const OutsideEnd& outside) const { return outside.domain < out_.domains.size(); }
  [[nodiscard]] bool knows(const PortableMapping& mapping) const {
    return knows(mapping.outside) && mapping.domain < out_.domains.size();
  }
  [[nodiscard]] bool knows(const auto& binding) const { return knows(binding.of); }

  template <class Wire, class Portable>
  Result<void> read_records(Bytes payload, std::vector<Portable>& out) {
    if (payload.empty() || payload.size() % sizeof(Wire) != 0) return reader_.wrong("a record is cut off");
    for (Bytes rest = payload; !rest.empty(); rest = rest.subspan(sizeof(Wire))) {
      Wire wire{};
      std::memcpy(&wire, rest.data(), sizeof wire);
      const char* fault = fault_of(wire);
      if (fault == nullptr) {
        out.push_back(binding_of(wire));
        if (!knows(out.back())) fault = "it refers to a domain that was not given";
      }
      if (fault != nullptr) {
        return reader_.wrong(
            fmt::format("{} {} of this frame: {}", name_of(wire),
                        static_cast<std::size_t>(rest.data() - payload.data()) / sizeof(Wire), fault));
      }
    }
    return {};
  }

  Result<void> read_end(Reader payload) {
    const be64* count = payload.read<be64>();
    if (count == nullptr || payload.left() != 0) return reader_.wrong("its end is malformed");
    if (count->host() != out_.bindings.size()) {
      return reader_.wrong(
          fmt::format("it should hold {} bindings and holds {}", count->host(), out_.bindings.size()));
    }
    ended_ = true;
    return {};
  }

  control::StateReader reader_;
  BindingStream out_;
  bool ended_ = false;
};

template <class Portable>
void add_frames(std::string& out, FrameType type, const std::vector<Portable>& records) {
  std::string payload;
  for (std::size_t at = 0; at < records.size(); at += kMostPerFrame) {
    payload.clear();
    for (std::size_t i = at; i < std::min(records.size(), at + kMostPerFrame); ++i)
      payload += control::bytes_of(wire_of(records[i]));
    out += control::state_frame(static_cast<std::uint8_t>(type), payload);
  }
}

}  // namespace

std::uint32_t BindingStreamWriter::domain(const std::string& name) {
  const auto [known, is_new] = domains_.try_emplace(name, static_cast<std::uint32_t>(domains_.size()));
  if (is_new) {
    const be32 number(known->second);
    new_domains_ += control::state_frame(static_cast<std::uint8_t>(FrameType::kDomain),
                                         std::string(control::bytes_of(number)) + name);
  }
  return known->second;
}

std::string BindingStreamWriter::begin() const { return control::state_header(kMagic, kVersion); }

std::string BindingStreamWriter::append(const Bindings& bindings) {
  std::string out = std::exchange(new_domains_, {});
  add_frames(out, FrameType::kSessions, bindings.sessions);
  add_frames(out, FrameType::kLeases, bindings.leases);
  add_frames(out, FrameType::kAlgs, bindings.algs);
  add_frames(out, FrameType::kMappings, bindings.mappings);
  count_ += bindings.size();
  return out;
}

std::string BindingStreamWriter::end() const {
  const be64 count(count_);
  return control::state_frame(static_cast<std::uint8_t>(FrameType::kEnd), control::bytes_of(count));
}

Result<BindingStream> read_binding_stream(std::string_view stream) { return StreamReader(stream).run(); }

}  // namespace millrace::nat
