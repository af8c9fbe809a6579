// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/rule_matcher.h"

#include <algorithm>

#include "vnfs/firewall/service_space.h"

namespace millrace::firewall {

void RuleMatcher::find_rows(const RuleKey& key, Rows& rows) const noexcept {
  unsigned count = 0;
  const auto add = [&](std::uint32_t row) {
    rows.row[count++] = bits_.row(row);
    bits_.prefetch(row);
  };
  add(source_.lookup(key.source));
  add(destination_.lookup(key.destination));
  if (uses_destination_port_) add(destination_port_.lookup(service_space::destination(key)));
  if (uses_source_port_) add(source_port_.lookup(service_space::source(key)));
  if (from_.used()) add(from_.row(key.from.value()));
  if (to_.used()) add(to_.row(key.to.value()));
  if (interface_.used()) add(interface_.row(key.interface));
  if (dscp_.used()) add(dscp_.row(key.dscp));
  if (tcp_flags_.used()) add(tcp_flags_.row(service_space::tcp_flags(key)));
  if (application_.used()) add(application_.row(service_space::application(key.application)));
}

RuleIndex RuleMatcher::first_rule(const Rows& rows) const noexcept {
  // The usual counts as constants, so that the loops over dimensions unroll.
  const auto find = [&](unsigned count) { return bits_.first_common(rows.row, count); };
  std::uint32_t entry = BitRows::kNone;
  switch (dimensions_) {
    case 2:
      entry = find(2);
      break;
    case 3:
      entry = find(3);
      break;
    case 4:
      entry = find(4);
      break;
    case 5:
      entry = find(5);
      break;
    case 6:
      entry = find(6);
      break;
    default:
      entry = find(dimensions_);
  }
  return entry == BitRows::kNone ? RuleIndex::none() : RuleIndex(rule_of_entry_[entry]);
}

RuleIndex RuleMatcher::match(const RuleKey& key) const noexcept {
  if (dimensions_ == 0) return RuleIndex::none();
  Rows rows;
  find_rows(key, rows);
  return first_rule(rows);
}

void RuleMatcher::match(std::span<const RuleKey> keys, std::span<RuleIndex> out) const noexcept {
  if (dimensions_ == 0) {
    std::fill(out.begin(), out.end(), RuleIndex::none());
    return;
  }
  Rows rows[kBatch];
  for (std::size_t at = 0; at < keys.size(); at += kBatch) {
    const std::size_t count = std::min(kBatch, keys.size() - at);
    for (std::size_t i = 0; i < count; ++i) {
      source_.prefetch(keys[at + i].source);
      destination_.prefetch(keys[at + i].destination);
    }
    for (std::size_t i = 0; i < count; ++i) find_rows(keys[at + i], rows[i]);
    for (std::size_t i = 0; i < count; ++i) out[at + i] = first_rule(rows[i]);
  }
}

}  // namespace millrace::firewall
