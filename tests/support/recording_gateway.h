// SPDX-License-Identifier: BSD-3-Clause
// A gateway of the VPN that carries no packets: it keeps what it is told, and says so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "vnfs/vpn/ike_messages.h"
#include "vnfs/vpn/key_exchange.h"

namespace millrace::test {

class RecordingGateway : public vpn::Gateway {
 public:
  using Key = vpn::AssociationKey;
  using PolicyKey = vpn::PolicyKey;

  std::map<Key, vpn::AssociationSpec> associations;  // inbound ones without the remote address
  std::map<PolicyKey, vpn::PolicySpec> policies;
  std::vector<std::string> calls;  // "add", "keep_only 2"
  std::uint32_t next_spi = 0xc0000001;
  vpn::AssociationUse use{.bytes = 11, .packets = 22, .idle_seconds = 33};
  bool full = false;  // refuses what is added

  static Key plain(const Key& key) {
    return key.outbound ? key : Key{.outbound = false, .spi = key.spi, .remote = {}};
  }

  Result<std::uint32_t> allocate_spi() override {
    calls.emplace_back("allocate_spi");
    if (full) return failure("allocate a number", "all are in use");
    return next_spi++;
  }
  Result<void> add(vpn::AssociationSpec spec) override {
    calls.emplace_back("add");
    if (full) return failure("add", "there is no room");
    const Key key = plain(spec.key);
    if (associations.contains(key)) return failure("add", "it is there already");
    associations.emplace(key, std::move(spec));
    return {};
  }
  Result<void> move(const Key& which, const vpn::AssociationMove& to) override {
    calls.emplace_back("move");
    auto found = associations.extract(plain(which));
    if (found.empty()) return failure("move", "there is none");
    found.mapped().local = to.local;
    found.mapped().key.remote = to.remote;
    found.mapped().udp = to.udp;
    found.key() = plain(found.mapped().key);
    associations.insert(std::move(found));
    return {};
  }
  Result<void> remove(const Key& which) override {
    calls.emplace_back("remove");
    if (associations.erase(plain(which)) == 0) return failure("remove", "there is none");
    return {};
  }
  Result<vpn::AssociationUse> use_of(const Key& which) override {
    if (!associations.contains(plain(which))) return failure("look at it", "there is none");
    return use;
  }
  Result<void> add(const vpn::PolicySpec& policy) override {
    calls.emplace_back("add_policy");
    policies[policy.key()] = policy;
    return {};
  }
  Result<void> remove(const PolicyKey& which) override {
    calls.emplace_back("remove_policy");
    if (policies.erase(which) == 0) return failure("remove a policy", "there is none");
    return {};
  }
  Result<std::uint64_t> idle_seconds_of(const PolicyKey& which) override {
    if (!policies.contains(which)) return failure("look at a policy", "there is none");
    return use.idle_seconds;
  }
  void flush_associations() override {
    calls.emplace_back("flush_associations");
    associations.clear();
  }
  void flush_policies() override {
    calls.emplace_back("flush_policies");
    policies.clear();
  }
  void keep_only(const std::vector<Key>& known, const std::vector<PolicyKey>& known_policies) override {
    calls.push_back("keep_only " + std::to_string(known.size()));
    std::erase_if(policies, [&](const auto& one) {
      return std::ranges::find(known_policies, one.first) == known_policies.end();
    });
    std::erase_if(associations, [&](const auto& one) {
      for (const Key& key : known) {
        if (plain(key) == one.first) return false;
      }
      return true;
    });
  }
  void hold(bool held) override { calls.emplace_back(held ? "hold" : "release"); }
};

}  // namespace millrace::test
