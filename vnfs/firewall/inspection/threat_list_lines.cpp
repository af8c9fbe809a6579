// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_list_lines.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace millrace::firewall::inspection {
namespace {

constexpr std::string_view kBlanks = " \t\r";
constexpr std::string_view kTwoEntries = "has more behind the entry; put each entry on a line of its own";
constexpr std::string_view kEverything = "is every address; give prefixes of those that are meant";
constexpr std::string_view kOpenQuote = "begins with a quotation mark that is not closed; close it";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

struct Columns {
  std::string_view entry;  // empty: nothing but a comment
  std::string_view rest;   // without blanks around it
  std::string_view wrong = {};
};

// `ends`: what ends an entry that is not in quotes.
Columns columns_of(std::string_view line, std::string_view ends) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#' || line.front() == ';') return {};
  if (line.front() == '"') {
    const auto close = line.find('"', 1);
    if (close == std::string_view::npos) return {line, {}, kOpenQuote};
    return {trimmed(line.substr(1, close - 1)), trimmed(line.substr(close + 1))};
  }
  const auto end = std::min(line.find_first_of(ends), line.size());
  return {line.substr(0, end), trimmed(line.substr(end))};
}

constexpr std::string_view kEntryEnds = " \t,;#";
constexpr std::string_view kUrlEnds = " \t#";  // the others may be part of one

bool is_remark(std::string_view rest) {
  return rest.empty() || rest.front() == ',' || rest.front() == ';' || rest.front() == '#';
}

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What is wrong with a name in lower case, or nothing.
std::string_view fault_of(std::string_view name) {
  if (name.size() > kLongestHostName) return "has more than 253 bytes; no name of a host is as long";
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return "has an empty label; give a name such as example.org";
      label = 0;
      continue;
    }
    if (++label > kLongestLabel) return "has a label of more than 63 bytes; no name of a host has";
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') continue;
    if ((static_cast<unsigned char>(c) & 0x80U) != 0)
      return "has letters that are not ASCII; give its A-labels, which begin with xn--";
    return "has characters that no name of a host has; give a name such as example.org";
  }
  return label == 0 ? "has an empty label; give a name such as example.org" : std::string_view();
}

bool is_ipv4(std::string_view text) {
  return !text.empty() && all_digits(text.substr(text.size() - 1)) && net::Ipv4Address::parse(text);
}

// As hosts files have it before names: an address, perhaps with a zone.
bool is_address(std::string_view text) {
  return net::IpAddress::parse(text.substr(0, text.find('%'))).has_value();
}

net::IpAddress last_of(const net::Prefix& prefix) {
  auto bytes = prefix.address.bytes();
  for (unsigned bit = prefix.length; bit < prefix.address.bits(); ++bit)
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80U >> bit % 8);
  if (!prefix.address.is_v4()) return net::Ipv6Address{bytes};
  return net::Ipv4Address{be32(std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
                               std::uint32_t{bytes[2]} << 8U | bytes[3])};
}

std::string_view read_range(std::string_view text, std::size_t dash, AddressList::Entry& entry) {
  const auto first = net::IpAddress::parse(trimmed(text.substr(0, dash)));
  const auto last = net::IpAddress::parse(trimmed(text.substr(dash + 1)));
  if (!first || !last || first->family() != last->family())
    return "is no range; give two addresses of one family, such as 192.0.2.1-192.0.2.9";
  if (*first == net::Prefix::of(*first, 0).address && *last == last_of({*first, 0})) return kEverything;
  if (*last < *first) return "ends before it begins; give the lower address first";
  entry = {*first, *last};
  return {};
}

std::string_view read_addresses(std::string_view text, AddressList::Entry& entry) {
  if (const auto dash = text.find('-'); dash != std::string_view::npos) return read_range(text, dash, entry);
  if (const auto prefix = net::Prefix::parse(text)) {
    if (prefix->length == 0) return kEverything;
    entry = {prefix->address, last_of(*prefix)};
    return {};
  }
  const auto slash = text.find('/');
  if (slash != std::string_view::npos && net::IpAddress::parse(text.substr(0, slash)))
    return "has a length that is too great, or bits behind it; give a prefix such as 192.0.2.0/24";
  return "is no address; give an address or a prefix, such as 192.0.2.1 or 2001:db8::/32";
}

}  // namespace

std::string_view AddressLine::read(std::string_view line) {
  entries_.clear();
  const Columns columns = columns_of(line, kEntryEnds);
  if (!columns.wrong.empty() || columns.entry.empty()) return columns.wrong;
  if (!is_remark(columns.rest)) return kTwoEntries;
  AddressList::Entry entry;
  const std::string_view wrong = read_addresses(columns.entry, entry);
  if (wrong.empty()) entries_.push_back(entry);
  return wrong;
}

std::string_view DomainLine::read(std::string_view line) {
  entries_.clear();
  lowered_.resize(line.size());
  std::ranges::transform(line, lowered_.begin(),
                         [](char c) { return static_cast<char>(lower(static_cast<std::uint8_t>(c))); });
  const Columns columns = columns_of(lowered_, kEntryEnds);
  if (!columns.wrong.empty() || columns.entry.empty()) return columns.wrong;
  if (is_remark(columns.rest)) return read_name(columns.entry, false);
  return is_address(columns.entry) ? read_hosts(columns.rest) : kTwoEntries;
}

std::string_view DomainLine::read_hosts(std::string_view names) {
  std::string_view wrong;
  while (!is_remark(names)) {
    const auto end = std::min(names.find_first_of(kEntryEnds), names.size());
    const std::string_view fault = read_name(names.substr(0, end), true);
    if (wrong.empty()) wrong = fault;
    names = trimmed(names.substr(end));
  }
  if (!wrong.empty()) entries_.clear();
  return wrong;
}

std::string_view DomainLine::read_name(std::string_view name, bool of_hosts_file) {
  std::uint8_t scope = DomainList::kItself | DomainList::kBelow;
  if (name.starts_with('=')) {
    scope = DomainList::kItself;
    name.remove_prefix(1);
  } else if (name.starts_with("*.")) {
    scope = DomainList::kBelow;
    name.remove_prefix(2);
  } else if (name.starts_with('.')) {
    name.remove_prefix(1);
  }
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.find(':') != std::string_view::npos)
    return "is no domain; give a name alone, and put IPv6 addresses and URLs into lists of their own kind";
  if (const std::string_view fault = fault_of(name); !fault.empty()) return fault;
  const auto dot = name.rfind('.');
  const bool is_plain = scope == (DomainList::kItself | DomainList::kBelow);
  if (dot == std::string_view::npos && of_hosts_file) return {};
  if (dot == std::string_view::npos && is_plain)
    return "is a whole top-level domain; if that is meant, write \"*.\" before it";
  if (all_digits(name.substr(dot + 1))) {
    if (of_hosts_file && is_ipv4(name)) return {};
    if (scope == DomainList::kBelow || !is_ipv4(name))
      return "ends in a number, as no domain does; give a name such as example.org";
    scope = DomainList::kItself;
  }
  entries_.push_back({bytes_of(name), scope});
  return {};
}

std::string_view UrlLine::read(std::string_view line) {
  entries_.clear();
  const Columns columns = columns_of(line, kUrlEnds);
  if (!columns.wrong.empty() || columns.entry.empty()) return columns.wrong;
  if (!is_remark(columns.rest)) return kTwoEntries;
  return read_url(columns.entry);
}

namespace {

// What is wrong with the authority of a URL without its user, or nothing.
std::string_view fault_of_host(std::string_view host, const UrlHost& read) {
  constexpr std::string_view kNoHost = "has no host; give a URL such as http://example.org/path";
  constexpr std::uint32_t kHighestPort = 65535;
  if (read.text().empty()) return kNoHost;
  const SplitHost split = split_host(bytes_of(host));
  const auto text_of = [](Bytes bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const std::string_view port = text_of(split.port);
  std::uint32_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  if (number > kHighestPort) return "has a port above 65535; there is none";
  if (split.name.front() == '[') return {};
  return fault_of(text_of(read.text().first(split.name.size())));
}

}  // namespace

std::string_view UrlLine::read_url(std::string_view url) {
  url = url.substr(0, url.find('#'));
  if (const auto scheme = url.find("://"); scheme < url.find_first_of("/?")) url.remove_prefix(scheme + 3);
  const auto end = std::min(url.find_first_of("/?"), url.size());
  std::string_view host = url.substr(0, end);
  if (const auto user = host.rfind('@'); user != std::string_view::npos) host.remove_prefix(user + 1);
  host_ = UrlHost(bytes_of(host));
  if (const std::string_view fault = fault_of_host(host, host_); !fault.empty()) return fault;
  path_ = url.substr(end).starts_with('/') ? "" : "/";
  path_ += url.substr(end);
  const bool is_prefix = path_.ends_with('*');
  if (is_prefix) path_.pop_back();
  if (std::ranges::any_of(path_, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return "has blanks or control characters; give them as they are sent, such as %20";
  if (host_.text().size() + path_.size() > TextTable::kLongestText)
    return "has more than 16,383 bytes; end it early with a \"*\"";
  entries_.push_back({host_.text(), bytes_of(path_), is_prefix});
  return {};
}

std::string_view Ja3Line::read(std::string_view line) {
  entries_.clear();
  const Columns columns = columns_of(line, kEntryEnds);
  if (!columns.wrong.empty() || columns.entry.empty()) return columns.wrong;
  if (!is_remark(columns.rest)) return kTwoEntries;
  const auto ja3 = read_ja3(bytes_of(columns.entry));
  if (!ja3) return "is no JA3 hash; give 32 hexadecimal digits";
  entries_.push_back(*ja3);
  return {};
}

}  // namespace millrace::firewall::inspection
