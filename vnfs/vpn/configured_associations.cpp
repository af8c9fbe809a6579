// SPDX-License-Identifier: BSD-3-Clause
// What the profile says in place of key exchange.
#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "vnfs/vpn/association_keeper.h"

namespace millrace::vpn {
namespace {

// Tells one association of the profile from another with the same number. Not 0.
std::uint64_t print_of(const AssociationSpec& spec) {
  std::string all = fmt::format("{} {} {} {} {} {} {} {} {} {} {}", spec.local.to_string(),
                                spec.key.remote.to_string(), static_cast<int>(spec.mode),
                                static_cast<int>(spec.suite.cipher), static_cast<int>(spec.suite.integrity),
                                spec.extended, spec.window, spec.udp ? spec.udp->local : 0,
                                spec.udp ? spec.udp->remote : 0, spec.tunnel, spec.interface);
  for (const Selector& selector : spec.selectors)
    all += fmt::format(" {} {} {} {} {} {} {}", selector.local.to_string(), selector.remote.to_string(),
                       selector.protocol, selector.local_ports.first, selector.local_ports.last,
                       selector.remote_ports.first, selector.remote_ports.last);
  for (const Bytes key : {spec.cipher_key.bytes(), spec.integrity_key.bytes()})
    all.append(reinterpret_cast<const char*>(key.data()), key.size());
  const std::uint64_t print = std::hash<std::string>{}(all);
  OPENSSL_cleanse(all.data(), all.size());
  return print == 0 ? 1 : print;
}

}  // namespace

Result<void> AssociationKeeper::configure(std::vector<AssociationSpec> associations,
                                          const std::vector<PolicySpec>& policies) {
  std::map<AssociationKey, Entry> made;
  std::vector<AssociationKey> kept;
  const auto undo = [&](Error error) {
    coming_.clear();
    for (const auto& [key, entry] : made) give_back(entry);
    return tl::unexpected(std::move(error));
  };
  coming_.clear();
  for (const AssociationSpec& spec : associations) {
    if (!spec.key.outbound) coming_[spec.tunnel] = spec.key.spi;
  }
  for (AssociationSpec& spec : associations) {
    const AssociationKey key = plain(spec.key);
    const std::uint64_t print = print_of(spec);
    Entries& all = entries(key.outbound);
    const auto before = all.find(key);
    if (before != all.end() && before->second.print == print) {
      kept.push_back(key);
      continue;
    }
    if (made.contains(key)) return undo({"add the " + describe(spec.key), "the profile has it twice", {}});
    auto entry = make(spec, print);
    if (!entry) return undo(std::move(entry.error()));
    made.emplace(key, std::move(*entry));
  }
  std::ranges::sort(kept);
  for (Entries* all : {&inbound_, &outbound_}) {
    std::erase_if(*all, [&](const auto& association) {
      const bool gone =
          made.contains(association.first) ||
          (association.second.print != 0 && !std::ranges::binary_search(kept, association.first));
      if (gone) give_back(association.second);
      return gone;
    });
  }
  coming_.clear();
  for (auto& [key, entry] : made) entries(key.outbound).insert_or_assign(key, std::move(entry));
  note_all_changed();
  std::erase_if(policies_, [](const auto& policy) { return policy.second.of_profile; });
  for (const PolicySpec& policy : policies) policies_[policy.key()] = {.spec = policy, .of_profile = true};
  publish();
  return {};
}

}  // namespace millrace::vpn
