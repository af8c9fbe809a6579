// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/service.h"

#include <boost/json.hpp>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "common/control/protocol.h"
#include "common/net/wire.h"

namespace millrace::vnfctl {
namespace {

std::optional<unsigned> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto slash = text.find('/');
    parts.push_back(text.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

std::optional<std::string> describe_service(std::string_view service, boost::json::object& packet) {
  const auto parts = split(service);
  const auto protocol = control::parse_protocol(parts[0]);
  if (!protocol)
    return fmt::format("{}: not a service; give tcp/80, udp/53, icmp/8, esp or a number", service);
  packet["protocol"] = control::protocol_name(*protocol);

  if (control::has_ports(*protocol)) {
    const auto port = parts.size() == 2 ? number(parts[1], 65535) : std::nullopt;
    if (!port) return fmt::format("{}: give the port too, {}/80", service, parts[0]);
    packet["destination_port"] = *port;
    return std::nullopt;
  }
  if (net::protocol::is_icmp(*protocol) && parts.size() <= 3) {
    static constexpr const char* kNames[] = {"icmp_type", "icmp_code"};
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const auto value = number(parts[i], 255);
      if (!value) return fmt::format("{}: give {}/TYPE/CODE, each from 0 to 255", service, parts[0]);
      packet[kNames[i - 1]] = *value;
    }
    return std::nullopt;
  }
  if (parts.size() > 1) return fmt::format("{}: {} has no ports", service, parts[0]);
  return std::nullopt;
}

}  // namespace millrace::vnfctl
