// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>

#include <fmt/format.h>

#include "common/net/address.h"

namespace millrace::control {

// "192.0.2.7:40000", "[2001:db8::7]:40000"; `port` in host order.
[[nodiscard]] inline std::string endpoint_text(const net::IpAddress& address, std::uint16_t port) {
  return address.is_v4() ? fmt::format("{}:{}", address.to_string(), port)
                         : fmt::format("[{}]:{}", address.to_string(), port);
}

}  // namespace millrace::control
