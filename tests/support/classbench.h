// SPDX-License-Identifier: BSD-3-Clause
// ClassBench filter sets and header traces (Taylor and Turner, "ClassBench: a packet classification
// benchmark", 2007): read as they are, and lowered to our rules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vnfs/firewall/rule.h"

namespace millrace::firewall::classbench {

// A line of a filter file in its own terms. For the tests' linear scan, which shares no code with ours.
struct Filter {
  std::uint32_t source, source_mask;
  std::uint32_t destination, destination_mask;
  std::uint32_t source_port[2];
  std::uint32_t destination_port[2];
  std::uint32_t protocol, protocol_mask;
  std::uint32_t flags, flags_mask;  // of TCP in the upper byte; of ICMP the type is there
};

struct Header {
  std::uint32_t source, destination;
  std::uint16_t source_port, destination_port;
  std::uint8_t protocol;
  std::uint8_t flags;  // TCP's flags, ICMP's type
};

// The folder of the corpus, or nothing when it is not on this machine.
[[nodiscard]] std::optional<std::filesystem::path> corpus();
[[nodiscard]] std::vector<Filter> read_filters(const std::filesystem::path& file);
[[nodiscard]] std::vector<Header> read_trace(const std::filesystem::path& file);

// The first filter that takes the header, or -1.
[[nodiscard]] long first_match(const std::vector<Filter>& filters, const Header& header);

[[nodiscard]] Rule rule_of(const Filter& filter, std::size_t line);
[[nodiscard]] RuleKey key_of(const Header& header);

// Headers at and just outside the corners of random filters.
[[nodiscard]] std::vector<Header> corner_headers(const std::vector<Filter>& filters, std::size_t count);

}  // namespace millrace::firewall::classbench
