// SPDX-License-Identifier: BSD-3-Clause
// Sessions as bytes, for another instance or a later start. What is a number inside one process (rule,
// interface, domain) is a name here; times are ages.
//
// The frames of the stream (common/control/state_stream.h) are
//   names     whose kind is rule, interface, domain or application
//   sessions  records (WireSession in session_stream.cpp)
//   end
// Version 2, whose records end before the application, and version 1, whose records end before the VLAN ids,
// are read as well.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/control/state_stream.h"
#include "vnfs/firewall/session.h"
#include "vnfs/firewall/session_ends.h"

namespace millrace::firewall {

inline constexpr std::uint32_t kNoName = 0xffffffff;

// What a session is outside its process. Numbers of names are places in SessionNameTable; kNoName: there was
// none.
struct PortableSession {
  SessionEnds ends;
  std::uint8_t protocol = 0;
  std::uint32_t domain = 0;
  flow::VlanTags tags;  // transparent mode
  std::uint32_t ingress = 0;
  std::uint32_t egress = 0;
  std::uint32_t rule = 0;
  // What the session is. An undecided one is looked at anew; names that are unknown where it goes make it
  // other.
  Naming naming = Naming::kNone;
  bool refused = false;                 // for its application
  std::uint32_t application = kNoName;  // kNamed
  std::uint32_t carried = kNoName;      // the service by it
  flow::TcpTrack tcp{};
  flow::TcpState tcp_state = flow::TcpState::kNone;
  bool replied = false;
  bool logged = false;
  bool proxied = false;  // opened by a SYN cookie; then the proxy's numbers have a meaning (Session)
  bool joining = false;
  std::uint8_t dscp = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint8_t first_tcp_flags = 0;
  std::uint32_t proxy_sequence = 0;
  std::uint32_t proxy_delta = 0;
  std::uint16_t proxy_segment_size = 0;
  std::array<std::uint64_t, 2> packets{};  // by Direction
  std::array<std::uint64_t, 2> bytes{};
  Tick age = 0;
  Tick idle = 0;

  bool operator==(const PortableSession&) const = default;
};

enum class NameKind : std::uint8_t { kRule = 1, kInterface = 2, kDomain = 3, kApplication = 4 };

struct SessionNameTable {
  std::array<std::vector<std::string>, 4> names;  // by kind

  [[nodiscard]] const std::vector<std::string>& of(NameKind kind) const {
    return names[static_cast<std::size_t>(kind) - 1];
  }
};

// Writes a stream piece by piece.
class SessionStreamWriter {
 public:
  SessionStreamWriter();

  // The number of a name in this stream; the frame that says so goes before the sessions of the next call of
  // append().
  [[nodiscard]] std::uint32_t number(NameKind kind, std::string_view name);

  // The bytes that begin the stream, add sessions, end it.
  [[nodiscard]] std::string begin() const { return writer_.begin(); }
  [[nodiscard]] std::string append(const std::vector<PortableSession>& sessions);
  [[nodiscard]] std::string end() const { return writer_.end(); }

 private:
  control::StateWriter writer_;
};

struct SessionStream {
  SessionNameTable names;
  std::vector<PortableSession> sessions;  // whose numbers are all in `names`, or kNoName
};

// All of a stream, or what is wrong with it and at which byte. Input is not trusted.
[[nodiscard]] Result<SessionStream> read_session_stream(std::string_view stream);

}  // namespace millrace::firewall
