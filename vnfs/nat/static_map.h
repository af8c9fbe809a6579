// SPDX-License-Identifier: BSD-3-Clause
// Mappings that the profile makes: an inside address or network under outside addresses of its own, or some
// ports of one under ports of another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/net/address.h"
#include "vnfs/nat/tuple.h"

namespace millrace::nat {

// `size` addresses from `inside` on have those from `outside` on; with ports, of one address each.
struct StaticMapping {
  std::uint32_t inside = 0;  // host order, as all here
  std::uint32_t outside = 0;
  std::uint32_t size = 1;
  std::uint16_t inside_domain = 0;
  std::uint16_t outside_domain = 0;
  std::uint8_t protocol = 0;  // with ports; 0: TCP and UDP
  bool whole = true;          // all protocols, no port is changed
  std::uint16_t inside_port = 0;
  std::uint16_t outside_port = 0;
  std::uint16_t ports = 0;
};

// Immutable once it is made.
class StaticMap {
 public:
  // The other end of a static mapping, and its domain.
  struct Other {
    Endpoint end;
    std::uint16_t domain = 0;
  };

  StaticMap() = default;
  // No two may claim the same inside or the same outside end.
  explicit StaticMap(std::vector<StaticMapping> mappings);

  [[nodiscard]] bool empty() const noexcept { return by_inside_.empty(); }
  // `port` is the packet's, 0 where the protocol has none.
  [[nodiscard]] std::optional<Other> outside_of(Endpoint inside, std::uint8_t protocol,
                                                std::uint16_t domain) const noexcept;
  [[nodiscard]] std::optional<Other> inside_of(Endpoint outside, std::uint8_t protocol,
                                               std::uint16_t domain) const noexcept;
  // The inside address that has all of an outside address.
  [[nodiscard]] std::optional<net::Ipv4Address> inside_of_whole(net::Ipv4Address outside,
                                                                std::uint16_t domain) const noexcept;

 private:
  // In the order of domain and address.
  std::vector<StaticMapping> by_inside_;
  std::vector<StaticMapping> by_outside_;
};

}  // namespace millrace::nat
