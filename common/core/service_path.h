// SPDX-License-Identifier: BSD-3-Clause
// Service function chaining: interfaces that are paths. A packet comes from a service function forwarder
// behind a header that names its path, and is given back behind the same header, one index further (RFC 8300
// section 3).
#pragma once

#include <cstdint>
#include <optional>

#include <immintrin.h>

#include "common/base/lookup_table.h"
#include "common/core/ids.h"
#include "common/net/service_header.h"

namespace millrace::core {

struct ServicePath {
  net::ServiceType type = net::ServiceType::kNsh;
  std::uint32_t path = 0;               // service path identifier, or label
  std::optional<std::uint8_t> index{};  // only packets with this one; else all
  // Of what we say ourselves on this path: a reset, an ICMP error. The index it leaves with.
  std::uint8_t own_index = 254;
  InterfaceId partner{};  // the path of the other direction; itself where there is none
  NextHopId back{};       // gives a packet of this path back
};

// Which interface a packet of a path belongs to. Filled by the control side, read by workers.
class ServiceTable {
 public:
  void add(PortId port, const ServicePath& path, InterfaceId interface) {
    static_cast<void>(interfaces_.add(
        {port, path.type, path.index.has_value(), path.index.value_or(0), path.path}, interface));
  }
  [[nodiscard]] bool empty() const noexcept { return interfaces_.empty(); }
  // None when there is no such path. One with this index goes before one of any.
  [[nodiscard]] InterfaceId find(PortId port, net::ServiceType type, std::uint32_t path,
                                 std::uint8_t index) const noexcept {
    const InterfaceId* found = interfaces_.find({port, type, false, 0, path});
    if (found == nullptr) found = interfaces_.find({port, type, true, index, path});
    return found == nullptr ? InterfaceId::none() : *found;
  }

 private:
  struct Key {
    PortId port;
    net::ServiceType type;
    bool indexed;
    std::uint8_t index;
    std::uint32_t path;

    bool operator==(const Key&) const noexcept = default;
    [[nodiscard]] std::uint64_t hash() const noexcept {
      const std::uint32_t rest = std::uint32_t{port.value()} << 16 | std::uint32_t{index} << 8 |
                                 static_cast<std::uint32_t>(type) << 1 | (indexed ? 1U : 0U);
      return _mm_crc32_u32(_mm_crc32_u32(0, path), rest);
    }
  };

  LookupTable<Key, InterfaceId> interfaces_;
};

}  // namespace millrace::core
