// SPDX-License-Identifier: BSD-3-Clause
// QUIC connection ids that name the server, so that a client whose address changes finds it again:
// draft-ietf-quic-load-balancers-19, section 5.2 without encryption. The first byte of an id holds the number
// of the configuration in its three upper bits; then comes the server's id.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "common/base/reader.h"
#include "vnfs/load_balancer/records.h"

namespace millrace::load_balancer {

// The destination connection id of a QUIC packet (RFC 8999 section 5), as far as `length` bytes of it are
// there; empty when they are not. Of a long header the id tells its own length, of a short one the receiver
// knows it.
[[nodiscard]] inline Bytes quic_destination_id(Bytes datagram, std::size_t length) noexcept {
  constexpr std::uint8_t kLong = 0x80;
  constexpr std::size_t kLengthAt = 5;  // behind the first byte and the version
  if (datagram.empty()) return {};
  std::size_t at = 1;
  if ((datagram[0] & kLong) != 0) {
    if (datagram.size() <= kLengthAt || datagram[kLengthAt] < length) return {};
    at = kLengthAt + 1;
  }
  return datagram.size() < at + length ? Bytes{} : datagram.subspan(at, length);
}

// The servers of a service. Immutable after settle().
class QuicServers {
 public:
  static constexpr std::size_t kLongestId = 15;
  using Id = std::array<std::uint8_t, kLongestId>;  // the rest zero

  // `config`: 0 to 6. `length`: of server ids, 1 to 15 bytes.
  QuicServers(unsigned config, std::size_t length) noexcept : config_(config), length_(length) {}

  void add(const Id& id, BackendId backend) { servers_.push_back({id, backend}); }
  void settle() { std::ranges::sort(servers_, {}, &Server::id); }

  // The backend that the packet's connection id names; kNoId when it names none: clients choose the first id
  // of a connection themselves.
  [[nodiscard]] BackendId find(Bytes datagram) const noexcept {
    const Bytes connection = quic_destination_id(datagram, 1 + length_);
    if (connection.empty() || unsigned{connection[0]} >> 5U != config_) return kNoId;
    Id id{};
    std::copy_n(connection.begin() + 1, length_, id.begin());
    const auto found = std::ranges::lower_bound(servers_, id, {}, &Server::id);
    return found != servers_.end() && found->id == id ? found->backend : kNoId;
  }

 private:
  struct Server {
    Id id;
    BackendId backend;
  };
  unsigned config_;
  std::size_t length_;
  std::vector<Server> servers_;
};

}  // namespace millrace::load_balancer
