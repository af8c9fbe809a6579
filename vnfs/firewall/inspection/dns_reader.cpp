// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/dns_reader.h"

namespace millrace::firewall::inspection {

bool read_dns_name(FieldReader& reader, RoomWriter& out) noexcept {
  constexpr std::uint32_t kLongestLabel = 63;
  std::size_t length = 0;
  for (;;) {
    const std::uint32_t label = reader.number(1);
    length += label + 1;
    if (!reader.good() || label > kLongestLabel || length > kLongestDnsName) return false;
    if (label == 0) return true;
    if (length != label + 1) out.put('.');
    for (const std::uint8_t byte : reader.take(label)) {
      if (byte == '.' || byte == '\\') out.put('\\');
      out.put(byte);
    }
  }
}

}  // namespace millrace::firewall::inspection
