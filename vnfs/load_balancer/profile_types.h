// SPDX-License-Identifier: BSD-3-Clause
// The notations only a load balancer has: ports of services, what checks of health send and expect, server
// ids, rates by the second.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/control/profile/schema.h"
#include "vnfs/load_balancer/profile.h"

namespace millrace::load_balancer::profile {

// "tcp/443", "udp/5000-5100", or "tcp" for all its ports. When it is none of these, nothing, and `wrong`
// completes "'TEXT' ...".
[[nodiscard]] std::optional<ServicePorts> parse_service_ports(std::string_view text, std::string& wrong);
[[nodiscard]] std::string print_service_ports(const ServicePorts& ports);

// The bytes of a payload: those that hexadecimal digits after "0x" stand for, else the text itself.
[[nodiscard]] std::optional<std::string> parse_payload(std::string_view text);
// As text where the bytes are printable and do not begin with "0x".
[[nodiscard]] std::string print_payload(const std::string& bytes);

[[nodiscard]] control::TypePtr<ServicePorts> service_ports();
[[nodiscard]] control::TypePtr<std::string> payload();
[[nodiscard]] control::TypePtr<std::uint16_t> http_status();  // a final one, 200 to 599
[[nodiscard]] control::TypePtr<std::uint16_t> one_port();     // from 1 on
[[nodiscard]] control::TypePtr<PortRange> source_ports();     // from 1 on
[[nodiscard]] control::TypePtr<std::string> server_id();  // hexadecimal digits, in pairs; read as small ones
[[nodiscard]] control::TypePtr<std::string> host_name();  // letters, digits, '-' and '_' between dots
[[nodiscard]] control::TypePtr<std::uint64_t> per_second();  // a rate of at least 1/s

}  // namespace millrace::load_balancer::profile
