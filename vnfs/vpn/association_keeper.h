// SPDX-License-Identifier: BSD-3-Clause
// All security associations and policies, from the moment they are told until they end. Control thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/acceleration/crypto/engine.h"
#include "common/core/path_mtus.h"
#include "vnfs/vpn/association_event.h"
#include "vnfs/vpn/associations.h"
#include "vnfs/vpn/key_exchange.h"

namespace millrace::vpn {

// Monotonic.
using Clock = std::chrono::steady_clock;

// "outbound association 0x0001a2b3 to 192.0.2.1", for messages.
[[nodiscard]] std::string describe(const AssociationKey& key);

class AssociationKeeper final : public Gateway {
 public:
  struct Services {
    std::function<void()> synchronize;  // returns when no worker sees what it saw before
    std::function<Clock::time_point()> now;
    std::function<Tick()> tick;  // of the workers' clock
  };
  // `library` outlives it; the others are the workers' too.
  AssociationKeeper(crypto::Library& library, std::shared_ptr<Directory> directory,
                    std::shared_ptr<core::PathMtus> path_mtus, Services services);
  ~AssociationKeeper() override;
  AssociationKeeper(const AssociationKeeper&) = delete;
  AssociationKeeper& operator=(const AssociationKeeper&) = delete;

  // Who is told of limits and the like; null: nobody.
  void tell(KeyExchange* key_exchange) noexcept { key_exchange_ = key_exchange; }
  void set_services(Services services) { services_ = std::move(services); }

  [[nodiscard]] Result<std::uint32_t> allocate_spi() override;
  Result<void> add(AssociationSpec association) override;
  Result<void> move(const AssociationKey& which, const AssociationMove& to) override;
  Result<void> remove(const AssociationKey& which) override;
  [[nodiscard]] Result<AssociationUse> use_of(const AssociationKey& which) override;
  Result<void> add(const PolicySpec& policy) override;
  Result<void> remove(const PolicyKey& which) override;
  [[nodiscard]] Result<std::uint64_t> idle_seconds_of(const PolicyKey& which) override;
  void flush_associations() override;
  void flush_policies() override;
  void keep_only(const std::vector<AssociationKey>& associations,
                 const std::vector<PolicyKey>& policies) override;
  void hold(bool held) override;

  // What the profile says in place of key exchange. Those that it said before and says no more are gone, the
  // others go on as they are. On an error nothing has changed.
  Result<void> configure(std::vector<AssociationSpec> associations, const std::vector<PolicySpec>& policies);

  // What workers told.
  void take(std::span<const AssociationEvent> events);
  // Ends what has lived long enough. Called a few times a second.
  void watch_time();

  [[nodiscard]] std::size_t inbound_count() const noexcept { return inbound_.size(); }
  [[nodiscard]] std::size_t outbound_count() const noexcept { return outbound_.size(); }
  [[nodiscard]] const Associations& in_force() const noexcept { return directory_->get(); }

 private:
  // Of one association: what the workers do not need to know.
  struct Entry {
    std::shared_ptr<const Inbound> inbound;  // one of both
    std::shared_ptr<const Outbound> outbound;
    std::uint64_t print = 0;  // of what the profile said; 0: it was key exchange
    Clock::time_point since;
    std::optional<Clock::time_point> soft;
    std::optional<Clock::time_point> hard;
    bool removed = false;   // goes on until `hard`, and then nobody is told
    bool orphaned = false;  // of a key exchange that is gone: the peer may not have it any more
  };
  struct PolicyEntry {
    PolicySpec spec;
    bool of_profile = false;
    std::optional<Clock::time_point> until{};  // key exchange does not know it any more
    bool removed = false;
  };
  using Entries = std::map<AssociationKey, Entry>;
  using Policies = std::map<PolicyKey, PolicyEntry>;

  [[nodiscard]] static AssociationKey plain(const AssociationKey& key);
  [[nodiscard]] Entries& entries(bool outbound) noexcept { return outbound ? outbound_ : inbound_; }
  [[nodiscard]] Result<Entries::iterator> find(const AssociationKey& which, std::string_view attempt);
  [[nodiscard]] Result<Policies::iterator> find(const PolicyKey& which, std::string_view attempt);
  [[nodiscard]] Result<Entry> make(AssociationSpec& spec, std::uint64_t print);
  [[nodiscard]] std::uint16_t bucket_for(const AssociationSpec& spec) const;
  [[nodiscard]] std::optional<Slot> take_slot(bool outbound);
  void give_back(const Entry& entry);
  void note_change(const AssociationKey& key);
  void note_all_changed();
  [[nodiscard]] List<InboundPtr> list_inbound();
  [[nodiscard]] List<OutboundPtr> list_outbound();
  [[nodiscard]] std::vector<const Outbound*> list_sharing();
  [[nodiscard]] std::shared_ptr<const PolicyIndex> index_policies(const List<OutboundPtr>& outbound);
  void publish();
  void expire(const AssociationKey& key, std::uint32_t tunnel, bool hard);

  crypto::Library& library_;
  std::shared_ptr<Directory> directory_;
  std::shared_ptr<core::PathMtus> path_mtus_;
  Services services_;
  KeyExchange* key_exchange_ = nullptr;
  Entries inbound_;  // keys without a remote address
  Entries outbound_;
  Policies policies_;
  std::map<std::uint32_t, Clock::time_point> promised_;  // numbers that were allocated, and until when
  std::array<std::vector<Slot>, 2> free_slots_;          // by direction
  std::array<std::vector<Slot>, 2> returned_slots_;      // free once no worker sees what had them
  // By tunnel: numbers that a profile in hand gives what comes in, and those in force.
  std::map<std::uint32_t, std::uint32_t> coming_;
  struct Newest {
    std::uint32_t spi = 0;
    std::uint32_t associations = 0;  // of the tunnel, that come in
  };
  std::unordered_map<std::uint32_t, Newest> newest_inbound_;
  std::vector<AssociationKey> named_;             // by policies in force, or sharing their packets; in order
  std::optional<Clock::time_point> next_sharer_;  // when one more association takes a share
  // Since what is in force was made.
  bool inbound_changed_ = false;
  bool outbound_changed_ = false;
  bool policies_changed_ = false;
  bool held_ = false;
  Clock::time_point held_since_{};
  std::mt19937 random_;
  unsigned next_bucket_ = 0;
};

}  // namespace millrace::vpn
