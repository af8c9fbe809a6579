// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/address.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace millrace::net {
namespace {

// inet_pton wants a terminated string; the longest address has 45 characters (RFC 4291 section 2.2).
template <class Out>
bool presentation_to_network(int family, std::string_view text, Out* out) {
  std::array<char, 46> buffer{};
  if (text.empty() || text.size() >= buffer.size()) return false;
  std::copy(text.begin(), text.end(), buffer.begin());
  return inet_pton(family, buffer.data(), out) == 1;
}

struct Split {
  std::string_view address;
  std::optional<unsigned> length;
};

// "address[/length]"; nothing when what follows the slash is not a plain number.
std::optional<Split> split_length(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return Split{text, std::nullopt};
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return Split{text.substr(0, slash), length};
}

bool same_leading_bits(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
                       unsigned bits) noexcept {
  const unsigned whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

}  // namespace

std::string MacAddress::to_string() const { return fmt::format("{:02x}", fmt::join(bytes, ":")); }

std::optional<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < mac.bytes.size(); ++i) {
    const char* digits = text.data() + i * 3;
    const auto [end, error] = std::from_chars(digits, digits + 2, mac.bytes[i], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
    if (i + 1 < mac.bytes.size() && digits[2] != ':') return std::nullopt;
  }
  return mac;
}

std::string Ipv4Address::to_string() const { return IpAddress(*this).to_string(); }

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  std::uint32_t wire = 0;
  if (!presentation_to_network(AF_INET, text, &wire)) return std::nullopt;
  return Ipv4Address{be32::from_wire(wire)};
}

std::string Ipv6Address::to_string() const { return IpAddress(*this).to_string(); }

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  Ipv6Address address;
  if (!presentation_to_network(AF_INET6, text, address.bytes.data())) return std::nullopt;
  return address;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (const auto v4 = Ipv4Address::parse(text)) return IpAddress(*v4);
  if (const auto v6 = Ipv6Address::parse(text)) return IpAddress(*v6);
  return std::nullopt;
}

bool Prefix::contains(const IpAddress& candidate) const noexcept {
  return candidate.family() == address.family() &&
         same_leading_bits(address.bytes(), candidate.bytes(), length);
}

bool Prefix::contains(const Prefix& other) const noexcept {
  return other.length >= length && contains(other.address);
}

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

Prefix Prefix::of(const IpAddress& address, unsigned length) noexcept {
  auto bytes = address.bytes();
  for (unsigned bit = length; bit < address.bits(); ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  Prefix prefix{.address = Ipv6Address{bytes}, .length = static_cast<std::uint8_t>(length)};
  if (address.is_v4()) {
    std::uint32_t wire = 0;
    std::memcpy(&wire, bytes.data(), sizeof wire);
    prefix.address = Ipv4Address{be32::from_wire(wire)};
  }
  return prefix;
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const auto split = split_length(text);
  if (!split) return std::nullopt;
  const auto address = IpAddress::parse(split->address);
  if (!address) return std::nullopt;
  const unsigned length = split->length.value_or(address->bits());
  if (length > address->bits()) return std::nullopt;
  const Prefix prefix = Prefix::of(*address, length);
  if (prefix.address != *address) return std::nullopt;
  return prefix;
}

std::string InterfaceAddress::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

std::optional<InterfaceAddress> InterfaceAddress::parse(std::string_view text) {
  const auto split = split_length(text);
  if (!split || !split->length) return std::nullopt;
  const auto address = IpAddress::parse(split->address);
  if (!address || *split->length > address->bits()) return std::nullopt;
  return InterfaceAddress{*address, static_cast<std::uint8_t>(*split->length)};
}

}  // namespace millrace::net
