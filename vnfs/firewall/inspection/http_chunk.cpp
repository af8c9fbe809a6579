// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_chunk.h"

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection {

std::optional<std::uint64_t> chunk_size(Bytes line, HttpAnomalySet& anomalies) noexcept {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 56U;
  line = line.first(line.size() - 1);
  if (!line.empty() && line.back() == '\r') {
    line = line.first(line.size() - 1);
  } else {
    anomalies.add(HttpAnomaly::kBareLf);
  }
  anomalies.add_if(find(line, '\r') != line.size(), HttpAnomaly::kBareCr);
  std::uint64_t size = 0;
  std::size_t digits = 0;
  for (; digits < line.size() && hex_value(line[digits]) >= 0; ++digits) {
    if (size >= kMost) return std::nullopt;
    size = size * 16 + static_cast<unsigned>(hex_value(line[digits]));
  }
  const Bytes behind = line.subspan(digits);
  const Bytes extension = trim_front(behind);
  if (digits == 0 || (!extension.empty() && extension[0] != ';')) return std::nullopt;
  // Section 7.1.1 has it before an extension, to be read and not to be sent.
  anomalies.add_if(extension.size() != behind.size(), HttpAnomaly::kChunkSpace);
  return size;
}

}  // namespace millrace::firewall::inspection
