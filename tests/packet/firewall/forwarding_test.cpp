// SPDX-License-Identifier: BSD-3-Clause
// What a router does with a packet: TTL, link header, tags, whose packet it is.
#include "tests/support/networks.h"
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> scenarios() {
  std::vector<Scenario> list;
  for (const Ends& ends : both_families()) {
    const auto add = [&](const std::string& name) -> Scenario& {
      return list.emplace_back(name + "_" + ends.name);
    };
    add("udp passes").passes(kInside, PacketBuilder(ends.client).udp(5000, 53).payload(100));
  }
  return list;
}
MILLRACE_SCENARIOS(Forwarding, scenarios());

}  // namespace
}  // namespace millrace::testing
