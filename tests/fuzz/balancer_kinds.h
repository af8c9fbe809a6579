// SPDX-License-Identifier: BSD-3-Clause
// What the load balancer's fuzz target and its seeds both know of the services.
#pragma once

#include <cstdint>

namespace millrace::fuzz {

// Each kind is two services, of kService and of kService6, at port kFirstPort + kind. The last one has an
// address of its own, and all its protocols and ports.
enum class ServiceKind : std::uint8_t {
  kNat,
  kCookies,  // each SYN is answered with one
  kQuic,
  kPackets,  // each by itself
  kProxyProtocol,
  kToa,
  kFullNat,
  kAcross,  // full_nat to backends of the other family
  kDirect,
  kIpip,
  kGre,
  kGue,
  kLimited,
  kWhole,
  kCount
};
inline constexpr unsigned kServiceKinds = static_cast<unsigned>(ServiceKind::kCount);
inline constexpr std::uint16_t kFirstPort = 80;
// Backends of kQuic are known by this number of a configuration, and 0xab before their place from 1 on.
inline constexpr std::uint8_t kQuicConfig = 2;

inline constexpr unsigned kVariants = 3;  // of all services

}  // namespace millrace::fuzz
