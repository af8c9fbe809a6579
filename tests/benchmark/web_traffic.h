// SPDX-License-Identifier: BSD-3-Clause
// Benchmark traffic that has something in it: connections on which a page is asked for and comes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/benchmark/firewall_bed.h"
#include "vnfs/firewall/inspection/inspection.h"
#include "vnfs/firewall/inspection/signature.h"

namespace millrace::benchmark {

struct WebShape {
  std::string request;
  std::string answer;             // head and body
  unsigned segment_bytes = 1448;  // of the answer
};

// The packets of one connection by number: handshake, the request, the answer with an acknowledgment of every
// second segment, and the end. Their checksums count as found right by the port.
class WebConnection {
 public:
  WebConnection(const Traffic& traffic, const WebShape& shape, unsigned flow)
      : traffic_(traffic), shape_(shape), flow_(traffic.flow(flow)) {}

  [[nodiscard]] static unsigned packets(const WebShape& shape) noexcept;
  // Returns the port it comes by. The buffer's whole content is replaced.
  unsigned write(rte_mbuf* mbuf, unsigned number) const noexcept;

 private:
  static constexpr unsigned kHandshake = 3;
  static constexpr unsigned kEnd = 3;

  unsigned write(rte_mbuf* mbuf, Step step, std::uint32_t sequence, std::uint32_t acknowledgment,
                 std::string_view payload, std::uint8_t flags = 0) const noexcept;

  const Traffic& traffic_;
  const WebShape& shape_;
  Flow flow_;
};

// `count` signatures, each for words that are rare.
[[nodiscard]] std::vector<firewall::inspection::Signature> rare_signatures(unsigned count, bool of_http);
// A page whose body has `bytes` of text.
[[nodiscard]] WebShape web_shape(std::size_t bytes);

// The same, packed by gzip and in chunks.
[[nodiscard]] WebShape packed_shape(std::size_t bytes);

// For one worker, with everything that is accepted looked into.
[[nodiscard]] std::shared_ptr<const firewall::inspection::Inspection> make_inspection(
    std::vector<firewall::inspection::Signature> signatures, std::uint32_t inspect_bytes);

}  // namespace millrace::benchmark
