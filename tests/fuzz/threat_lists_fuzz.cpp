// SPDX-License-Identifier: BSD-3-Clause
// A list from bytes, then asked for other bytes. What must hold: it finds what one finds that compares entry
// by entry; what has not changed is shared.
//
// The first byte: bits 0 and 1 are the kind. Then the length of what is asked for, in two bytes, and that;
// the rest is the file.
#include <algorithm>
#include <memory>
#include <string>

#include "tests/fuzz/input.h"
#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/threat_list_files.h"
#include "vnfs/firewall/inspection/threat_list_lines.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using fuzz::require;

constexpr SipKey kSeed = {3, 5};

// Of the exact size, so that a sanitizer sees the first byte read past the end.
class Exact {
 public:
  explicit Exact(Bytes bytes) : bytes_(std::make_unique<std::uint8_t[]>(bytes.size())), size_(bytes.size()) {
    std::ranges::copy(bytes, bytes_.get());
  }
  [[nodiscard]] Bytes bytes() const { return {bytes_.get(), size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(bytes_.get()), size_}; }

 private:
  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
};

std::string lowered(Bytes bytes) {
  std::string text(bytes.begin(), bytes.end());
  std::ranges::transform(text, text.begin(),
                         [](char c) { return static_cast<char>(lower(static_cast<std::uint8_t>(c))); });
  return text;
}

// Whether an entry of the file is as `holds` says.
template <class Line, class Holds>
bool any_entry(std::string_view text, Holds holds) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Line line_reader;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (line_reader.read(text.substr(0, end)).empty() && std::ranges::any_of(line_reader.entries(), holds))
      return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

void try_address(const ThreatLists& lists, std::string_view file, const Exact& asked) {
  net::Ipv6Address v6;
  std::copy_n(asked.bytes().begin(), std::min(asked.bytes().size(), v6.bytes.size()), v6.bytes.begin());
  const net::IpAddress address = net::IpAddress::parse(asked.text()).value_or(v6);
  const bool listed = any_entry<AddressLine>(file, [&](const AddressList::Entry& entry) {
    return entry.first.family() == address.family() && entry.first <= address && address <= entry.last;
  });
  require(lists.find_address(address).empty() != listed, "addresses are found that are listed");
}

void try_domain(const ThreatLists& lists, std::string_view file, const Exact& asked) {
  const std::string host = lowered(split_host(asked.bytes()).name);
  const bool listed = any_entry<DomainLine>(file, [&](const DomainList::Entry& entry) {
    const std::string name(entry.name.begin(), entry.name.end());
    return ((entry.scope & DomainList::kItself) != 0 && host == name) ||
           ((entry.scope & DomainList::kBelow) != 0 && host.ends_with("." + name));
  });
  require(lists.find_domain(asked.bytes()).empty() != listed, "domains are found that are listed");
}

void try_url(const ThreatLists& lists, std::string_view file, const Exact& asked) {
  const std::size_t slash = std::min(asked.text().find('/'), asked.text().size());
  const Exact host(asked.bytes().first(slash));
  const Exact path(asked.bytes().subspan(slash));
  const UrlHost url_host(host.bytes());
  const bool listed = any_entry<UrlLine>(file, [&](const UrlList::Entry& entry) {
    if (!std::ranges::equal(entry.host, url_host.text())) return false;
    const std::string_view begin(reinterpret_cast<const char*>(entry.path.data()), entry.path.size());
    return entry.is_prefix ? path.text().starts_with(begin) : path.text() == begin;
  });
  require(lists.find_url(host.bytes(), path.bytes()).empty() != listed, "URLs are found that are listed");
}

void try_ja3(const ThreatLists& lists, std::string_view file, const Exact& asked) {
  const std::string digits = lowered(asked.bytes());
  const auto ja3 = read_ja3(bytes_of(digits));
  const bool listed = ja3 && any_entry<Ja3Line>(file, [&](const Ja3& entry) { return entry == *ja3; });
  require(lists.find_ja3(asked.bytes()).empty() != listed, "hashes are found that are listed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, std::min<std::size_t>(size, 65536));
  const auto kind = static_cast<ListKind>(input.u8() & 3U);
  const Exact asked(input.bytes(input.u16()));
  const Exact file(input.bytes(input.left()));
  const std::vector files = {ThreatListFile{.name = "l", .kind = kind, .text = file.text(), .path = "l.txt"}};
  const auto lists = load_threat_lists(files, kSeed);
  if (!lists) return 0;
  const ThreatList& list = *lists->member(0).list;
  require(list.kind() == kind && list.size() <= file.bytes().size(), "there are no more entries than bytes");
  require(list.told.size() == std::min(list.bad_lines, kMostToldLines), "the first bad lines are told");
  require(warnings_of(list, "l.txt").size() <= kMostToldLines + 1, "there are few warnings");
  const auto again = load_threat_lists(files, kSeed, &*lists);
  require(again && again->member(0).list == lists->member(0).list, "what has not changed is shared");
  switch (kind) {
    case ListKind::kAddress:
      try_address(*lists, file.text(), asked);
      break;
    case ListKind::kDomain:
      try_domain(*lists, file.text(), asked);
      break;
    case ListKind::kUrl:
      try_url(*lists, file.text(), asked);
      break;
    case ListKind::kJa3:
      try_ja3(*lists, file.text(), asked);
      break;
  }
  return 0;
}
