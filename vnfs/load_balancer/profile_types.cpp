// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_types.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "common/control/profile/types.h"

namespace millrace::load_balancer::profile {
namespace {

using control::Fault;
using control::ScalarType;
using control::Shape;
using control::TypePtr;

constexpr std::size_t kMostPayload = 1024;  // bytes: with headers less than any link carries
constexpr std::size_t kMostServerId = 15;   // bytes: draft-ietf-quic-load-balancers section 3
constexpr std::size_t kMostName = 253;      // characters: what DNS carries, without the last dot
constexpr std::size_t kMostLabel = 63;

constexpr std::array<std::string_view, 3> kProtocols = {"tcp", "udp", "sctp"};  // by Protocol

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kMostLabel && !label.starts_with('-') && !label.ends_with('-') &&
         std::ranges::all_of(label, [](char c) {
           return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
         });
}

bool is_host_name(std::string_view text) {
  if (text.size() > kMostName) return false;
  while (true) {
    const auto dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return !std::ranges::all_of(text, is_digit);  // no address
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

std::optional<ServicePorts> parse_service_ports(std::string_view text, std::string& wrong) {
  const auto slash = text.find('/');
  const auto found = std::ranges::find(kProtocols, text.substr(0, slash));
  wrong = "has no protocol that has ports";
  if (found == kProtocols.end()) return std::nullopt;
  ServicePorts out{.protocol = static_cast<Protocol>(found - kProtocols.begin())};
  if (slash == std::string_view::npos) return out;
  const auto ports = control::parse_ports(text.substr(slash + 1));
  wrong = "has neither a port nor a range of ports after '/'";
  if (!ports) return std::nullopt;
  wrong = "has port 0, which no packet may have";
  if (ports->first == 0) return std::nullopt;
  out.ports = *ports;
  return out;
}

std::string print_service_ports(const ServicePorts& ports) {
  const std::string_view protocol = kProtocols[static_cast<std::size_t>(ports.protocol)];
  if (ports.all()) return std::string(protocol);
  return fmt::format("{}/{}", protocol, control::print_ports(ports.ports));
}

std::optional<std::string> parse_payload(std::string_view text) {
  std::string bytes;
  if (text.starts_with("0x")) {
    const std::string_view digits = text.substr(2);
    if (digits.size() % 2 != 0 || !is_hex(digits)) return std::nullopt;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      std::uint8_t byte = 0;
      std::from_chars(digits.data() + i, digits.data() + i + 2, byte, 16);
      bytes += static_cast<char>(byte);
    }
  } else {
    bytes = text;
  }
  if (bytes.empty() || bytes.size() > kMostPayload) return std::nullopt;
  return bytes;
}

std::string print_payload(const std::string& bytes) {
  if (!bytes.starts_with("0x") &&
      std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; })) {
    return bytes;
  }
  std::string text = "0x";
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

TypePtr<ServicePorts> service_ports() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = "tcp, udp or sctp, alone or with a port or ports, such as tcp/443 or udp/5000-5100"};
  shape.pattern = "(tcp|udp|sctp)(/[0-9]{1,5}(-[0-9]{1,5})?)?";
  return std::make_shared<ScalarType<ServicePorts>>(
      std::move(shape),
      [](std::string_view text, ServicePorts& out, Fault& fault) {
        const auto ports = parse_service_ports(text, fault.wrong);
        if (ports) out = *ports;
        return ports.has_value();
      },
      print_service_ports);
}

TypePtr<std::string> payload() {
  return control::text_of<std::string>(
      fmt::format("a text, or pairs of hexadecimal digits after 0x, of 1 to {} bytes", kMostPayload), "",
      parse_payload, print_payload);
}

TypePtr<std::uint16_t> http_status() { return control::integer<std::uint16_t>(200, 599); }

TypePtr<std::uint16_t> one_port() { return control::integer<std::uint16_t>(1, 65535); }

TypePtr<PortRange> source_ports() {
  Shape shape{.kind = Shape::Kind::kText, .phrase = "a range of ports from 1 on, such as 1024-65535"};
  shape.pattern = "[0-9]{1,5}(-[0-9]{1,5})?";
  shape.integer_too = true;
  shape.least = 1;
  shape.most = 65535;
  return std::make_shared<ScalarType<PortRange>>(
      std::move(shape),
      [](std::string_view text, PortRange& out, Fault& fault) {
        const auto ports = control::parse_ports(text);
        if (!ports) return false;
        out = *ports;
        fault.wrong = "has port 0, which no packet may have";
        return out.first != 0;
      },
      control::print_ports);
}

TypePtr<std::string> server_id() {
  return control::text_of<std::string>(
      fmt::format("1 to {} bytes as pairs of hexadecimal digits, such as \"0a1b2c3d\"", kMostServerId),
      fmt::format("([0-9A-Fa-f]{{2}}){{1,{}}}", kMostServerId),
      [](std::string_view text) -> std::optional<std::string> {
        if (text.empty() || text.size() % 2 != 0 || text.size() > 2 * kMostServerId || !is_hex(text)) {
          return std::nullopt;
        }
        std::string out(text);
        for (char& c : out) c = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        return out;
      },
      [](const std::string& value) { return value; });
}

TypePtr<std::string> host_name() {
  return control::text_of<std::string>(
      "a domain name, such as www.example.net", "[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*",
      [](std::string_view text) -> std::optional<std::string> {
        if (!is_host_name(text)) return std::nullopt;
        return std::string(text);
      },
      [](const std::string& value) { return value; });
}

TypePtr<std::uint64_t> per_second() {
  const auto rate = control::rate();
  return std::make_shared<ScalarType<std::uint64_t>>(
      rate->shape(),
      [](std::string_view text, std::uint64_t& out, Fault& fault) {
        const auto value = control::parse_rate(text);
        fault.wrong = "is not a rate";
        if (!value) return false;
        out = value->count / value->seconds;
        fault.wrong = "is less than one in a second";
        fault.right = "a rate of at least 1/s";
        return out >= 1;
      },
      [](const std::uint64_t& value) { return control::print_rate({.count = value, .seconds = 1}); });
}

}  // namespace millrace::load_balancer::profile
