// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/lookup_question.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iomanip>
#include <locale>
#include <sstream>
#include <string>

#include "common/control/protocol.h"

namespace millrace::nat {
namespace {

using control::WallTime;

// "2026-03-01T08:00:00Z", fractions of a second allowed.
std::optional<WallTime> parse_time(const std::string& text) {
  std::tm parts{};
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%S");
  if (in.fail()) return std::nullopt;
  double fraction = 0;
  if (in.peek() == '.' && !(in >> fraction)) return std::nullopt;
  if (in.get() != 'Z' || in.peek() != std::char_traits<char>::eof()) return std::nullopt;
  return std::chrono::sys_seconds(std::chrono::seconds(timegm(&parts))) +
         std::chrono::microseconds(static_cast<std::int64_t>(fraction * 1e6));
}

}  // namespace

std::optional<LookupQuestion> read_question(const core::Network& network, control::Members& query) {
  LookupQuestion question{};
  question.now = question.at =
      std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (const auto text = query.text("address"); !text) {
    query.refuse("address", "is missing; give an outside address, or that of a host inside");
  } else if (const auto address = net::IpAddress::parse(*text)) {
    question.address = *address;
  } else {
    query.refuse("address", "is not an IPv4 or IPv6 address");
  }
  if (const auto port = query.number("port", 0, 65535)) question.port = static_cast<std::uint16_t>(*port);
  if (const auto text = query.text("protocol")) {
    question.protocol = control::parse_protocol(*text);
    if (!question.protocol) query.refuse("protocol", "is not a protocol; give tcp, udp or icmp");
  }
  if (const auto name = query.text("domain")) {
    const auto found = std::ranges::find(network.domains, *name, &core::Domain::name);
    if (found == network.domains.end()) {
      query.refuse("domain", "is not a routing domain of the profile");
    } else {
      question.domain = static_cast<std::uint16_t>(found - network.domains.begin());
    }
  }
  if (const auto text = query.text("at")) {
    const auto at = parse_time(*text);
    if (!at) {
      query.refuse("at", "is not a time; give one in UTC such as 2026-03-01T08:00:00Z");
    } else if (*at > question.now) {
      query.refuse("at", "lies in the future");
    } else {
      question.at = *at;
    }
  }
  if (const auto right = query.finish(); !right) return std::nullopt;
  return question;
}

}  // namespace millrace::nat
