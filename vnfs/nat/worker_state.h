// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>

#include "common/core/function.h"
#include "common/core/ipv4_ids.h"
#include "common/flow/table_sweep.h"
#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/nat_event_log.h"
#include "vnfs/nat/pcp_message.h"
#include "vnfs/nat/policy.h"
#include "vnfs/nat/waiting_syns.h"

namespace millrace::nat {

// Seconds since there is state: RFC 6887 section 8.5. Ticks wrap, this does not.
class Epoch {
 public:
  explicit Epoch(Tick now) noexcept : last_(now) {}
  void advance(Tick now) noexcept {
    if (!tick_after(now, last_)) return;
    elapsed_ms_ += now - last_;
    last_ = now;
  }
  [[nodiscard]] std::uint32_t seconds() const noexcept {
    return static_cast<std::uint32_t>(elapsed_ms_ / 1000);
  }

 private:
  std::uint64_t elapsed_ms_ = 0;
  Tick last_;
};

// What one worker of the NAT gateway owns. Nothing here is shared, so nothing here is locked.
struct WorkerState {
  static constexpr std::uint32_t kEvents = 16'384;  // that wait to be read

  WorkerState(const BindingTable::Limits& limits, const AddressBook& book, const core::WorkerServices& lent,
              std::uint32_t events_that_wait = kEvents)
      : services(lent),
        bindings(limits, lent.seed, book, lent.now, {.worker = lent.worker.value(), .workers = lent.workers}),
        events(events_that_wait, bindings, book, lent.worker.value()),
        sweep(lent.now),
        session_sweep(lent.now),
        lease_sweep(lent.now),
        epoch(lent.now),
        ipv4_ids(lent.seed, lent.worker.value(), lent.workers) {
    bindings.observe(&events);
  }
  WorkerState(const WorkerState&) = delete;
  WorkerState& operator=(const WorkerState&) = delete;

  core::WorkerServices services;
  BindingTable bindings;
  NatEventLog events;      // it observes the bindings
  flow::TableSweep sweep;  // over subscribers
  flow::TableSweep session_sweep;
  std::uint16_t swept_generation = 0;
  Tick sweep_until = 0;
  flow::TableSweep lease_sweep;  // over what was asked for
  WaitingSyns waiting_syns;
  Epoch epoch;
  core::Ipv4Ids ipv4_ids;
  pcp::Message response;  // of PCP, in hand

  // From FindBinding to the later stages, for the batch in hand.
  std::array<Lookup, core::Batch::kMaxSize> lookups;
  std::uint64_t unsettled = 0;  // lanes without a session, or with one of another policy
  std::uint64_t related = 0;    // lanes that carry an ICMP error about a known session
  std::uint64_t bound = 0;      // lanes with a session: to be translated
  std::uint64_t mixed = 0;      // lanes with a session between an IPv6 and an IPv4 host, errors included
  std::uint64_t watched = 0;    // lanes with a session of which an ALG has a record, errors not included
};

}  // namespace millrace::nat
