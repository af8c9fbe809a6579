// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/profile_types.h"

#include <bit>

#include <fmt/format.h>

#include "common/control/profile/types.h"

namespace millrace::nat::profile {
namespace {

using namespace std::chrono_literals;
using control::Fault;
using control::Node;
using control::Reader;
using control::ScalarType;
using control::Shape;
using control::TypePtr;

constexpr std::uint32_t kSmallestBlock = 64;
constexpr std::uint32_t kLargestBlock = 4096;
constexpr Milliseconds kLongestIdle = 7 * 24h;

}  // namespace

AddressRange range_of(const net::Prefix& prefix) noexcept {
  const net::Ipv4Address first = prefix.address.v4();
  const auto hosts = static_cast<std::uint32_t>(0xffffffffULL >> prefix.length);
  return {first, net::Ipv4Address{be32(first.value.host() | hosts)}};
}

std::string print_range(const AddressRange& range) {
  if (range.size() == 1) return range.first.to_string();
  if (std::has_single_bit(range.size())) {
    const auto host_bits = static_cast<unsigned>(std::countr_zero(range.size()));
    const net::Prefix prefix = net::Prefix::of(range.first, 32 - host_bits);
    if (range_of(prefix) == range) return prefix.to_string();
  }
  return fmt::format("{}-{}", range.first.to_string(), range.last.to_string());
}

std::optional<StaticEnd> parse_static_end(std::string_view text, std::string& wrong) {
  wrong = "does not fit";
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto address = net::Ipv4Address::parse(text.substr(0, colon));
    const auto ports = control::parse_ports(text.substr(colon + 1));
    if (!address || !ports) return std::nullopt;
    wrong = "has port 0, which no packet may have";
    if (ports->first == 0) return std::nullopt;
    return StaticEnd{.address = *address, .length = 32, .ports = ports};
  }
  std::vector<net::Prefix> prefixes;
  if (text.find('-') != std::string_view::npos || !control::parse_addresses(text, prefixes, wrong) ||
      !prefixes.front().address.is_v4()) {
    return std::nullopt;
  }
  return StaticEnd{
      .address = prefixes.front().address.v4(), .length = prefixes.front().length, .ports = std::nullopt};
}

TypePtr<AddressRange> address_range() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = "an IPv4 address, a prefix, or a range such as 203.0.113.1-203.0.113.9"};
  shape.pattern = "[0-9.]+(/[0-9]{1,2}| *- *[0-9.]+)?";
  return std::make_shared<ScalarType<AddressRange>>(
      std::move(shape),
      [](std::string_view text, AddressRange& out, Fault& fault) {
        std::vector<net::Prefix> prefixes;
        if (!control::parse_addresses(text, prefixes, fault.wrong)) return false;
        fault.wrong = "is not of IPv4";
        if (!prefixes.front().address.is_v4()) return false;
        out = {range_of(prefixes.front()).first, range_of(prefixes.back()).last};
        return true;
      },
      print_range);
}

TypePtr<StaticEnd> static_end() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase =
                  "an IPv4 address, alone or with a port or ports, such as 192.0.2.10, 192.0.2.10:8443 or "
                  "192.0.2.10:8000-8099, or a prefix"};
  shape.pattern = "[0-9.]+(:[0-9]{1,5}(-[0-9]{1,5})?|/[0-9]{1,2})?";
  return std::make_shared<ScalarType<StaticEnd>>(
      std::move(shape),
      [](std::string_view text, StaticEnd& out, Fault& fault) {
        const auto end = parse_static_end(text, fault.wrong);
        if (end) out = *end;
        return end.has_value();
      },
      [](const StaticEnd&) { return std::string(); });
}

TypePtr<PortRange> outside_ports() {
  return std::make_shared<control::MappedType<PortRange, PortRange>>(
      control::ports(),
      [](PortRange&& from, PortRange& out, const Node& node, Reader& reader) {
        if (from.first == 0) {
          return reader.refuse(node, "has port 0, which no packet may have",
                               "ports from 1 on, such as 1024-65535");
        }
        out = from;
        return true;
      },
      control::print_ports);
}

TypePtr<std::uint32_t> block_size() {
  Shape shape = control::detail::integer_shape(kSmallestBlock, kLargestBlock);
  shape.phrase = fmt::format("a power of two from {} to {}", kSmallestBlock, kLargestBlock);
  return std::make_shared<ScalarType<std::uint32_t>>(
      std::move(shape),
      [](std::string_view text, std::uint32_t& out, Fault& fault) {
        std::int64_t value = 0;
        if (!control::detail::parse_integer(text, kSmallestBlock, kLargestBlock, value, fault)) return false;
        out = static_cast<std::uint32_t>(value);
        fault.wrong = "is not a power of two";
        return std::has_single_bit(out);
      },
      [](const std::uint32_t& value) { return std::to_string(value); });
}

TypePtr<Milliseconds> idle_time(Milliseconds least, std::string clause) {
  const auto time = control::duration(least, kLongestIdle);
  return std::make_shared<ScalarType<Milliseconds>>(
      time->shape(),
      [least, clause = std::move(clause)](std::string_view text, Milliseconds& out, Fault& fault) {
        const auto value = control::parse_duration(text);
        fault.wrong = "is not a time with its unit";
        if (!value) return false;
        out = *value;
        fault.wrong =
            out < least ? fmt::format("is less than {} allows", clause) : std::string("is out of range");
        return out >= least && out <= kLongestIdle;
      },
      [](const Milliseconds& value) { return control::print_duration(value); });
}

}  // namespace millrace::nat::profile
