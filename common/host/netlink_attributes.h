// SPDX-License-Identifier: BSD-3-Clause
// The attributes of a netlink message, found by type and read with their lengths checked. Used by the .cpp
// files of this room.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include <libmnl/libmnl.h>

#include "common/base/reader.h"

namespace millrace::host {

// The attributes of a message or of a nest, by type. Types past the table are newer than this code and
// ignored.
template <std::size_t kCount>
class Attributes {
 public:
  // `raw` starts on a four-byte boundary, as all of a netlink message does.
  void add_all(Bytes raw) noexcept {
    while (raw.size() >= sizeof(nlattr)) {
      const auto* attribute = reinterpret_cast<const nlattr*>(raw.data());
      if (!mnl_attr_ok(attribute, static_cast<int>(raw.size()))) return;
      const std::uint16_t type = mnl_attr_get_type(attribute);
      if (type < kCount) by_type_[type] = attribute;
      raw = raw.subspan(std::min<std::size_t>(MNL_ALIGN(attribute->nla_len), raw.size()));
    }
  }
  [[nodiscard]] bool has(std::size_t type) const noexcept { return by_type_[type] != nullptr; }
  [[nodiscard]] Bytes bytes(std::size_t type) const noexcept {
    const nlattr* attribute = by_type_[type];
    if (attribute == nullptr) return {};
    return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)),
            mnl_attr_get_payload_len(attribute)};
  }
  template <class Int>
  [[nodiscard]] std::optional<Int> integer(std::size_t type) const noexcept {
    const Bytes raw = bytes(type);
    if (raw.size() < sizeof(Int)) return std::nullopt;
    Int value{};
    std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }

 private:
  std::array<const nlattr*, kCount> by_type_{};
};

}  // namespace millrace::host
