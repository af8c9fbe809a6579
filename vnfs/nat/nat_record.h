// SPDX-License-Identifier: BSD-3-Clause
// What the data path noted as people and collectors read it: names beside the numbers, wall clock instead of
// the time-stamp counter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/control/flow_log/event_clock.h"
#include "vnfs/nat/nat_event.h"

namespace millrace::nat {

// By number. One that is not there is told as "#7".
struct NatNames {
  std::vector<std::string> domains;
  std::vector<std::string> pools;
};

struct NatRecord {
  NatEvent event;
  control::WallTime time{};
  net::IpAddress inside;
  std::string domain;
  std::string outside_domain;
  std::string pool;         // of refusals
  std::string_view reason;  // in_snake_case, why a session ended or was refused; of static storage
};

[[nodiscard]] NatRecord to_record(const NatEvent& event, const control::EventClock& clock,
                                  const NatNames& names);

}  // namespace millrace::nat
