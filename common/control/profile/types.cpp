// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/profile/types.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "common/control/profile/text.h"

namespace millrace::control {
namespace {

bool alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

template <class T>
bool within(const T& value, const T& least, const T& most, Fault& fault) {
  if (value >= least && value <= most) return true;
  fault.wrong = "is out of range";
  return false;
}

TypePtr<net::Prefix> prefix_type(std::string phrase, std::optional<net::Family> family) {
  Shape shape{.kind = Shape::Kind::kText, .phrase = std::move(phrase)};
  shape.pattern = "[0-9A-Fa-f:.]+(/[0-9]{1,3})?";
  return std::make_shared<ScalarType<net::Prefix>>(
      std::move(shape),
      [family](std::string_view text, net::Prefix& out, Fault& fault) {
        if (const auto value = net::Prefix::parse(text)) {
          out = *value;
          fault.wrong = "is of the other family";
          return !family || value->address.family() == *family;
        }
        if (const auto host = net::InterfaceAddress::parse(text)) {
          fault.wrong =
              fmt::format("has bits set beyond its length, where {} has none", host->subnet().to_string());
        } else {
          fault.wrong = "is not a prefix";
        }
        return false;
      },
      [](const net::Prefix& value) { return value.to_string(); });
}

}  // namespace

namespace detail {

bool parse_integer(std::string_view text, std::int64_t least, std::int64_t most, std::int64_t& out,
                   Fault& fault) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error == std::errc::result_out_of_range) {
    fault.wrong = "is out of range";
    return false;
  }
  if (error != std::errc{} || end != text.data() + text.size()) {
    fault.wrong = "is not an integer";
    return false;
  }
  return within(out, least, most, fault);
}

Shape integer_shape(std::int64_t least, std::int64_t most) {
  Shape shape{.kind = Shape::Kind::kInteger, .phrase = fmt::format("an integer from {} to {}", least, most)};
  shape.least = least;
  shape.most = most;
  return shape;
}

Shape choice_shape(const std::vector<Shape::Choice>& choices) {
  Shape shape{.kind = Shape::Kind::kChoice};
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) shape.phrase += i + 1 == choices.size() ? " or " : ", ";
    shape.phrase += choices[i].word;
  }
  shape.choices = choices;
  return shape;
}

bool no_such_choice(std::string_view text, const std::vector<Shape::Choice>& choices, Fault& fault) {
  std::vector<std::string> words;
  words.reserve(choices.size());
  for (const auto& one : choices) words.push_back(one.word);
  fault.wrong = "is not possible";
  if (const auto meant = closest(text, words))
    fault.wrong += fmt::format("; did you mean {}?", quote(*meant));
  return false;
}

}  // namespace detail

TypePtr<bool> boolean() {
  return std::make_shared<ScalarType<bool>>(
      Shape{.kind = Shape::Kind::kBool, .phrase = "true or false"},
      [](std::string_view text, bool& out, Fault& fault) {
        out = text == "true";
        fault.wrong = "is neither true nor false";
        return out || text == "false";
      },
      [](const bool& value) { return value ? "true" : "false"; });
}

TypePtr<std::string> string(std::string phrase, std::size_t most) {
  Shape shape{.kind = Shape::Kind::kText, .phrase = std::move(phrase)};
  return std::make_shared<ScalarType<std::string>>(
      std::move(shape),
      [most](std::string_view text, std::string& out, Fault& fault) {
        out = text;
        fault.wrong.clear();
        if (text.empty()) fault.wrong = "is empty";
        if (text.size() > most) fault.wrong = fmt::format("has more than {} characters", most);
        if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
          fault.wrong = "has more than one line or a control character";
        }
        return fault.wrong.empty();
      },
      [](const std::string& value) { return value; });
}

TypePtr<std::string> name(std::string phrase, std::size_t most) {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("{} (1 to {} letters, digits, '_', '-' and '.', the first no '-' or '.')",
                                    phrase, most)};
  shape.pattern = fmt::format("[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{}}}", most - 1);
  return std::make_shared<ScalarType<std::string>>(
      std::move(shape),
      [most](std::string_view text, std::string& out, Fault& fault) {
        out = text;
        fault.wrong = "is not a name";
        return !text.empty() && text.size() <= most && (alphanumeric(text[0]) || text[0] == '_') &&
               std::ranges::all_of(
                   text, [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
      },
      [](const std::string& value) { return value; });
}

TypePtr<std::uint64_t> count(std::uint64_t least, std::uint64_t most) {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("a count from {} to {}, such as 20000, 10k or 1M", print_count(least),
                                    print_count(most))};
  shape.integer_too = true;
  shape.least = static_cast<std::int64_t>(least);
  shape.most = static_cast<std::int64_t>(most);
  shape.pattern = "[0-9]+[kMG]?";
  return std::make_shared<ScalarType<std::uint64_t>>(
      std::move(shape),
      [least, most](std::string_view text, std::uint64_t& out, Fault& fault) {
        const auto value = parse_count(text);
        fault.wrong = "is not a count";
        if (!value) return false;
        out = *value;
        return within(out, least, most, fault);
      },
      [](const std::uint64_t& value) { return print_count(value); });
}

TypePtr<std::uint64_t> bandwidth(std::uint64_t least, std::uint64_t most) {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("bits a second from {} to {}, such as 500kbit, 50Mbit or 10Gbit",
                                    print_bandwidth(least), print_bandwidth(most))};
  shape.pattern = "[0-9]+[kMG]?bit";
  return std::make_shared<ScalarType<std::uint64_t>>(
      std::move(shape),
      [least, most](std::string_view text, std::uint64_t& out, Fault& fault) {
        const auto value = parse_bandwidth(text);
        fault.wrong = "is not a number of bits with its unit";
        if (!value) return false;
        out = *value;
        return within(out, least, most, fault);
      },
      [](const std::uint64_t& value) { return print_bandwidth(value); });
}

TypePtr<std::uint64_t> size(std::uint64_t least, std::uint64_t most) {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("a size from {} to {}, such as 64KiB, 512MiB or 1GiB", print_size(least),
                                    print_size(most))};
  shape.pattern = "[0-9]+([KMGT]i)?B";
  return std::make_shared<ScalarType<std::uint64_t>>(
      std::move(shape),
      [least, most](std::string_view text, std::uint64_t& out, Fault& fault) {
        const auto value = parse_size(text);
        fault.wrong = "is not a size";
        if (!value) return false;
        out = *value;
        return within(out, least, most, fault);
      },
      [](const std::uint64_t& value) { return print_size(value); });
}

TypePtr<Rate> rate() {
  Shape shape{.kind = Shape::Kind::kText, .phrase = "a rate per s, min or h, such as 500/s, 10k/s or 10/min"};
  shape.pattern = "[0-9]+[kMG]?/(s|min|h)";
  return std::make_shared<ScalarType<Rate>>(
      std::move(shape),
      [](std::string_view text, Rate& out, Fault& fault) {
        constexpr std::uint64_t kMost = 1'000'000'000'000;
        const auto value = parse_rate(text);
        fault.wrong = "is not a rate";
        if (!value) return false;
        out = *value;
        return within<std::uint64_t>(out.count, 1, kMost, fault);
      },
      [](const Rate& value) { return print_rate(value); });
}

TypePtr<Milliseconds> duration(Milliseconds least, Milliseconds most) {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("a time from {} to {}, such as 500ms, 30s, 4m or 2h4m",
                                    print_duration(least), print_duration(most))};
  shape.pattern = "([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?";
  return std::make_shared<ScalarType<Milliseconds>>(
      std::move(shape),
      [least, most](std::string_view text, Milliseconds& out, Fault& fault) {
        const auto value = parse_duration(text);
        fault.wrong = "is not a time with its unit";
        if (!value) return false;
        out = *value;
        return within(out, least, most, fault);
      },
      [](const Milliseconds& value) { return print_duration(value); });
}

TypePtr<PortRange> ports() {
  Shape shape{.kind = Shape::Kind::kText, .phrase = "a port or a range of ports, such as 53 or 1024-65535"};
  shape.pattern = "[0-9]{1,5}(-[0-9]{1,5})?";
  shape.integer_too = true;
  shape.most = 65535;
  return std::make_shared<ScalarType<PortRange>>(
      std::move(shape),
      [](std::string_view text, PortRange& out, Fault&) {
        const auto range = parse_ports(text);
        if (range) out = *range;
        return range.has_value();
      },
      print_ports);
}

TypePtr<Service> service() {
  return text_of<Service>(
      "a service, such as tcp, tcp/80, udp/1000-2000, icmp, icmp/echo-request, icmpv6/135, sctp/5060, gre or "
      "proto/47",
      service_pattern(), parse_service, print_service);
}

TypePtr<std::uint8_t> dscp() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = "a DSCP from 0 to 63 or by name, such as 46, ef, af11 or cs1"};
  shape.pattern = "[0-9]{1,2}|[a-z]+[0-9]*";
  shape.integer_too = true;
  shape.most = 63;
  return std::make_shared<ScalarType<std::uint8_t>>(
      std::move(shape),
      [](std::string_view text, std::uint8_t& out, Fault&) {
        const auto value = parse_dscp(text);
        if (value) out = *value;
        return value.has_value();
      },
      [](const std::uint8_t& value) { return std::to_string(value); });
}

TypePtr<net::IpAddress> ip_address() {
  return text_of<net::IpAddress>("an address, such as 192.0.2.1 or 2001:db8::1", "[0-9A-Fa-f:.]+",
                                 net::IpAddress::parse, [](const auto& value) { return value.to_string(); });
}

TypePtr<net::Prefix> prefix() {
  return prefix_type("a prefix, such as 192.0.2.0/24 or 2001:db8::/32", std::nullopt);
}

TypePtr<net::Prefix> prefix(net::Family family) {
  return family == net::Family::kIpv4 ? prefix_type("an IPv4 prefix, such as 192.0.2.0/24", family)
                                      : prefix_type("an IPv6 prefix, such as 2001:db8::/32", family);
}

TypePtr<net::InterfaceAddress> interface_address() {
  return text_of<net::InterfaceAddress>("an address with the length of its subnet, such as 192.0.2.1/24",
                                        "[0-9A-Fa-f:.]+/[0-9]{1,3}", net::InterfaceAddress::parse,
                                        [](const auto& value) { return value.to_string(); });
}

TypePtr<net::MacAddress> mac_address() {
  return text_of<net::MacAddress>("a MAC address, such as 02:00:5e:10:00:01",
                                  "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", net::MacAddress::parse,
                                  [](const auto& value) { return value.to_string(); });
}

TypePtr<Endpoint> endpoint() {
  const auto parse = [](std::string_view text) -> std::optional<Endpoint> {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    Endpoint endpoint;
    const std::string_view port = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), endpoint.port);
    if (error != std::errc{} || end != port.data() + port.size() || endpoint.port == 0) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
      host = host.substr(1, host.size() - 2);
      if (!net::Ipv6Address::parse(host)) return std::nullopt;
    } else if (host.empty() || host.size() > 253 ||
               !std::ranges::all_of(host, [](char c) { return alphanumeric(c) || c == '-' || c == '.'; })) {
      return std::nullopt;
    }
    endpoint.host = host;
    return endpoint;
  };
  return text_of<Endpoint>(
      "a host and a port, such as 192.0.2.50:4739, \"[2001:db8::50]:4739\" or collector.example.net:4739",
      "(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}", parse, [](const Endpoint& value) {
        const bool v6 = value.host.find(':') != std::string::npos;
        return fmt::format(fmt::runtime(v6 ? "[{}]:{}" : "{}:{}"), value.host, value.port);
      });
}

}  // namespace millrace::control
