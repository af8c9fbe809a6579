// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/signature_keywords.h"
#include "vnfs/firewall/inspection/signature_numbers.h"
#include "vnfs/firewall/inspection/signature_soundness.h"

namespace millrace::firewall::inspection {
namespace {

using Draft = SignatureDraft;
using Outcome = Result<void>;

constexpr std::size_t kMostText = 1024;

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

std::string_view without_quotes(std::string_view text) noexcept {
  const bool in_quotes = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return in_quotes ? text.substr(1, text.size() - 2) : text;
}

Outcome ignore(Draft& /*draft*/, std::string_view /*value*/) { return {}; }

// --- the packet and the session ---

Outcome flow_words(Draft& draft, std::string_view value) {
  FlowSpec& flow = draft.signature().flow;
  const auto from = [&flow](Side side) {
    const bool fits = flow.from == Side::kBoth || flow.from == side;
    flow.from = side;
    return fits;
  };
  for (const std::string_view part : split(value)) {
    bool fits = true;
    if (part == "to_server" || part == "from_client") {
      fits = from(Side::kClient);
    } else if (part == "to_client" || part == "from_server") {
      fits = from(Side::kServer);
    } else if (part == "established") {
      flow.established = true;
    } else if (part == "not_established") {
      flow.not_established = true;
    } else if (part == "stateless") {
      flow.stateless = true;
    } else if (part == "only_stream") {
      flow.only_stream = true;
    } else if (part == "no_stream") {
      flow.no_stream = true;
    } else {
      return wrong(fmt::format("{} is not understood", part));
    }
    if (!fits) return wrong("to_server and to_client do not go together; give one of them, or none");
  }
  if (flow.established + flow.not_established + flow.stateless > 1)
    return wrong("give one of established, not_established and stateless");
  return {};
}
Outcome flow_bits(Draft& draft, std::string_view value) {
  const auto parts = split(value);
  if (parts[0] == "noalert") {
    draft.signature().silent = true;
    return {};
  }
  using Do = FlowBit::Do;
  constexpr std::array<std::pair<std::string_view, Do>, 5> kWords = {{{"set", Do::kSet},
                                                                      {"unset", Do::kUnset},
                                                                      {"toggle", Do::kToggle},
                                                                      {"isset", Do::kIsSet},
                                                                      {"isnotset", Do::kIsNotSet}}};
  const auto found = std::ranges::find(kWords, parts[0], &std::pair<std::string_view, Do>::first);
  if (found == kWords.end() || parts.size() != 2 || parts[1].empty())
    return wrong("give set, unset, toggle, isset or isnotset, and a name");
  FlowBit bit{.what = found->second, .names = {}};
  for (const std::string_view name : split(parts[1], '|')) {
    if (name.empty() || name.find_first_of(" \t&") != std::string_view::npos)
      return wrong("give names without blanks and '&', with '|' between them");
    bit.names.emplace_back(name);
  }
  const bool asks = bit.what == Do::kIsSet || bit.what == Do::kIsNotSet;
  if (bit.names.size() > 1 && !asks) return wrong("only isset and isnotset take several names");
  draft.signature().flow_bits.push_back(std::move(bit));
  return {};
}
Outcome payload_size(Draft& draft, std::string_view value) {
  Signature& signature = draft.signature();
  if (value.starts_with('!')) {
    signature.payload_length_negated = true;
    value = value.substr(1);
  }
  signature.payload_length = range_of(value, 65'535);
  return signature.payload_length ? Outcome{} : wrong("give a number or a range");
}
template <std::optional<Range> Signature::*member>
Outcome byte_range(Draft& draft, std::string_view value) {
  draft.signature().*member = range_of(value, 255);
  return draft.signature().*member ? Outcome{} : wrong("give a number to 255, or a range");
}
Outcome flag_letters_of(Draft& draft, std::string_view value) {
  draft.signature().tcp_flags = tcp_flags_of(value);
  return draft.signature().tcp_flags ? Outcome{} : wrong("give letters of FSRPAUEC0, as in S,12");
}
Outcome ip_protocol(Draft& draft, std::string_view value) {
  using Name = std::pair<std::string_view, std::uint8_t>;
  constexpr std::array<Name, 9> kNames = {{{"icmp", 1},
                                           {"igmp", 2},
                                           {"tcp", 6},
                                           {"udp", 17},
                                           {"gre", 47},
                                           {"esp", 50},
                                           {"ah", 51},
                                           {"ipv6-icmp", 58},
                                           {"sctp", 132}}};
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  const auto named = std::ranges::find_if(
      kNames, [&](const Name& name) { return std::ranges::equal(value, name.first, {}, lower); });
  const auto number = named != kNames.end() ? std::optional<std::int64_t>(named->second) : number_of(value);
  if (!number || *number < 0 || *number > 255)
    return wrong("give the number of one protocol, or tcp, udp, icmp, igmp, gre, esp, ah, sctp");
  auto& protocol = draft.signature().protocol;
  if (protocol && *protocol != *number) return wrong("the header names another protocol; give ip there");
  protocol = static_cast<std::uint8_t>(*number);
  return {};
}
Outcome app_layer(Draft& draft, std::string_view value) {
  constexpr std::array<std::pair<std::string_view, Speech>, 7> kSpeeches = {{{"http", Speech::kHttp},
                                                                             {"http1", Speech::kHttp},
                                                                             {"tls", Speech::kTls},
                                                                             {"dns", Speech::kDns},
                                                                             {"ssh", Speech::kSsh},
                                                                             {"smtp", Speech::kSmtp},
                                                                             {"quic", Speech::kQuic}}};
  const auto found = std::ranges::find(kSpeeches, value, &std::pair<std::string_view, Speech>::first);
  if (found == kSpeeches.end())
    return wrong(
        fmt::format("{} is not told apart here; there are http, tls, quic, dns, ssh and smtp", value));
  return claim_speech(found->second, "", draft.signature());
}
Outcome how_often(Draft& draft, std::string_view value) {
  draft.signature().threshold = threshold_of(value, false);
  return draft.signature().threshold ? Outcome{} : wrong("give type, track, count and seconds");
}
Outcome above_rate(Draft& draft, std::string_view value) {
  draft.signature().detection_filter = threshold_of(value, true);
  return draft.signature().detection_filter ? Outcome{} : wrong("give track, count and seconds");
}
Outcome no_alert(Draft& draft, std::string_view /*value*/) {
  draft.signature().silent = true;
  return {};
}
Outcome whom(Draft& /*draft*/, std::string_view value) {
  return value == "src_ip" || value == "dest_ip" ? Outcome{} : wrong("give src_ip or dest_ip");
}
Outcome packet_data(Draft& draft, std::string_view /*value*/) {
  draft.stick_to(Buffer::kPayload);
  return {};
}

// --- for people ---

Outcome message_text(Draft& draft, std::string_view value) {
  draft.signature().message = unescaped(without_quotes(value)).substr(0, kMostText);
  return {};
}
Outcome reference_to(Draft& draft, std::string_view value) {
  const auto comma = value.find(',');
  if (comma == std::string_view::npos) return wrong("give a kind and an address, with a comma between");
  draft.signature().references.emplace_back(trimmed(value.substr(0, comma)),
                                            trimmed(value.substr(comma + 1)));
  return {};
}
Outcome metadata(Draft& draft, std::string_view value) {
  for (const std::string_view part : split(value)) {
    const auto blank = part.find_first_of(" \t");
    const std::string_view text = blank == std::string_view::npos ? "" : trimmed(part.substr(blank));
    if (!part.empty()) draft.signature().metadata.emplace_back(part.substr(0, blank), text);
  }
  return {};
}
Outcome class_type(Draft& draft, std::string_view value) {
  draft.signature().class_name = value;
  return {};
}
Outcome urgency(Draft& draft, std::string_view value) {
  const auto number = number_of(value);
  if (!number || *number < 1 || *number > 255) return wrong("give a number from 1 to 255");
  draft.set_priority(static_cast<std::uint8_t>(*number));
  return {};
}
template <std::uint32_t Signature::*member, std::int64_t least>
Outcome identity(Draft& draft, std::string_view value) {
  const auto number = number_of(value);
  if (!number || *number < least || *number > 0xffffffff) return wrong("give a number");
  draft.signature().*member = static_cast<std::uint32_t>(*number);
  return {};
}

using Value = Keyword::Value;
constexpr bool kOnce = true;
constexpr std::array kOtherKeywords = {
    Keyword{"app-layer-protocol", &app_layer, "what the session speaks: http, tls, quic, dns, ssh, smtp"},
    Keyword{"classtype", &class_type, "its priority, when none is given, and the events' category",
            Value::kNeeded, kOnce},
    Keyword{"detection_filter", &above_rate, "matches only above a rate", Value::kNeeded, kOnce},
    Keyword{"dsize", &payload_size, "length of a packet's payload", Value::kNeeded, kOnce},
    Keyword{"flags", &flag_letters_of, "TCP flags of a packet", Value::kNeeded, kOnce},
    Keyword{"flow", &flow_words, "direction, established or not, stream or packets", Value::kNeeded, kOnce},
    Keyword{"flowbits", &flow_bits, "what signatures remember of a session, 512 names"},
    Keyword{"gid", &identity<&Signature::group, 0>, "for people", Value::kNeeded, kOnce},
    Keyword{"icode", &byte_range<&Signature::icmp_code>, "ICMP code", Value::kNeeded, kOnce},
    Keyword{"ip_proto", &ip_protocol, "IP protocol, by number or name", Value::kNeeded, kOnce},
    Keyword{"itype", &byte_range<&Signature::icmp_type>, "ICMP type", Value::kNeeded, kOnce},
    Keyword{"metadata", &metadata, "for people"},
    Keyword{"msg", &message_text, "for people", Value::kNeeded, kOnce},
    Keyword{"noalert", &no_alert, "matches without a word", Value::kNone},
    Keyword{"pkt_data", &packet_data, "back to the payload", Value::kNone},
    Keyword{"prefilter", &ignore, "without effect: what is looked for first is chosen here", Value::kNone},
    Keyword{"priority", &urgency, "1 is the most urgent", Value::kNeeded, kOnce},
    Keyword{"reference", &reference_to, "for people"},
    Keyword{"rev", &identity<&Signature::revision, 0>, "of those with one sid the highest holds",
            Value::kNeeded, kOnce},
    Keyword{"sid", &identity<&Signature::id, 1>, "its number", Value::kNeeded, kOnce},
    Keyword{"tag", &ignore, "without effect: no further packets are recorded"},
    Keyword{"target", &whom, "for people"},
    Keyword{"threshold", &how_often, "how often it tells: limit, threshold, both", Value::kNeeded, kOnce},
    Keyword{"ttl", &byte_range<&Signature::ttl>, "TTL or hop limit", Value::kNeeded, kOnce},
};
static_assert(std::ranges::is_sorted(kOtherKeywords, {}, &Keyword::name));

}  // namespace

std::span<const Keyword> other_keywords() noexcept { return kOtherKeywords; }

const Keyword* find_keyword(std::string_view name) noexcept {
  for (const std::span<const Keyword> keywords : {content_keywords(), byte_keywords(), other_keywords()}) {
    const auto found = std::ranges::lower_bound(keywords, name, {}, &Keyword::name);
    if (found != keywords.end() && found->name == name) return &*found;
  }
  return nullptr;
}

}  // namespace millrace::firewall::inspection
