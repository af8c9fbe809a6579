// SPDX-License-Identifier: BSD-3-Clause
// What is known to be bad: lists of addresses, domains, URLs and JA3 hashes, each with a name, asked for what
// a session shows. Immutable: any number of threads may ask. Made on the control thread, by
// load_threat_lists() of threat_list_files.h.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/siphash.h"
#include "common/net/address.h"
#include "vnfs/firewall/inspection/address_list.h"
#include "vnfs/firewall/inspection/domain_list.h"
#include "vnfs/firewall/inspection/ja3_list.h"
#include "vnfs/firewall/inspection/list_kind.h"
#include "vnfs/firewall/inspection/url_list.h"

namespace millrace::firewall::inspection {

// A line of a file that is not in force.
struct BadLine {
  std::uint32_t line = 0;
  std::string reason;  // what is wrong, and what would be right
};

// What one file holds. Shared by all ThreatLists that were made from the same text.
struct ThreatList {
  using Entries = std::variant<AddressList, DomainList, UrlList, Ja3List>;  // in the order of ListKind

  Entries entries;
  std::uint64_t text_hash = 0;  // under the seed
  std::size_t text_bytes = 0;
  std::size_t bad_lines = 0;
  std::vector<BadLine> told;  // the first of them

  [[nodiscard]] ListKind kind() const noexcept { return static_cast<ListKind>(entries.index()); }
  [[nodiscard]] std::size_t size() const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
};

// The numbers of some lists, by their order.
class ListHits {
 public:
  static constexpr std::size_t kMostLists = 64;

  constexpr ListHits() noexcept = default;

  constexpr void add(std::size_t list) noexcept { bits_ |= std::uint64_t{1} << list; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr std::size_t count() const noexcept {
    return static_cast<std::size_t>(std::popcount(bits_));
  }
  [[nodiscard]] constexpr bool has(std::size_t list) const noexcept { return (bits_ >> list & 1U) != 0; }
  // There must be one.
  [[nodiscard]] constexpr std::size_t first() const noexcept {
    return static_cast<std::size_t>(std::countr_zero(bits_));
  }
  // All but the first.
  [[nodiscard]] constexpr ListHits rest() const noexcept {
    ListHits others;
    others.bits_ = bits_ & (bits_ - 1);
    return others;
  }
  constexpr bool operator==(const ListHits&) const noexcept = default;
  [[nodiscard]] friend constexpr ListHits operator|(ListHits a, ListHits b) noexcept {
    a.bits_ |= b.bits_;
    return a;
  }

 private:
  std::uint64_t bits_ = 0;
};

class ThreatLists {
 public:
  struct Member {
    std::string name;
    std::uint8_t action = 0;  // the caller's own, as is the next
    std::uint8_t severity = 0;
    std::shared_ptr<const ThreatList> list;
  };

  ThreatLists() = default;
  // At most ListHits::kMostLists, all made with this seed.
  ThreatLists(std::vector<Member> members, const SipKey& seed);

  // Data path. Bytes are as they were on the wire.
  [[nodiscard]] ListHits find_address(const net::IpAddress& address) const noexcept;
  // A name as in SNI, a query or a Host field, whose port does not matter. Case and a dot behind it do not
  // either. Names longer than DNS has them are below what they end in.
  [[nodiscard]] ListHits find_domain(Bytes host) const noexcept;
  // The Host field with its port, if it has one, and the path as it was asked for, with the query.
  [[nodiscard]] ListHits find_url(Bytes host, Bytes path_and_query) const noexcept;
  // 32 hexadecimal digits.
  [[nodiscard]] ListHits find_ja3(Bytes digits) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] const Member& member(std::size_t list) const noexcept { return members_[list]; }
  // Empty when there is no such list.
  [[nodiscard]] std::string_view name(std::size_t list) const noexcept {
    return list < members_.size() ? std::string_view(members_[list].name) : std::string_view();
  }
  [[nodiscard]] std::span<const Member> members() const noexcept { return members_; }
  [[nodiscard]] const SipKey& seed() const noexcept { return seed_; }
  // Those that lists have in common count once.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  template <class List>
  struct Numbered {
    const List* list;  // of a member
    std::size_t number;
  };
  template <class List>
  using Of = std::vector<Numbered<List>>;
  template <class List, class Sought>
  [[nodiscard]] static ListHits asked(const Of<List>& lists, const Sought& sought) noexcept;

  std::vector<Member> members_;
  SipKey seed_{};
  Of<AddressList> addresses_;
  Of<DomainList> domains_;
  Of<UrlList> urls_;
  Of<Ja3List> ja3s_;
  std::size_t most_labels_ = 0;   // of the domains
  std::size_t longest_path_ = 0;  // of the URLs
};

}  // namespace millrace::firewall::inspection
