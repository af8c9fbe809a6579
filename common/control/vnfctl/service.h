// SPDX-License-Identifier: BSD-3-Clause
// "tcp/80" and its like, as an operator writes what a packet is for.
#pragma once

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

// Adds protocol, and destination_port or icmp_type and icmp_code, to a packet described for /v1/explain.
// Returns what is wrong with the text.
[[nodiscard]] std::optional<std::string> describe_service(std::string_view service,
                                                          boost::json::object& packet);

}  // namespace millrace::vnfctl
