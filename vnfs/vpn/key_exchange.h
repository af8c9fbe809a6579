// SPDX-License-Identifier: BSD-3-Clause
// What key exchange and the gateway say to each other. All on the control thread.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/result.h"
#include "vnfs/vpn/association_spec.h"

namespace millrace::vpn {

// The gateway's side. Errors name what was wrong, and nothing that ran before is lost.
class Gateway {
 public:
  virtual ~Gateway() = default;

  // A number for an inbound association that is to come; others are refused. It is kept for a few minutes.
  [[nodiscard]] virtual Result<std::uint32_t> allocate_spi() = 0;
  virtual Result<void> add(AssociationSpec association) = 0;
  virtual Result<void> move(const AssociationKey& which, const AssociationMove& to) = 0;
  // What is removed, an association or a policy, goes on for a second, for what is on its way, and until the
  // next takes its place.
  virtual Result<void> remove(const AssociationKey& which) = 0;
  [[nodiscard]] virtual Result<AssociationUse> use_of(const AssociationKey& which) = 0;
  // Takes the place of a policy with the same key.
  virtual Result<void> add(const PolicySpec& policy) = 0;
  virtual Result<void> remove(const PolicyKey& which) = 0;
  // Seconds since a packet met the policy.
  [[nodiscard]] virtual Result<std::uint64_t> idle_seconds_of(const PolicyKey& which) = 0;
  // All that key exchange has told, and not what the profile says.
  virtual void flush_associations() = 0;
  virtual void flush_policies() = 0;
  // Key exchange has come back and told all it knows. What it did not name ends after a time of grace, in
  // which the tunnels of one that has crashed carry packets until there are new ones.
  virtual void keep_only(const std::vector<AssociationKey>& associations,
                         const std::vector<PolicyKey>& policies) = 0;
  // What changes from here on takes effect at once, when this is called with false: many changes cost as one.
  virtual void hold(bool held) = 0;
};

// Key exchange's side: what the gateway tells it.
class KeyExchange {
 public:
  virtual ~KeyExchange() = default;

  // A limit was reached; at the hard one the association is gone.
  virtual void expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) = 0;
  // A packet met a policy that has no association yet; its ends.
  virtual void acquire(std::uint32_t tunnel, const Selector& packet) = 0;
  // Genuine packets of an inbound association come from elsewhere: RFC 7296 section 2.23.
  virtual void mapping_changed(const AssociationKey& which, std::uint32_t tunnel,
                               const net::IpAddress& remote, std::uint16_t remote_port) = 0;
};

}  // namespace millrace::vpn
