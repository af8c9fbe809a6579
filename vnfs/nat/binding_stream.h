// SPDX-License-Identifier: BSD-3-Clause
// Bindings as bytes, for another instance or a later start. What is a number inside one process is a name or
// an endpoint here; times are ages.
//
// The frames of the stream (common/control/state_stream.h) are
//   names     of routing domains, the only kind
//   sessions, leases, algs, mappings
//             records (binding_records.h); all but the last belong to the mapping with their outside end,
//             which may stand anywhere in the stream
//   end
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/control/state_stream.h"
#include "vnfs/nat/alg_records.h"
#include "vnfs/nat/leases.h"
#include "vnfs/nat/records.h"

namespace millrace::nat {

// An outside end in its routing domain, a place in BindingStream::domains; what names a mapping.
struct OutsideEnd {
  Endpoint end;
  std::uint8_t protocol = 0;
  std::uint32_t domain = 0;
  bool operator==(const OutsideEnd&) const = default;
};

struct PortableMapping {
  OutsideEnd outside;
  net::IpAddress inside;
  std::uint16_t inside_port = 0;  // wire order
  std::uint32_t domain = 0;       // of the inside
  Dependence filtering = Dependence::kEndpoint;
  Endpoint remote;  // as far as it depends on it, the rest zero
  bool is_static = false;
  bool rests = false;
  Tick rested = 0;
  bool operator==(const PortableMapping&) const = default;
};

struct PortableSession {
  OutsideEnd of;  // its mapping's
  // Ports as packets show them, in wire order: source and destination by Direction.
  std::array<std::uint16_t, 2> source_port{};
  std::array<std::uint16_t, 2> destination_port{};
  std::uint32_t remote = 0;  // address, wire order
  std::uint8_t tcp = 0;      // of tcp_seen
  bool inward_first = false;
  bool replied = false;
  std::array<std::uint64_t, 2> bytes{};  // by Direction
  Tick idle = 0;
  bool operator==(const PortableSession&) const = default;
};

struct PortableLease {
  OutsideEnd of;
  Lease::Kind kind = Lease::Kind::kMapping;
  Endpoint remote;  // of the session, as seen outside
  Lease::Nonce nonce{};
  bool pinhole = false;
  Tick left = 0;
  std::vector<Lease::Remote> remotes;
  bool operator==(const PortableLease&) const = default;
};

// What an application gateway remembers of a session: how its numbers differ, and no more.
struct PortableAlg {
  OutsideEnd of;
  Endpoint remote;  // of the session, as seen outside
  AlgKind kind = AlgKind::kFtp;
  bool mid_line = false;
  std::uint32_t offered = 0;
  std::array<SequenceShift::Settled, 2> shift{};  // by Direction
  bool operator==(const PortableAlg&) const = default;
};

struct Bindings {
  std::vector<PortableSession> sessions;
  std::vector<PortableLease> leases;
  std::vector<PortableAlg> algs;
  std::vector<PortableMapping> mappings;

  [[nodiscard]] std::size_t size() const noexcept {
    return sessions.size() + leases.size() + algs.size() + mappings.size();
  }
};

struct BindingStream {
  std::vector<std::string> domains;
  Bindings bindings;  // all of whose domains are known
};

// Writes a stream piece by piece.
class BindingStreamWriter {
 public:
  BindingStreamWriter();

  // The number of a routing domain in this stream.
  [[nodiscard]] std::uint32_t domain(const std::string& name) { return writer_.number(name); }

  // The bytes that begin the stream, add bindings, end it.
  [[nodiscard]] std::string begin() const { return writer_.begin(); }
  [[nodiscard]] std::string append(const Bindings& bindings);
  [[nodiscard]] std::string end() const { return writer_.end(); }

 private:
  control::StateWriter writer_;
};

// All of a stream, or what is wrong with it and at which byte. Input is not trusted.
[[nodiscard]] Result<BindingStream> read_binding_stream(std::string_view stream);

}  // namespace millrace::nat
