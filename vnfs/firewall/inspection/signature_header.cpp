// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_header.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "common/control/profile/types.h"

namespace millrace::firewall::inspection {
namespace {

constexpr int kMostDepth = 8;  // of lists within lists

struct ProtocolName {
  std::string_view name;
  std::optional<std::uint8_t> protocol;
  Speech speech = Speech::kUnknown;
};

constexpr std::array<ProtocolName, 15> kProtocols = {{
    {"ip", std::nullopt},
    {"tcp", 6},
    {"tcp-pkt", 6},
    {"tcp-stream", 6},
    {"udp", 17},
    {"icmp", 1},
    {"icmpv4", 1},
    {"icmpv6", 58},
    {"sctp", 132},
    {"http", 6, Speech::kHttp},
    {"http1", 6, Speech::kHttp},
    {"tls", 6, Speech::kTls},
    {"dns", std::nullopt, Speech::kDns},
    {"ssh", 6, Speech::kSsh},
    {"smtp", 6, Speech::kSmtp},
}};

struct ActionName {
  std::string_view name;
  Response response;
};
constexpr std::array<ActionName, 8> kActions = {{
    {"alert", Response::kAlert},
    {"drop", Response::kDrop},
    {"sdrop", Response::kDrop},
    {"reject", Response::kReject},
    {"rejectsrc", Response::kReject},
    {"rejectdst", Response::kReject},
    {"rejectboth", Response::kReject},
    {"pass", Response::kPass},
}};

// Items of a list that may hold lists: each is handed on with whether it is meant or excepted.
template <class Item>
Result<void> flatten(std::string_view text, bool negated, int depth, const Item& item) {
  text = trimmed(text);
  while (text.starts_with('!')) {
    negated = !negated;
    text = trimmed(text.substr(1));
  }
  if (!text.starts_with('[')) return item(text, negated);
  if (!text.ends_with(']') || depth == kMostDepth) return failure(std::string(text), "brackets do not close");
  for (const std::string_view part : split(text.substr(1, text.size() - 2))) {
    if (part.empty()) return failure(std::string(text), "an entry is empty");
    if (auto done = flatten(part, negated, depth + 1, item); !done) return done;
  }
  return {};
}

void add(std::vector<net::Prefix>& to, const std::vector<net::Prefix>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

using PortSet = std::vector<bool>;

void mark(PortSet& set, Ports ports) {
  for (std::uint32_t port = ports.first; port <= ports.last; ++port) set[port] = true;
}

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

}  // namespace

Result<AddressSpec> read_addresses(std::string_view text, const SignatureVariables& variables) {
  AddressSpec spec;
  bool nothing = false;
  const auto item = [&](std::string_view word, bool negated) -> Result<void> {
    std::vector<net::Prefix>& to = negated ? spec.except : spec.within;
    std::vector<net::Prefix>& other = negated ? spec.within : spec.except;
    if (word == "any") {
      nothing = nothing || negated;
      return {};
    }
    if (word.starts_with('$')) {
      const auto found = variables.addresses.find(std::string(word.substr(1)));
      if (found == variables.addresses.end())
        return failure(std::string(word),
                       "no such variable of addresses; give it in the inspection's addresses");
      add(to, found->second.within);
      add(other, found->second.except);
      nothing = nothing || (negated && found->second == AddressSpec{});
      return {};
    }
    std::string wrong;
    if (control::parse_addresses(word, to, wrong)) return {};
    // Bits behind a prefix's length do not matter here.
    const auto slash = word.find('/');
    const auto address = net::IpAddress::parse(word.substr(0, slash));
    const auto bits = slash == std::string_view::npos ? std::nullopt : number_of(word.substr(slash + 1));
    if (!address || !bits || *bits < 0 || *bits > static_cast<std::int64_t>(address->bits()))
      return failure(std::string(word), wrong);
    to.push_back(net::Prefix::of(*address, static_cast<unsigned>(*bits)));
    return {};
  };
  if (auto done = flatten(text, false, 0, item); !done) return tl::unexpected(std::move(done.error()));
  if (nothing) return failure(std::string(text), "it excepts any address, so that none is left");
  return spec;
}

Result<PortSpec> read_ports(std::string_view text, const SignatureVariables& variables) {
  PortSet meant(65'536);
  PortSet excepted(65'536);
  bool some = false;
  const auto item = [&](std::string_view word, bool negated) -> Result<void> {
    PortSet& set = negated ? excepted : meant;
    some = some || !negated;
    if (word == "any") {
      mark(set, {0, 0xffff});
      return {};
    }
    if (word.starts_with('$')) {
      const auto found = variables.ports.find(std::string(word.substr(1)));
      if (found == variables.ports.end())
        return failure(std::string(word), "no such variable of ports; give it in the inspection's ports");
      if (found->second.empty()) mark(set, {0, 0xffff});
      for (const Ports& ports : found->second) mark(set, ports);
      return {};
    }
    const auto range = port_range(word);
    if (!range) return failure(std::string(word), "no port; give one, or a range such as 1024:65535");
    mark(set, *range);
    return {};
  };
  if (auto done = flatten(text, false, 0, item); !done) return tl::unexpected(std::move(done.error()));
  PortSpec spec;
  for (std::uint32_t port = 0; port < meant.size(); ++port) {
    if (excepted[port] || (some && !meant[port])) continue;
    if (!spec.empty() && spec.back().last + 1U == port) {
      spec.back().last = static_cast<std::uint16_t>(port);
    } else {
      spec.push_back({static_cast<std::uint16_t>(port), static_cast<std::uint16_t>(port)});
    }
  }
  if (spec.empty()) return failure(std::string(text), "no port is left");
  if (spec.size() == 1 && spec[0] == Ports{0, 0xffff}) spec.clear();
  return spec;
}

Result<void> HeaderReader::read(const std::vector<std::string_view>& words, Signature& signature) {
  const auto action = std::ranges::find(kActions, words[0], &ActionName::name);
  if (action == kActions.end())
    return failure(std::string(words[0]), "no such action; give alert, drop, reject or pass");
  signature.response = action->response;
  const auto protocol = std::ranges::find(kProtocols, words[1], &ProtocolName::name);
  if (protocol == kProtocols.end())
    return failure(std::string(words[1]), "this protocol is not told apart here");
  signature.protocol = protocol->protocol;
  signature.speech = protocol->speech;
  if (words[1] == "tcp-pkt") signature.flow.no_stream = true;
  if (words[1] == "tcp-stream") signature.flow.only_stream = true;
  if (words[4] != "->" && words[4] != "<>") return failure(std::string(words[4]), "give -> or <>");
  signature.both_ways = words[4] == "<>";
  const auto put = [&](std::string_view word, auto& known, auto reads, auto& to) -> Result<void> {
    auto found = known.find(word);
    if (found == known.end()) {
      auto made = reads(word, variables_);
      if (!made) return tl::unexpected(std::move(made.error()));
      found = known.emplace(std::string(word), std::move(*made)).first;
    }
    to = found->second;
    return {};
  };
  if (auto done = put(words[2], addresses_, read_addresses, signature.source); !done) return done;
  if (auto done = put(words[3], ports_, read_ports, signature.source_ports); !done) return done;
  if (auto done = put(words[5], addresses_, read_addresses, signature.destination); !done) return done;
  return put(words[6], ports_, read_ports, signature.destination_ports);
}

}  // namespace millrace::firewall::inspection
