// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_types.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "common/control/profile/types.h"

namespace millrace::firewall::profile {
namespace {

using control::parse_addresses;
using control::Shape;
using control::TypePtr;

struct Word {
  std::string_view word;
  std::uint8_t value;
};

constexpr std::array kFlags = {Word{"fin", 0x01}, Word{"syn", 0x02}, Word{"rst", 0x04}, Word{"psh", 0x08},
                               Word{"ack", 0x10}, Word{"urg", 0x20}, Word{"ece", 0x40}, Word{"cwr", 0x80}};
constexpr std::array<std::string_view, 7> kDays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::optional<std::uint8_t> value_of(std::span<const Word> words, std::string_view wanted) {
  const auto found = std::ranges::find(words, wanted, &Word::word);
  if (found == words.end()) return std::nullopt;
  return found->value;
}

template <class T>
std::optional<T> number(std::string_view text, unsigned most) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > most) return std::nullopt;
  return static_cast<T>(value);
}

std::optional<std::uint8_t> parse_days(std::string_view text) {
  const auto day = [](std::string_view name) -> std::optional<unsigned> {
    const auto found = std::ranges::find(kDays, name);
    if (found == kDays.end()) return std::nullopt;
    return static_cast<unsigned>(found - kDays.begin());
  };
  const auto dots = text.find("..");
  const auto first = day(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : day(text.substr(dots + 2));
  if (!first || !last) return std::nullopt;
  unsigned mask = 0;
  for (unsigned i = *first;; i = (i + 1) % 7) {
    mask |= 1U << i;
    if (i == *last) break;
  }
  return static_cast<std::uint8_t>(mask);
}

std::optional<std::uint16_t> parse_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number<std::uint16_t>(text.substr(0, 2), 24);
  const auto minute = number<std::uint16_t>(text.substr(3), 59);
  if (!hour || !minute || (*hour == 24 && *minute != 0)) return std::nullopt;
  return static_cast<std::uint16_t>(*hour * 60 + *minute);
}

std::optional<std::uint8_t> parse_flag_list(std::string_view text) {
  unsigned bits = 0;
  while (true) {
    const auto comma = text.find(',');
    const auto flag = value_of(kFlags, text.substr(0, comma));
    if (!flag) return std::nullopt;
    bits |= *flag;
    if (comma == std::string_view::npos) return static_cast<std::uint8_t>(bits);
    text.remove_prefix(comma + 1);
  }
}

constexpr const char* kAddressPattern =
    "(any|@[A-Za-z0-9_][A-Za-z0-9_.-]*|"
    "[0-9A-Fa-f:.]+(/[0-9]{1,3}| *- *[0-9A-Fa-f:.]+)?)";

}  // namespace

std::optional<TcpFlags> parse_tcp_flags(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view on = text.substr(0, slash);
  const auto set = on == "none" ? std::optional<std::uint8_t>(0) : parse_flag_list(on);
  const auto mask = parse_flag_list(text.substr(slash + 1));
  if (!set || !mask || (*set & ~*mask) != 0) return std::nullopt;
  return TcpFlags{*set, *mask};
}

TypePtr<TcpFlags> tcp_flags() {
  return control::text_of<TcpFlags>(
      "the flags that are on, '/', and the flags looked at, which include them, such as syn/syn,ack,rst,fin "
      "or "
      "none/syn,ack (flags are fin, syn, rst, psh, ack, urg, ece, cwr)",
      "[a-z]+(,[a-z]+)*/[a-z]+(,[a-z]+)*", parse_tcp_flags, [](const TcpFlags& value) {
        const auto print = [](std::uint8_t bits) {
          std::string text;
          for (const Word& flag : kFlags) {
            if ((bits & flag.value) != 0) text += fmt::format("{}{}", text.empty() ? "" : ",", flag.word);
          }
          return text.empty() ? std::string("none") : text;
        };
        return fmt::format("{}/{}", print(value.set), print(value.mask));
      });
}

TypePtr<AddressTerm> address_term() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase =
                  "an address, a prefix, a range such as 192.0.2.1-192.0.2.9, or \"@GROUP\", each with a "
                  "leading \"!\" to mean all others; or any"};
  shape.pattern = std::string("!?") + kAddressPattern;
  return std::make_shared<control::ScalarType<AddressTerm>>(
      std::move(shape),
      [](std::string_view text, AddressTerm& out, control::Fault& fault) {
        out.negated = text.starts_with('!');
        if (out.negated) text.remove_prefix(1);
        if (text.starts_with('@')) {
          out.group = text.substr(1);
          return !out.group.empty();
        }
        if (text != "any" || out.negated) return parse_addresses(text, out.prefixes, fault.wrong);
        out.prefixes = {net::Prefix::of(net::Ipv4Address{}, 0), net::Prefix::of(net::Ipv6Address{}, 0)};
        return true;
      },
      [](const AddressTerm&) { return std::string(); });
}

TypePtr<GroupEntry> group_word() {
  Shape shape{.kind = Shape::Kind::kText,
              .phrase = "an address, a prefix, a range such as 192.0.2.1-192.0.2.9, or \"@GROUP\""};
  shape.pattern = kAddressPattern;
  return std::make_shared<control::ScalarType<GroupEntry>>(
      std::move(shape),
      [](std::string_view text, GroupEntry& out, control::Fault& fault) {
        if (!text.starts_with('@')) return parse_addresses(text, out.prefixes, fault.wrong);
        out.group = text.substr(1);
        return !out.group.empty();
      },
      [](const GroupEntry&) { return std::string(); });
}

TypePtr<std::uint8_t> days() {
  return control::text_of<std::uint8_t>(
      "a day or a range of days, such as sat or mon..fri",
      "(mon|tue|wed|thu|fri|sat|sun)(\\.\\.(mon|tue|wed|thu|fri|sat|sun))?", parse_days,
      [](const std::uint8_t& mask) { return mask == 0x7f ? std::string("mon..sun") : std::string(); });
}

TypePtr<std::uint16_t> time_of_day() {
  return control::text_of<std::uint16_t>(
      R"(a time of day, such as "08:00", up to "24:00")", "([01][0-9]|2[0-3]):[0-5][0-9]|24:00", parse_time,
      [](const std::uint16_t& minute) { return fmt::format("\"{:02}:{:02}\"", minute / 60, minute % 60); });
}

}  // namespace millrace::firewall::profile
