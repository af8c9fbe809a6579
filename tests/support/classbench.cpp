// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/classbench.h"

#include <array>
#include <bit>
#include <cstdio>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "common/net/wire.h"
#include "tests/support/corpus.h"

namespace millrace::firewall::classbench {
namespace {

std::uint32_t mask_of(unsigned length) { return length == 0 ? 0 : ~std::uint32_t{0} << (32 - length); }

// ClassBench gives each filter TCP flags or an ICMP type in one column; for other protocols it means nothing.
bool has_flags(std::uint32_t protocol) {
  return protocol == net::protocol::kTcp || protocol == net::protocol::kIcmp;
}

bool asks_for_flags(const Filter& filter) { return filter.protocol_mask != 0 && has_flags(filter.protocol); }

}  // namespace

std::optional<std::filesystem::path> corpus() {
  const std::filesystem::path root = testing::corpus_folder();
  if (!std::filesystem::is_directory(root / "classbench")) return std::nullopt;
  return root / "classbench";
}

std::vector<Filter> read_filters(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Filter> filters;
  for (std::string line; std::getline(in, line);) {
    std::array<unsigned, 5> source{};
    std::array<unsigned, 5> destination{};
    Filter filter{};
    const int fields =
        std::sscanf(line.c_str(), "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x %x/%x", &source[0],
                    &source[1], &source[2], &source[3], &source[4], &destination[0], &destination[1],
                    &destination[2], &destination[3], &destination[4], &filter.source_port[0],
                    &filter.source_port[1], &filter.destination_port[0], &filter.destination_port[1],
                    &filter.protocol, &filter.protocol_mask, &filter.flags, &filter.flags_mask);
    if (fields != 18) throw std::runtime_error("not a ClassBench filter: " + line);
    filter.source_mask = mask_of(source[4]);
    filter.source = (source[0] << 24 | source[1] << 16 | source[2] << 8 | source[3]) & filter.source_mask;
    filter.destination_mask = mask_of(destination[4]);
    filter.destination =
        (destination[0] << 24 | destination[1] << 16 | destination[2] << 8 | destination[3]) &
        filter.destination_mask;
    filters.push_back(filter);
  }
  return filters;
}

std::vector<Header> read_trace(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Header> headers;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::uint64_t source = 0, destination = 0, source_port = 0, destination_port = 0, protocol = 0, flags = 0;
    if (!(fields >> source >> destination >> source_port >> destination_port >> protocol >> flags)) {
      throw std::runtime_error("not a ClassBench header: " + line);
    }
    headers.push_back({static_cast<std::uint32_t>(source), static_cast<std::uint32_t>(destination),
                       static_cast<std::uint16_t>(source_port), static_cast<std::uint16_t>(destination_port),
                       static_cast<std::uint8_t>(protocol), static_cast<std::uint8_t>(flags >> 24)});
  }
  return headers;
}

long first_match(const std::vector<Filter>& filters, const Header& header) {
  const bool icmp = header.protocol == net::protocol::kIcmp;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const Filter& f = filters[i];
    if ((header.source & f.source_mask) != f.source) continue;
    if ((header.destination & f.destination_mask) != f.destination) continue;
    if ((header.protocol & f.protocol_mask) != (f.protocol & f.protocol_mask)) continue;
    if (!icmp && (header.source_port < f.source_port[0] || header.source_port > f.source_port[1] ||
                  header.destination_port < f.destination_port[0] ||
                  header.destination_port > f.destination_port[1])) {
      continue;
    }
    if (asks_for_flags(f)) {
      const std::uint32_t mask = (f.flags_mask >> 8) & 0xff;
      if ((header.flags & mask) != ((f.flags >> 8) & mask)) continue;
    }
    return static_cast<long>(i);
  }
  return -1;
}

Rule rule_of(const Filter& filter, std::size_t line) {
  Rule rule;
  rule.name = fmt::format("line {}", line);
  const auto match = [](std::uint32_t address, std::uint32_t mask) {
    AddressMatch result;
    result.any = mask == 0;
    if (mask != 0) {
      result.prefixes.push_back(
          net::Prefix::of(net::Ipv4Address{be32(address)}, static_cast<unsigned>(std::popcount(mask))));
    }
    return result;
  };
  rule.source = match(filter.source, filter.source_mask);
  rule.destination = match(filter.destination, filter.destination_mask);
  Service service;
  if (filter.protocol_mask != 0) service.protocol = static_cast<std::uint8_t>(filter.protocol);
  const auto range = [](const std::uint32_t(&ports)[2]) {
    return PortRange{static_cast<std::uint16_t>(ports[0]), static_cast<std::uint16_t>(ports[1])};
  };
  service.source = range(filter.source_port);
  service.destination = range(filter.destination_port);
  if (asks_for_flags(filter) && (filter.flags_mask >> 8) != 0) {
    const auto mask = static_cast<std::uint8_t>(filter.flags_mask >> 8);
    const auto value = static_cast<std::uint8_t>((filter.flags >> 8) & mask);
    if (filter.protocol == net::protocol::kTcp) {
      rule.tcp_flags = TcpFlagsMatch{value, mask};
    } else if (mask == 0xff) {
      service.icmp_type = value;
    } else {
      throw std::runtime_error("an ICMP type under a mask");
    }
  }
  if (service.protocol || !service.source.is_any() || !service.destination.is_any()) {
    rule.services.push_back(service);
  }
  rule.action = Action::kAccept;
  return rule;
}

RuleKey key_of(const Header& header) {
  RuleKey key;
  key.source = net::Ipv4Address{be32(header.source)};
  key.destination = net::Ipv4Address{be32(header.destination)};
  key.protocol = header.protocol;
  key.source_port = header.source_port;
  key.destination_port = header.destination_port;
  key.tcp_flags = header.flags;
  key.icmp_type = header.flags;
  return key;
}

std::vector<Header> corner_headers(const std::vector<Filter>& filters, std::size_t count) {
  std::mt19937 random(1);
  const auto corner = [&](std::uint32_t low, std::uint32_t high) {
    switch (random() % 8) {
      case 0:
        return low - 1;
      case 1:
        return high + 1;
      case 2:
      case 3:
        return high;
      default:
        return low;
    }
  };
  std::vector<Header> headers;
  for (std::size_t i = 0; i < count; ++i) {
    const Filter& f = filters[random() % filters.size()];
    Header header{};
    header.source = corner(f.source, f.source | ~f.source_mask);
    header.destination = corner(f.destination, f.destination | ~f.destination_mask);
    header.source_port = static_cast<std::uint16_t>(corner(f.source_port[0], f.source_port[1]));
    header.destination_port =
        static_cast<std::uint16_t>(corner(f.destination_port[0], f.destination_port[1]));
    header.protocol = static_cast<std::uint8_t>(f.protocol_mask != 0 ? f.protocol : random());
    header.flags = static_cast<std::uint8_t>((f.flags >> 8) ^ (random() & ~(f.flags_mask >> 8)));
    headers.push_back(header);
  }
  return headers;
}

}  // namespace millrace::firewall::classbench
