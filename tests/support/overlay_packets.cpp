// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/overlay_packets.h"

#include <algorithm>
#include <array>

namespace millrace::testing {
namespace {

constexpr std::array<unsigned, 3> kOverlayPorts = {4789, 4790, 6081};

unsigned get16(const Frame& frame, std::size_t at) { return unsigned{frame[at]} << 8U | frame[at + 1]; }

std::vector<std::uint8_t> shim(std::vector<std::uint8_t> header, std::uint32_t vni, const Frame& inside) {
  for (const unsigned shift : {16U, 8U, 0U}) header.push_back(static_cast<std::uint8_t>(vni >> shift));
  header.push_back(0);
  header.insert(header.end(), inside.begin(), inside.end());
  return header;
}

bool checksum_right(const Frame& frame, std::size_t l3, std::size_t udp, bool ipv4) {
  const std::size_t length = get16(frame, udp + 4);
  Frame covered(frame.begin() + static_cast<std::ptrdiff_t>(l3 + (ipv4 ? 12 : 8)),
                frame.begin() + static_cast<std::ptrdiff_t>(l3 + (ipv4 ? 20 : 40)));
  covered.insert(covered.end(),
                 {0, 17, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)});
  covered.insert(covered.end(), frame.begin() + static_cast<std::ptrdiff_t>(udp),
                 frame.begin() + static_cast<std::ptrdiff_t>(udp + length));
  return plain_checksum(covered) == 0;
}

}  // namespace

std::vector<std::uint8_t> vxlan(std::uint32_t vni, const Frame& inside) {
  return shim({8, 0, 0, 0}, vni, inside);
}

std::vector<std::uint8_t> vxlan_gpe(std::uint32_t vni, std::uint8_t next_protocol, const Frame& inside) {
  return shim({12, 0, 0, next_protocol}, vni, inside);
}

std::vector<std::uint8_t> geneve(std::uint32_t vni, std::uint16_t protocol, const Frame& inside,
                                 const std::vector<std::uint8_t>& options) {
  std::vector<std::uint8_t> all =
      shim({static_cast<std::uint8_t>(options.size() / 4), 0, static_cast<std::uint8_t>(protocol >> 8),
            static_cast<std::uint8_t>(protocol)},
           vni, options);
  all.insert(all.end(), inside.begin(), inside.end());
  return all;
}

Frame without_flow(Frame frame) {
  std::size_t l3 = 14;
  while (frame.size() > l3 + 4 && (get16(frame, l3 - 2) == 0x8100 || get16(frame, l3 - 2) == 0x88a8)) l3 += 4;
  const bool ipv4 = get16(frame, l3 - 2) == 0x0800;
  const bool ipv6 = get16(frame, l3 - 2) == 0x86dd;
  const std::size_t udp = l3 + (ipv4 ? 20 : 40);
  if ((!ipv4 && !ipv6) || frame.size() < udp + 8 || frame[l3 + (ipv4 ? 9 : 6)] != 17) return frame;
  if (std::ranges::find(kOverlayPorts, get16(frame, udp + 2)) == kOverlayPorts.end()) return frame;
  const bool has_checksum = get16(frame, udp + 6) != 0;
  if (get16(frame, udp) < 49152 || frame.size() < udp + get16(frame, udp + 4) ||
      (has_checksum && !checksum_right(frame, l3, udp, ipv4)))
    return frame;
  frame[udp] = frame[udp + 1] = 0;
  if (has_checksum) frame[udp + 6] = frame[udp + 7] = 0xff;  // there is one
  if (ipv6) {
    frame[l3 + 1] &= 0xf0U;
    frame[l3 + 2] = frame[l3 + 3] = 0;
  }
  return frame;
}

}  // namespace millrace::testing
