// SPDX-License-Identifier: BSD-3-Clause
// The frames beside ARP and IP that transparent forwarding lets pass, by name or Ethernet type.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "common/control/profile/types.h"
#include "common/net/wire.h"

namespace millrace::control {
namespace {

struct Protocol {
  std::string_view word;
  std::array<std::uint16_t, 2> types;  // 0: none
};

constexpr std::string_view kSpanningTree = "stp";
constexpr std::string_view kLlc = "llc";

// IEEE Registration Authority's public list of Ethernet types; the last two have none.
constexpr std::array kProtocols = {
    Protocol{"lldp", {0x88cc}},         Protocol{"lacp", {0x8809}},
    Protocol{"eapol", {0x888e}},        Protocol{"pppoe", {0x8863, 0x8864}},
    Protocol{"mpls", {0x8847, 0x8848}}, Protocol{"ptp", {0x88f7}},
    Protocol{kSpanningTree, {}},        Protocol{kLlc, {}},
};
constexpr std::uint16_t kLeastType = 0x0600;  // IEEE 802.3 section 3.2.6; below are lengths
constexpr std::array kAlwaysRead = {net::ether_type::kIpv4, net::ether_type::kIpv6, net::ether_type::kArp,
                                    net::ether_type::kVlan, net::ether_type::kQinQ};

std::optional<std::uint16_t> parse_type(std::string_view text) {
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_protocol(std::string_view text, OtherFrames& out, Fault& fault) {
  if (text == kSpanningTree) return out.spanning_tree = true;
  if (text == kLlc) return out.llc = true;
  const auto known = std::ranges::find(kProtocols, text, &Protocol::word);
  if (known != kProtocols.end()) {
    for (const std::uint16_t type : known->types) {
      if (type != 0) out.types.push_back(type);
    }
    return true;
  }
  const auto type = parse_type(text);
  fault.wrong = "is no protocol that is known here, nor an Ethernet type";
  if (!type || *type < kLeastType) return false;
  fault.wrong = "is read and judged in any case";
  fault.right = "types beside ARP, IP and VLAN tags";
  if (std::ranges::find(kAlwaysRead, *type) != kAlwaysRead.end()) return false;
  out.types.push_back(*type);
  return true;
}

TypePtr<OtherFrames> protocol() {
  std::vector<std::string_view> words;
  words.reserve(kProtocols.size());
  for (const Protocol& one : kProtocols) words.push_back(one.word);
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = fmt::format("{}, or an Ethernet type from 0x0600 to 0xffff", fmt::join(words, ", "))};
  shape.pattern = fmt::format("{}|0x[0-9a-fA-F]{{3,4}}|[0-9]{{4,5}}", fmt::join(words, "|"));
  shape.integer_too = true;
  return std::make_shared<ScalarType<OtherFrames>>(std::move(shape), parse_protocol, nullptr);
}

}  // namespace

TypePtr<OtherFrames> other_frames() {
  struct Map {
    std::vector<OtherFrames> pass;
  };
  auto map = std::make_shared<Struct<Map>>("other", "Frames that carry neither ARP nor IP.");
  map->field(
      "pass", &Map::pass, list_not_empty<OtherFrames>(protocol()),
      "Those that pass; the others are dropped. `lacp` is all slow protocols (0x8809), `llc` all frames "
      "with a length in place of a type (spanning tree, IS-IS, CDP), `stp` of these IEEE 802.1D alone.",
      kRequired);
  OneOfType<OtherFrames>::Ways ways;
  ways.word = std::make_shared<MappedType<OtherFrames, bool>>(
      choice<bool>({{"drop", false, "none of them passes"}, {"pass", true, "all of them pass"}}),
      [](bool&& all, OtherFrames& out, const Node&, Reader&) {
        out.all = all;
        return true;
      },
      nullptr);
  ways.map = std::make_shared<MappedType<OtherFrames, Map>>(
      map,
      [](Map&& from, OtherFrames& out, const Node&, Reader&) {
        for (const OtherFrames& one : from.pass) {
          out.llc = out.llc || one.llc;
          out.spanning_tree = out.spanning_tree || one.spanning_tree;
          out.types.insert(out.types.end(), one.types.begin(), one.types.end());
        }
        std::ranges::sort(out.types);
        out.types.erase(std::unique(out.types.begin(), out.types.end()), out.types.end());
        return true;
      },
      nullptr);
  return std::make_shared<OneOfType<OtherFrames>>(
      std::move(ways), [](const OtherFrames& value) { return std::string(value.all ? "pass" : "drop"); });
}

}  // namespace millrace::control
