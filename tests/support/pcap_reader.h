// SPDX-License-Identifier: BSD-3-Clause
// Packets out of capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), either
// byte order. Captures that are cut off or wrong give the packets before the fault.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace millrace::testing {

// Of https://www.tcpdump.org/linktypes.html.
namespace link_type {
inline constexpr std::uint32_t kEthernet = 1;
inline constexpr std::uint32_t kRawOpenBsd = 14;
inline constexpr std::uint32_t kRawBsd = 12;
inline constexpr std::uint32_t kRaw = 101;
inline constexpr std::uint32_t kIpv4 = 228;
inline constexpr std::uint32_t kIpv6 = 229;
}  // namespace link_type

struct CapturedPacket {
  std::uint32_t link_type = 0;
  std::vector<std::uint8_t> bytes;  // as far as they were captured
};

// Nothing when the file is neither format.
[[nodiscard]] std::optional<std::vector<CapturedPacket>> read_capture(const std::filesystem::path& file);

}  // namespace millrace::testing
