// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/symmetric_rss.h"

#include <algorithm>
#include <numeric>

#include <rte_ethdev.h>

#include "common/core/owner.h"

namespace millrace::core {
namespace {

constexpr std::uint8_t kUsualKeySize = 40;  // of a device that does not say

// "0x6d5a" over and over: see owner.h.
std::vector<std::uint8_t> symmetric_key(std::uint8_t size) {
  std::vector<std::uint8_t> key(size);
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::uint8_t>(i % 2 == 0 ? kSymmetricRssWord >> 8 : kSymmetricRssWord & 0xff);
  }
  return key;
}

using Table = std::vector<rte_eth_rss_reta_entry64>;

Table all_of_a_table(unsigned size) {
  Table table((size + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
  for (unsigned entry = 0; entry < size; ++entry) {
    table[entry / RTE_ETH_RETA_GROUP_SIZE].mask |= std::uint64_t{1} << entry % RTE_ETH_RETA_GROUP_SIZE;
  }
  return table;
}

std::uint16_t& at(Table& table, unsigned entry) {
  return table[entry / RTE_ETH_RETA_GROUP_SIZE].reta[entry % RTE_ETH_RETA_GROUP_SIZE];
}

// Whether every hash leads to a queue of its owner. A device takes the hash modulo the size of its table.
bool leads_to_owners(Table& table, unsigned size, unsigned workers) {
  const unsigned period = std::lcm(size, kOwnerBuckets);
  for (unsigned hash = 0; hash < period; ++hash) {
    if (at(table, hash % size) % workers != owner_of(hash, workers)) return false;
  }
  return true;
}

}  // namespace

void SymmetricRss::ask(const rte_eth_dev_info& info, rte_eth_conf& settings) {
  functions_ =
      info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP);
  if (functions_ == 0) return;
  // Drivers take a key of their device's size only, or go on with one of their own.
  key_ = symmetric_key(info.hash_key_size == 0 ? kUsualKeySize : info.hash_key_size);
  table_size_ = info.reta_size;
  settings.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  settings.rx_adv_conf.rss_conf.rss_key = key_.data();
  settings.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key_.size());
  settings.rx_adv_conf.rss_conf.rss_hf = functions_;
}

bool SymmetricRss::spread(std::uint16_t port, std::uint16_t queues, unsigned workers) {
  if (!asked()) return false;
  const bool hashed = hashes_as_asked(port);
  return redirect(port, queues, workers) && hashed;
}

bool SymmetricRss::hashes_as_asked(std::uint16_t port) {
  constexpr std::uint64_t kNeeded = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                                    RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
  const auto size = static_cast<std::uint8_t>(key_.size());
  const auto agrees = [&] {
    std::vector<std::uint8_t> key(size);
    rte_eth_rss_conf found{};
    found.rss_key = key.data();
    found.rss_key_len = size;
    return rte_eth_dev_rss_hash_conf_get(port, &found) == 0 && key == key_ &&
           (found.rss_hf & kNeeded) == kNeeded;
  };
  if (agrees()) return true;
  // Some drivers do not look at the key they are configured with.
  rte_eth_rss_conf wanted{};
  wanted.rss_key = key_.data();
  wanted.rss_key_len = size;
  wanted.rss_hf = functions_;
  return rte_eth_dev_rss_hash_update(port, &wanted) == 0 && agrees();
}

bool SymmetricRss::redirect(std::uint16_t port, std::uint16_t queues, unsigned workers) {
  if (table_size_ == 0) return false;
  Table table = all_of_a_table(table_size_);
  for (unsigned entry = 0; entry < table_size_; ++entry) {
    at(table, entry) = static_cast<std::uint16_t>(owner_of(entry, workers) % queues);
  }
  if (rte_eth_dev_rss_reta_update(port, table.data(), table_size_) != 0) return false;
  Table found = all_of_a_table(table_size_);
  return rte_eth_dev_rss_reta_query(port, found.data(), table_size_) == 0 &&
         leads_to_owners(found, table_size_, workers);
}

}  // namespace millrace::core
