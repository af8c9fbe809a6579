// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/domain_list.h"

#include <algorithm>

namespace millrace::firewall::inspection {

void DomainList::add(const Entry& entry) noexcept {
  const HostSuffixes name(entry.name, seed_);
  if (name.count() == 0) return;
  names_.add(name.hash(name.count() - 1), entry.name, {}, entry.scope);
  least_labels_ = std::min(least_labels_, name.count());
  most_labels_ = std::max(most_labels_, name.count());
}

bool DomainList::matches(const HostSuffixes& host) const noexcept {
  const std::size_t end = std::min(host.count(), most_labels_);
  // All on their way at once: each is a cache line from far away.
  for (std::size_t i = least_labels_; i <= end; ++i) names_.prefetch(host.hash(i - 1));
  for (std::size_t i = least_labels_; i <= end; ++i) {
    const std::uint8_t wanted = host.is_whole(i - 1) ? kItself : kBelow;
    if ((names_.find(host.hash(i - 1), host.text(i - 1)) & wanted) != 0) return true;
  }
  return false;
}

}  // namespace millrace::firewall::inspection
