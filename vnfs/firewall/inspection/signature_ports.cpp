// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <optional>

#include "vnfs/firewall/inspection/signature_header.h"
#include "vnfs/firewall/inspection/signature_list.h"

namespace millrace::firewall::inspection {
namespace {

constexpr Ports kAllPorts{0, 0xffff};

std::optional<Ports> port_range(std::string_view text) {
  const auto colon = text.find(':');
  const auto port = [](std::string_view word, std::uint16_t absent) -> std::optional<std::uint16_t> {
    if (word.empty()) return absent;
    const auto number = number_of(word);
    if (!number || *number < 0 || *number > 0xffff) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
  };
  if (text.empty() || text == ":") return std::nullopt;
  const auto first = port(text.substr(0, colon), 0);
  const auto last = colon == std::string_view::npos ? first : port(text.substr(colon + 1), 0xffff);
  if (!first || !last || *first > *last) return std::nullopt;
  return Ports{*first, *last};
}

// Sorted, none touches the next.
PortSpec joined(PortSpec ranges) {
  std::ranges::sort(ranges, {}, &Ports::first);
  PortSpec spec;
  for (const Ports& range : ranges) {
    if (!spec.empty() && range.first <= spec.back().last + 1U) {
      spec.back().last = std::max(spec.back().last, range.last);
    } else {
      spec.push_back(range);
    }
  }
  return spec;
}

// What is in `meant` and not in `excepted`, which are both as joined() makes them.
PortSpec without(const PortSpec& meant, const PortSpec& excepted) {
  PortSpec left;
  auto hole = excepted.begin();
  for (const Ports& range : meant) {
    std::uint32_t at = range.first;
    while (hole != excepted.end() && hole->last < at) ++hole;
    for (auto next = hole; next != excepted.end() && next->first <= range.last; ++next) {
      if (next->first > at)
        left.push_back({static_cast<std::uint16_t>(at), static_cast<std::uint16_t>(next->first - 1)});
      at = next->last + 1U;
    }
    if (at <= range.last) left.push_back({static_cast<std::uint16_t>(at), range.last});
  }
  return left;
}

}  // namespace

Result<PortSpec> read_ports(std::string_view text, const SignatureVariables& variables) {
  PortSpec meant;
  PortSpec excepted;
  const auto item = [&](std::string_view word, bool negated) -> Result<void> {
    PortSpec& to = negated ? excepted : meant;
    if (word == "any") {
      to.push_back(kAllPorts);
      return {};
    }
    if (word.starts_with('$')) {
      const auto found = variables.ports.find(std::string(word.substr(1)));
      if (found == variables.ports.end())
        return failure(std::string(word), "no such variable of ports; give it in the inspection's ports");
      if (found->second.empty()) to.push_back(kAllPorts);
      to.insert(to.end(), found->second.begin(), found->second.end());
      return {};
    }
    const auto range = port_range(word);
    if (!range) return failure(std::string(word), "no port; give one, or a range such as 1024:65535");
    to.push_back(*range);
    return {};
  };
  if (auto done = for_each_item(text, item); !done) return tl::unexpected(std::move(done.error()));
  if (meant.empty()) meant.push_back(kAllPorts);
  PortSpec spec = without(joined(std::move(meant)), joined(std::move(excepted)));
  if (spec.empty()) return failure(std::string(text), "no port is left; the list excepts all it names");
  if (spec.size() == 1 && spec[0] == kAllPorts) spec.clear();
  return spec;
}

}  // namespace millrace::firewall::inspection
