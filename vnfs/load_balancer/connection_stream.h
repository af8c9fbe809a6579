// SPDX-License-Identifier: BSD-3-Clause
// Connections as bytes, for another instance or a later start. What is a number inside one process is a name
// or an endpoint here; times are ages.
//
// The frames of the stream (common/control/state_stream.h) are
//   names        whose kind is domain or service
//   connections  records (WireConnection in connection_stream.cpp)
//   end
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/control/state_stream.h"
#include "vnfs/load_balancer/connection_ends.h"

namespace millrace::load_balancer {

// What a connection is outside its process. One whose packets also carry other numbers or another source than
// the client's is no such connection: is_portable().
struct PortableConnection {
  ConnectionEnds ends;                   // whose domain is a place in ConnectionStream::domains
  std::uint32_t service = 0;             // a place in ConnectionStream::services
  net::IpAddress backend;                // of that service, as its profile has it:
  std::uint16_t backend_port = 0;        // 0: the one the client sends to
  std::uint8_t tcp = 0;                  // of tcp_seen
  std::array<std::uint64_t, 2> bytes{};  // by Direction
  Tick age = 0;
  Tick idle = 0;

  bool operator==(const PortableConnection&) const = default;
};

// Not of full_nat, whose source port another instance may have given away, nor one that a SYN cookie opened.
[[nodiscard]] inline bool is_portable(const Connection& connection) noexcept {
  return connection.source == nullptr && !connection.has(Connection::kProxied);
}

enum class NameKind : std::uint8_t { kDomain = 1, kService = 2 };

// Writes a stream piece by piece.
class ConnectionStreamWriter {
 public:
  ConnectionStreamWriter();

  // The number of a name in this stream; the frame that says so goes before the connections of the next call
  // of append().
  [[nodiscard]] std::uint32_t number(NameKind kind, const std::string& name);

  // The bytes that begin the stream, add connections, end it.
  [[nodiscard]] std::string begin() const { return writer_.begin(); }
  [[nodiscard]] std::string append(const std::vector<PortableConnection>& connections);
  [[nodiscard]] std::string end() const { return writer_.end(); }

 private:
  control::StateWriter writer_;
};

struct ConnectionStream {
  std::vector<std::string> domains;
  std::vector<std::string> services;
  std::vector<PortableConnection> connections;  // all of whose names are known
};

// All of a stream, or what is wrong with it and at which byte. Input is not trusted.
[[nodiscard]] Result<ConnectionStream> read_connection_stream(std::string_view stream);

}  // namespace millrace::load_balancer
