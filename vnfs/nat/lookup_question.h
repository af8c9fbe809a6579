// SPDX-License-Identifier: BSD-3-Clause
// What is asked of lookup(), as values.
#pragma once

#include <cstdint>
#include <optional>

#include "common/control/flow_log/flow_record.h"
#include "common/control/members.h"
#include "common/core/network.h"
#include "common/net/address.h"

namespace millrace::nat {

struct LookupQuestion {
  net::IpAddress address;
  std::optional<std::uint16_t> port;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> domain;  // by its number; of all unless one is given
  control::WallTime now;
  control::WallTime at;  // not after now
};

// From the parameters that lookup.h names. Nothing when some are wrong, which `query` knows then.
[[nodiscard]] std::optional<LookupQuestion> read_question(const core::Network& network,
                                                          control::Members& query);

}  // namespace millrace::nat
