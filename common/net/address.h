// SPDX-License-Identifier: BSD-3-Clause
// Addresses and prefixes as values: comparable, hashable, printable, parsed from what people write.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/big_endian.h"

namespace millrace::net {

struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  constexpr auto operator<=>(const MacAddress&) const noexcept = default;
  [[nodiscard]] constexpr bool is_group() const noexcept { return (bytes[0] & 1U) != 0; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return *this == MacAddress{}; }
  [[nodiscard]] std::string to_string() const;
  // "02:00:5e:10:00:01"; nothing else.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);
};

struct Ipv4Address {
  be32 value;

  constexpr bool operator==(const Ipv4Address&) const noexcept = default;
  constexpr auto operator<=>(const Ipv4Address& other) const noexcept { return value <=> other.value; }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static std::optional<Ipv4Address> parse(std::string_view text);
};

struct Ipv6Address {
  std::array<std::uint8_t, 16> bytes{};

  constexpr auto operator<=>(const Ipv6Address&) const noexcept = default;
  [[nodiscard]] std::uint64_t high() const noexcept { return load(0); }
  [[nodiscard]] std::uint64_t low() const noexcept { return load(8); }
  [[nodiscard]] constexpr bool is_multicast() const noexcept { return bytes[0] == 0xff; }
  [[nodiscard]] constexpr bool is_link_local() const noexcept {
    return bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
  }
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static std::optional<Ipv6Address> parse(std::string_view text);

 private:
  // Eight of the bytes as a host integer.
  [[nodiscard]] std::uint64_t load(std::size_t at) const noexcept {
    std::uint64_t wire = 0;
    std::memcpy(&wire, bytes.data() + at, sizeof wire);
    return byte_swap(wire);
  }
};

enum class Family : std::uint8_t { kIpv4 = 4, kIpv6 = 6 };

// Either family. IPv4 lies in the first four bytes, the rest zero, so equality is bytewise.
class IpAddress {
 public:
  constexpr IpAddress() noexcept = default;
  IpAddress(Ipv4Address v4) noexcept : family_(Family::kIpv4) {  // NOLINT(google-explicit-constructor)
    const std::uint32_t wire = v4.value.wire();
    std::memcpy(bytes_.data(), &wire, sizeof wire);
  }
  constexpr IpAddress(Ipv6Address v6) noexcept  // NOLINT(google-explicit-constructor)
      : bytes_(v6.bytes), family_(Family::kIpv6) {}

  [[nodiscard]] constexpr Family family() const noexcept { return family_; }
  [[nodiscard]] constexpr bool is_v4() const noexcept { return family_ == Family::kIpv4; }
  [[nodiscard]] Ipv4Address v4() const noexcept {
    std::uint32_t wire = 0;
    std::memcpy(&wire, bytes_.data(), sizeof wire);
    return Ipv4Address{be32::from_wire(wire)};
  }
  [[nodiscard]] constexpr Ipv6Address v6() const noexcept { return Ipv6Address{bytes_}; }
  // 32 or 128.
  [[nodiscard]] constexpr unsigned bits() const noexcept { return is_v4() ? 32 : 128; }
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }

  constexpr auto operator<=>(const IpAddress&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
  [[nodiscard]] std::string to_string() const;
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);

 private:
  std::array<std::uint8_t, 16> bytes_{};
  Family family_ = Family::kIpv4;
};

// An address range "192.0.2.0/24". Bits past the length are zero.
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  constexpr auto operator<=>(const Prefix&) const noexcept = default;  // NOLINT(modernize-use-nullptr)
  [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
  [[nodiscard]] bool contains(const Prefix& other) const noexcept;
  [[nodiscard]] bool overlaps(const Prefix& other) const noexcept {
    return contains(other) || other.contains(*this);
  }
  [[nodiscard]] std::string to_string() const;
  // The address masked to `length` bits.
  [[nodiscard]] static Prefix of(const IpAddress& address, unsigned length) noexcept;
  // "10.0.0.0/8" or a plain address. Host bits set ("10.0.0.1/8") are refused: the writer meant something
  // else.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);
};

// An interface's own address with its subnet: "192.0.2.1/24".
struct InterfaceAddress {
  IpAddress address;
  std::uint8_t length = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr)
  constexpr auto operator<=>(const InterfaceAddress&) const noexcept = default;
  [[nodiscard]] Prefix subnet() const noexcept { return Prefix::of(address, length); }
  [[nodiscard]] std::string to_string() const;
  // The length must be written.
  [[nodiscard]] static std::optional<InterfaceAddress> parse(std::string_view text);
};

}  // namespace millrace::net

template <>
struct std::hash<millrace::net::IpAddress> {
  std::size_t operator()(const millrace::net::IpAddress& address) const noexcept {
    return std::hash<std::string_view>{}(
        std::string_view(reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()));
  }
};
