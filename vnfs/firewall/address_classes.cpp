// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/address_classes.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace millrace::firewall {
namespace {

using net::Uint128;

// A prefix of either family with its bits at the top, so that order and containment are integer arithmetic.
struct Item {
  Uint128 bits;
  std::uint32_t group;
  std::uint8_t length;
  net::Family family;

  [[nodiscard]] bool same_prefix(const Item& other) const noexcept {
    return bits == other.bits && length == other.length && family == other.family;
  }
  [[nodiscard]] bool contains(const Item& other) const noexcept {
    return family == other.family && length <= other.length &&
           (length == 0 || ((bits ^ other.bits) >> (128 - length)) == 0);
  }
  [[nodiscard]] net::Prefix prefix() const noexcept {
    if (family == net::Family::kIpv4) {
      return {net::Ipv4Address{be32(static_cast<std::uint32_t>(bits >> 96))}, length};
    }
    net::Ipv6Address v6;
    for (unsigned i = 0; i < 16; ++i) v6.bytes[i] = static_cast<std::uint8_t>(bits >> (120 - 8 * i));
    return {v6, length};
  }
};

Item item_of(const net::Prefix& prefix, std::uint32_t group) {
  const net::Ipv6Address all{prefix.address.bytes()};  // an IPv4 address lies in the first four bytes
  return {(Uint128{all.high()} << 64) | all.low(), group, prefix.length, prefix.address.family()};
}

// Numbers the sets of groups met, and remembers what one more group makes of each.
class ClassNumbers {
 public:
  explicit ClassNumbers(std::vector<std::vector<std::uint32_t>>& groups_of) : groups_of_(groups_of) {
    groups_of_.assign(1, {});
    number_.emplace(groups_of_[0], 0);
  }

  std::uint32_t extended(std::uint32_t class_id, std::uint32_t group) {
    const auto [known, is_new] = extended_.try_emplace((std::uint64_t{class_id} << 32) | group, class_id);
    if (!is_new) return known->second;
    std::vector<std::uint32_t> groups = groups_of_[class_id];
    const auto place = std::lower_bound(groups.begin(), groups.end(), group);
    if (place != groups.end() && *place == group) return class_id;
    groups.insert(place, group);
    const auto [number, is_first] =
        number_.try_emplace(groups, static_cast<std::uint32_t>(groups_of_.size()));
    if (is_first) groups_of_.push_back(std::move(groups));
    known->second = number->second;
    return known->second;
  }

 private:
  std::vector<std::vector<std::uint32_t>>& groups_of_;
  std::map<std::vector<std::uint32_t>, std::uint32_t> number_;
  std::unordered_map<std::uint64_t, std::uint32_t> extended_;
};

}  // namespace

AddressClasses::AddressClasses(std::span<const Group> groups) {
  std::vector<Item> items;
  std::size_t total = 0;
  for (const Group& group : groups) total += group.size();
  items.reserve(total);
  for (std::uint32_t group = 0; group < groups.size(); ++group) {
    for (const net::Prefix& prefix : groups[group]) items.push_back(item_of(prefix, group));
  }
  std::sort(items.begin(), items.end(), [](const Item& a, const Item& b) {
    if (a.family != b.family) return a.family < b.family;
    if (a.bits != b.bits) return a.bits < b.bits;
    return a.length < b.length;
  });

  struct Open {
    Item item;
    std::uint32_t class_id;
  };
  std::vector<Open> around;  // the prefixes that hold the current one, the longest last
  ClassNumbers numbers(groups_of_);
  for (std::size_t i = 0; i < items.size();) {
    const Item& item = items[i];
    while (!around.empty() && !around.back().item.contains(item)) around.pop_back();
    const std::uint32_t outside = around.empty() ? 0 : around.back().class_id;
    std::uint32_t class_id = outside;
    for (; i < items.size() && items[i].same_prefix(item); ++i) {
      class_id = numbers.extended(class_id, items[i].group);
    }
    if (class_id == outside) continue;  // says nothing new
    members_.push_back({item.prefix(), class_id});
    around.push_back({item, class_id});
  }
}

net::PrefixTable AddressClasses::table(std::span<const std::uint32_t> value_of_class) const {
  std::vector<net::PrefixTable::Entry> entries;
  entries.reserve(members_.size() + 2);
  entries.push_back({{net::Ipv4Address{}, 0}, value_of_class[0]});
  entries.push_back({{net::Ipv6Address{}, 0}, value_of_class[0]});
  for (const Member& member : members_) entries.push_back({member.prefix, value_of_class[member.class_id]});
  return net::PrefixTable(entries);
}

}  // namespace millrace::firewall
