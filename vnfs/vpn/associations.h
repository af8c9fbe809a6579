// SPDX-License-Identifier: BSD-3-Clause
// All associations and policies in force at one moment. Immutable; the control thread makes the next one and
// hands it to the workers by a Directory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/base/number_table.h"
#include "common/base/replaceable.h"
#include "common/base/serial.h"
#include "common/net/prefix_table.h"
#include "vnfs/vpn/association.h"

namespace millrace::vpn {

// A policy of the security policy database (RFC 4301 section 4.4.1), as packets meet it.
struct Rule {
  SelectorMatch match;
  Action action = Action::kProtect;
  std::uint32_t tunnel = 0;
  const Outbound* outbound = nullptr;  // null: there is no association yet, or none is asked for
  // Those that share the tunnel's packets, when there are several: in PolicyIndex.
  std::uint32_t first_sharer = 0;
  std::uint32_t sharers = 0;
};

using InboundPtr = std::shared_ptr<const Inbound>;
using OutboundPtr = std::shared_ptr<const Outbound>;
// Shared by sets of associations that have the same ones. Outbound ones in the order of their numbers.
template <class Ptr>
using List = std::shared_ptr<const std::vector<Ptr>>;

// All policies, and the associations that packets leave by. A set of associations shares it with the next one
// when neither has changed: it takes longest to make.
class PolicyIndex {
 public:
  PolicyIndex() = default;
  // `outbound`: those that policies may name. `sharing`: in the order of sharer_group(), those of them that
  // share the packets of a tunnel.
  PolicyIndex(std::vector<PolicySpec> policies, List<OutboundPtr> outbound,
              std::vector<const Outbound*> sharing = {});

  // The first policy that means the packet; null when none does.
  [[nodiscard]] const Rule* find(const Ends& ends) const noexcept {
    if (rules_.empty()) return nullptr;
    const std::uint32_t group = ends.family == 4 ? by_remote_.lookup(ends.remote_address().v4())
                                                 : by_remote_.lookup(ends.remote_address().v6());
    return group == net::PrefixTable::kNoMatch ? nullptr : first_of(groups_[group], ends);
  }
  // The same of those of an interface.
  [[nodiscard]] const Rule* find(std::uint32_t interface, const Ends& ends) const noexcept {
    return first_of(by_interface_.find(interface), ends);
  }
  // Of a rule that has several.
  [[nodiscard]] std::span<const Outbound* const> sharers(const Rule& rule) const noexcept {
    return std::span(sharing_).subspan(rule.first_sharer, rule.sharers);
  }
  [[nodiscard]] const std::vector<PolicySpec>& policies() const noexcept { return policies_; }

 private:
  struct Group {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  [[nodiscard]] const Rule* first_of(const Group& group, const Ends& ends) const noexcept {
    for (const Rule& rule : std::span(rules_).subspan(group.first, group.count)) {
      if (rule.match.matches(ends)) return &rule;
    }
    return nullptr;
  }
  void index_by_remote();
  void index_by_interface();
  Group add_group(std::span<const PolicySpec* const> candidates);
  void share(Rule& rule) const;

  std::vector<PolicySpec> policies_;
  List<OutboundPtr> outbound_;  // kept for the rules
  std::vector<const Outbound*> sharing_;
  net::PrefixTable by_remote_;  // to a group: the policies that may mean packets of that remote address
  NumberTable<Group> by_interface_;
  std::vector<Group> groups_;
  std::vector<Rule> rules_;  // by group; in each the one that goes first stands first
};

class Associations {
 public:
  struct Content {
    // None is null.
    List<InboundPtr> inbound = std::make_shared<const std::vector<InboundPtr>>();
    List<OutboundPtr> outbound = std::make_shared<const std::vector<OutboundPtr>>();
    std::shared_ptr<const PolicyIndex> policies = std::make_shared<const PolicyIndex>();
  };

  Associations() : Associations(Content{}) {}
  explicit Associations(Content content);

  Serial serial;

  // Null when no inbound association has the number.
  [[nodiscard]] const Inbound* find(std::uint32_t spi) const noexcept { return by_spi_.find(spi); }
  // The same of an outbound one, whose number is the peer's choice. Seldom asked for.
  [[nodiscard]] const Outbound* find(std::uint32_t spi, const net::IpAddress& remote) const noexcept;
  // The first policy that means the packet; null when none does.
  [[nodiscard]] const Rule* find(const Ends& ends) const noexcept { return content_.policies->find(ends); }
  // The same of those of an interface (AssociationSpec::interface).
  [[nodiscard]] const Rule* find(std::uint32_t interface, const Ends& ends) const noexcept {
    return content_.policies->find(interface, ends);
  }
  [[nodiscard]] std::span<const Outbound* const> sharers(const Rule& rule) const noexcept {
    return content_.policies->sharers(rule);
  }
  [[nodiscard]] bool has_policies() const noexcept { return !content_.policies->policies().empty(); }
  [[nodiscard]] const Content& content() const noexcept { return content_; }

 private:
  Content content_;
  NumberTable<const Inbound*> by_spi_;
};

// Where all workers find what is in force. Outlives them.
using Directory = Replaceable<Associations>;

}  // namespace millrace::vpn
