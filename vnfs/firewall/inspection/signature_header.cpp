// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_header.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "common/control/profile/types.h"
#include "vnfs/firewall/inspection/signature_list.h"

namespace millrace::firewall::inspection {
namespace {

enum class Only : std::uint8_t { kEither, kIpv4, kIpv6 };

struct ProtocolName {
  std::string_view name;
  std::optional<std::uint8_t> protocol;
  Speech speech = Speech::kUnknown;
  Only only = Only::kEither;
};

constexpr std::array<ProtocolName, 20> kProtocols = {{
    {"ip", std::nullopt},
    {"ipv4", std::nullopt, Speech::kUnknown, Only::kIpv4},
    {"ip4", std::nullopt, Speech::kUnknown, Only::kIpv4},
    {"ipv6", std::nullopt, Speech::kUnknown, Only::kIpv6},
    {"ip6", std::nullopt, Speech::kUnknown, Only::kIpv6},
    {"tcp", 6},
    {"tcp-pkt", 6},
    {"tcp-stream", 6},
    {"udp", 17},
    {"icmp", 1},
    {"icmpv4", 1, Speech::kUnknown, Only::kIpv4},
    {"icmpv6", 58},
    {"sctp", 132},
    {"http", 6, Speech::kHttp},
    {"http1", 6, Speech::kHttp},
    // Over UDP and over TCP; nothing else speaks it, so that its speech says enough.
    {"tls", std::nullopt, Speech::kTls},
    {"dns", std::nullopt, Speech::kDns},
    {"quic", 17, Speech::kQuic},
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

void append(std::vector<net::Prefix>& to, const std::vector<net::Prefix>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Bits behind a prefix's length do not matter here.
Result<void> add_address(std::string_view word, std::vector<net::Prefix>& to) {
  std::string wrong;
  if (control::parse_addresses(word, to, wrong)) return {};
  const auto slash = word.find('/');
  const auto address = net::IpAddress::parse(word.substr(0, slash));
  const auto bits = slash == std::string_view::npos ? std::nullopt : number_of(word.substr(slash + 1));
  if (!address || !bits || *bits < 0 || *bits > static_cast<std::int64_t>(address->bits()))
    return failure(std::string(word), wrong);
  to.push_back(net::Prefix::of(*address, static_cast<unsigned>(*bits)));
  return {};
}

// Whether what is excepted holds all that is meant, so that no address is left.
bool leaves_nothing(const AddressSpec& spec) {
  if (spec.within.empty() || spec.except.empty()) return false;
  const std::set<net::Prefix> excepted(spec.except.begin(), spec.except.end());
  return std::ranges::all_of(spec.within, [&](const net::Prefix& meant) {
    for (unsigned length = 0; length <= meant.length; ++length) {
      if (excepted.contains(net::Prefix::of(meant.address, length))) return true;
    }
    return false;
  });
}

// One end of one family is enough: the other end has the same.
Result<void> keep_only(Only only, AddressSpec& spec) {
  if (only == Only::kEither) return {};
  const bool v4 = only == Only::kIpv4;
  const net::IpAddress any = v4 ? net::IpAddress(net::Ipv4Address{}) : net::IpAddress(net::Ipv6Address{});
  const bool was_any = spec.within.empty();
  std::erase_if(spec.within, [v4](const net::Prefix& prefix) { return prefix.address.is_v4() != v4; });
  if (was_any) spec.within.push_back(net::Prefix::of(any, 0));
  if (spec.within.empty()) return failure("", "the source has no address of the family that is asked for");
  return {};
}

}  // namespace

Result<AddressSpec> read_addresses(std::string_view text, const SignatureVariables& variables) {
  AddressSpec spec;
  bool nothing = false;
  bool anything = false;
  const auto item = [&](std::string_view word, bool negated) -> Result<void> {
    std::vector<net::Prefix>& to = negated ? spec.except : spec.within;
    std::vector<net::Prefix>& other = negated ? spec.within : spec.except;
    const auto any = [&] { (negated ? nothing : anything) = true; };
    if (word == "any") {
      any();
      return {};
    }
    if (!word.starts_with('$')) return add_address(word, to);
    const auto found = variables.addresses.find(std::string(word.substr(1)));
    if (found == variables.addresses.end())
      return failure(std::string(word),
                     "no such variable of addresses; give it in the inspection's addresses");
    if (found->second == AddressSpec{}) any();
    append(to, found->second.within);
    append(other, found->second.except);
    return {};
  };
  if (auto done = for_each_item(text, item); !done) return tl::unexpected(std::move(done.error()));
  if (anything) spec.within.clear();
  if (nothing || leaves_nothing(spec))
    return failure(std::string(text), "no address is left; the list excepts all it names");
  return spec;
}

bool is_action(std::string_view word) noexcept {
  return std::ranges::find(kActions, word, &ActionName::name) != kActions.end();
}

Result<void> HeaderReader::read(const std::vector<std::string_view>& words, Signature& signature) {
  const auto action = std::ranges::find(kActions, words[0], &ActionName::name);
  if (action == kActions.end())
    return failure(std::string(words[0]), "no such action; give alert, drop, reject or pass");
  signature.response = action->response;
  const auto protocol = std::ranges::find(kProtocols, words[1], &ProtocolName::name);
  if (words[1] == "pkthdr")
    return failure("pkthdr", "such packets have no session; they are dropped by name");
  if (protocol == kProtocols.end())
    return failure(
        std::string(words[1]),
        "this protocol is not told apart here; there are ip, tcp, udp, icmp, http, tls, quic, dns, ssh "
        "and smtp");
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
  if (auto done = put(words[6], ports_, read_ports, signature.destination_ports); !done) return done;
  if (auto kept = keep_only(protocol->only, signature.source); !kept)
    return failure(std::string(words[1]), kept.error().reason);
  return {};
}

}  // namespace millrace::firewall::inspection
