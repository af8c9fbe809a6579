// SPDX-License-Identifier: BSD-3-Clause
// Associations and policies as the API shows them. Never a key. Control thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

// "aes128gcm16", "aes256-sha256"
[[nodiscard]] std::string suite_name(crypto::Suite suite);
// "0x0001a2b3"
[[nodiscard]] std::string spi_text(std::uint32_t spi);
[[nodiscard]] std::string_view name_of(Action action) noexcept;

// {direction, spi, local, remote, mode, suite, tunnel, packets, bytes, idle_s, bucket, udp?, ...}; `now` is
// of the workers' clock.
[[nodiscard]] boost::json::object to_json(const Inbound& association, Tick now);
[[nodiscard]] boost::json::object to_json(const Outbound& association, Tick now);
[[nodiscard]] boost::json::object to_json(const Selector& selector);
[[nodiscard]] boost::json::object to_json(const PolicySpec& policy);

}  // namespace millrace::vpn
