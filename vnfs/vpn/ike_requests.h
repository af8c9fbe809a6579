// SPDX-License-Identifier: BSD-3-Clause
// The plugin's messages as calls of the gateway, and what is to be told after either side was away. No socket
// here. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "vnfs/vpn/ike_messages.h"
#include "vnfs/vpn/key_exchange.h"

namespace millrace::vpn::ike {

class Requests {
 public:
  // The gateway outlives it.
  explicit Requests(Gateway& gateway) : gateway_(gateway) {}

  struct Reply {
    std::vector<Message> messages;     // the answer, and events that waited for a plugin
    bool close = false;                // after them
    std::string log;                   // for the operator; empty: nothing to say
    std::optional<Trouble> trouble{};  // with a peer
  };
  // `message` may hold keys: whoever owns it wipes it.
  [[nodiscard]] Reply take(Bytes message);

  // The plugin has gone. Nothing changes for the gateway.
  void disconnected();

  // Said hello. What it holds may still be on its way.
  [[nodiscard]] bool greeted() const noexcept { return greeted_; }
  // Told everything. Before that, events are kept: the newest of each association.
  [[nodiscard]] bool synchronized() const noexcept { return synchronized_; }
  void keep_expired(const AssociationKey& which, std::uint32_t tunnel, bool hard);
  void keep_mapping(const AssociationKey& which, std::uint32_t tunnel, const net::IpAddress& remote,
                    std::uint16_t remote_port);

  static constexpr std::size_t kMostKept = 65536;  // events

 private:
  enum class Event : std::uint8_t { kSoft, kHard, kMapping };

  Answer answer(Hello& hello, Reply& reply);
  Answer answer(AllocateSpi& request, Reply& reply);
  Answer answer(AddAssociation& request, Reply& reply);
  Answer answer(MoveAssociation& request, Reply& reply);
  Answer answer(RemoveAssociation& request, Reply& reply);
  Answer answer(QueryAssociation& request, Reply& reply);
  Answer answer(AddPolicy& request, Reply& reply);
  Answer answer(RemovePolicy& request, Reply& reply);
  Answer answer(QueryPolicy& request, Reply& reply);
  Answer answer(FlushAssociations& request, Reply& reply);
  Answer answer(FlushPolicies& request, Reply& reply);
  Answer answer(ResyncBegin& request, Reply& reply);
  Answer answer(ResyncEnd& request, Reply& reply);
  Answer answer(Trouble& request, Reply& reply);
  void keep(const AssociationKey& which, Event event, Message message);

  Gateway& gateway_;
  bool greeted_ = false;
  bool resyncing_ = false;
  bool synchronized_ = false;
  std::vector<AssociationKey> told_;  // in this resync
  std::vector<PolicyKey> told_policies_;
  std::map<std::pair<AssociationKey, Event>, Message> kept_;
};

}  // namespace millrace::vpn::ike
