// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>

#include <fmt/format.h>

#include "common/control/profile/types.h"

namespace millrace::control {
namespace {

using Wide = unsigned __int128;

Wide to_wide(const net::IpAddress& address) {
  if (address.is_v4()) return address.v4().value.host();
  return (static_cast<Wide>(address.v6().high()) << 64U) | address.v6().low();
}

net::IpAddress from_wide(Wide value, net::Family family) {
  if (family == net::Family::kIpv4) return net::Ipv4Address{be32(static_cast<std::uint32_t>(value))};
  net::Ipv6Address address;
  for (std::size_t i = 16; i-- > 0; value >>= 8U) address.bytes[i] = static_cast<std::uint8_t>(value & 0xffU);
  return address;
}

// The fewest prefixes that cover first..last exactly: from the low end, always the largest block that is
// aligned there and does not go beyond the high end.
void cover(const net::IpAddress& first, const net::IpAddress& last, std::vector<net::Prefix>& out) {
  const unsigned bits = first.bits();
  const Wide end = to_wide(last);
  for (Wide low = to_wide(first);;) {
    unsigned host_bits = 0;
    while (host_bits < bits) {
      const Wide mask = host_bits + 1 == 128 ? ~Wide{0} : (Wide{1} << (host_bits + 1)) - 1;
      if ((low & mask) != 0 || low + mask > end || low + mask < low) break;
      ++host_bits;
    }
    out.push_back(net::Prefix::of(from_wide(low, first.family()), bits - host_bits));
    const Wide block = host_bits == 128 ? ~Wide{0} : (Wide{1} << host_bits) - 1;
    if (low + block >= end) return;
    low += block + 1;
  }
}

}  // namespace

bool parse_addresses(std::string_view text, std::vector<net::Prefix>& out, std::string& wrong) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) {
    if (const auto prefix = net::Prefix::parse(text)) {
      out.push_back(*prefix);
      return true;
    }
    const auto host = net::InterfaceAddress::parse(text);
    wrong = host
                ? fmt::format("has bits set beyond its length, where {} has none", host->subnet().to_string())
                : "is not an address, prefix or range";
    return false;
  }
  const std::string_view before = text.substr(0, text.find_last_not_of(' ', dash - (dash > 0 ? 1 : 0)) + 1);
  const std::size_t after = std::min(text.find_first_not_of(' ', dash + 1), text.size());
  const auto first = net::IpAddress::parse(before);
  const auto last = net::IpAddress::parse(text.substr(after));
  wrong = "is not an address, prefix or range";
  if (!first || !last) return false;
  wrong = "is a range from one family to the other";
  if (first->family() != last->family()) return false;
  wrong = "is a range whose end is before its start";
  if (to_wide(*last) < to_wide(*first)) return false;
  cover(*first, *last, out);
  return true;
}

}  // namespace millrace::control
