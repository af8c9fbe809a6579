// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_lists.h"

#include <algorithm>
#include <set>

namespace millrace::firewall::inspection {

std::size_t ThreatList::size() const noexcept {
  return std::visit([](const auto& list) { return list.size(); }, entries);
}

std::size_t ThreatList::memory_bytes() const noexcept {
  return std::visit([](const auto& list) { return list.memory_bytes(); }, entries);
}

ThreatLists::ThreatLists(std::vector<Member> members, const SipKey& seed)
    : members_(std::move(members)), seed_(seed) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    const ThreatList::Entries& entries = members_[i].list->entries;
    if (const auto* addresses = std::get_if<AddressList>(&entries)) {
      addresses_.push_back({addresses, i});
    } else if (const auto* domains = std::get_if<DomainList>(&entries)) {
      domains_.push_back({domains, i});
      most_labels_ = std::max(most_labels_, domains->most_labels());
    } else if (const auto* urls = std::get_if<UrlList>(&entries)) {
      urls_.push_back({urls, i});
      longest_path_ = std::max(longest_path_, urls->longest_path());
    } else if (const auto* ja3s = std::get_if<Ja3List>(&entries)) {
      ja3s_.push_back({ja3s, i});
    }
  }
}

template <class List, class Sought>
ListHits ThreatLists::asked(const Of<List>& lists, const Sought& sought) noexcept {
  ListHits hits;
  for (const auto& [list, number] : lists) {
    if (list->matches(sought)) hits.add(number);
  }
  return hits;
}

ListHits ThreatLists::find_address(const net::IpAddress& address) const noexcept {
  return asked(addresses_, address);
}

ListHits ThreatLists::find_domain(Bytes host) const noexcept {
  if (most_labels_ == 0) return {};
  return asked(domains_, HostSuffixes(host, seed_, most_labels_));
}

ListHits ThreatLists::find_url(Bytes host, Bytes path_and_query) const noexcept {
  if (urls_.empty() || path_and_query.empty() || path_and_query.front() != '/') return {};
  const UrlHost url_host(host);
  if (url_host.text().empty()) return {};
  return asked(urls_, UrlQuery(url_host, path_and_query, seed_, longest_path_));
}

ListHits ThreatLists::find_ja3(Bytes digits) const noexcept {
  if (ja3s_.empty()) return {};
  const auto ja3 = read_ja3(digits);
  return ja3 ? asked(ja3s_, *ja3) : ListHits();
}

std::size_t ThreatLists::memory_bytes() const {
  std::set<const ThreatList*> seen;
  std::size_t sum = 0;
  for (const Member& member : members_) {
    if (seen.insert(member.list.get()).second) sum += member.list->memory_bytes();
  }
  return sum;
}

}  // namespace millrace::firewall::inspection
