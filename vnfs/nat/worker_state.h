// SPDX-License-Identifier: BSD-3-Clause
// What one worker of the NAT gateway owns. Nothing here is shared, so nothing here is locked.
#pragma once

#include <array>
#include <cstdint>

#include "common/core/function.h"
#include "common/flow/table_sweep.h"
#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/nat_event_log.h"
#include "vnfs/nat/policy.h"

namespace millrace::nat {

struct WorkerState {
  static constexpr std::uint32_t kEvents = 16'384;  // that wait to be read

  WorkerState(const BindingTable::Limits& limits, const AddressBook& book, const core::WorkerServices& lent,
              std::uint32_t events_that_wait = kEvents)
      : services(lent),
        bindings(limits, lent.seed, book, lent.now),
        events(events_that_wait, bindings, book, lent.worker.value()),
        sweep(lent.now) {
    bindings.observe(&events);
  }
  WorkerState(const WorkerState&) = delete;
  WorkerState& operator=(const WorkerState&) = delete;

  core::WorkerServices services;
  BindingTable bindings;
  NatEventLog events;      // it observes the bindings
  flow::TableSweep sweep;  // over subscribers

  // From FindBinding to the later stages, for the batch in hand.
  std::array<Lookup, core::Batch::kMaxSize> lookups;
  std::uint64_t unsettled = 0;  // lanes without a session, or with one of another policy
  std::uint64_t related = 0;    // lanes that carry an ICMP error about a known session
  std::uint64_t bound = 0;      // lanes with a session: to be translated
};

}  // namespace millrace::nat
