// SPDX-License-Identifier: BSD-3-Clause
// Addresses no packet on a wire can have: RFC 1122 section 3.2.1.3, RFC 6890, RFC 4291 section 2.
#include "tests/support/scenario.h"

namespace millrace::testing {
namespace {

std::vector<Scenario> addresses_scenarios() {
  std::vector<Scenario> list;
  const auto refuse = [&](const std::string& name, std::string_view from, std::string_view to,
                          core::Drop reason) {
    const bool v6 = from.find(':') != std::string_view::npos;
    const auto one = received_on((v6 ? packet().ipv6(from, to) : packet().ipv4(from, to)).udp(1, 2), kTrust);
    list.push_back(scenario(name).refused(kInside, one, reason));
  };
  refuse("loopback source v4", "127.0.0.1", kServer, core::Drop::kMartianSource);
  refuse("loopback network source v4", "127.255.0.9", kServer, core::Drop::kMartianSource);
  refuse("zero source v4", "0.0.0.0", kServer, core::Drop::kMartianSource);
  refuse("this network source v4", "0.1.2.3", kServer, core::Drop::kMartianSource);
  refuse("multicast source v4", "224.0.0.1", kServer, core::Drop::kMartianSource);
  refuse("reserved source v4", "240.0.0.1", kServer, core::Drop::kMartianSource);
  refuse("broadcast source v4", "255.255.255.255", kServer, core::Drop::kMartianSource);
  refuse("loopback destination v4", kClient, "127.0.0.1", core::Drop::kMartianDestination);
  refuse("zero destination v4", kClient, "0.0.0.0", core::Drop::kMartianDestination);
  refuse("land v4", kServer, kServer, core::Drop::kLand);
  refuse("loopback source v6", "::1", kServer6, core::Drop::kMartianSource);
  refuse("multicast source v6", "ff02::1", kServer6, core::Drop::kMartianSource);
  refuse("loopback destination v6", kClient6, "::1", core::Drop::kMartianDestination);
  refuse("unspecified destination v6", kClient6, "::", core::Drop::kMartianDestination);
  refuse("land v6", kServer6, kServer6, core::Drop::kLand);
  // RFC 4291 section 2.5.2: a router must not forward a packet whose source is unspecified; section 2.5.6:
  // nor one whose source or destination is link-local.
  refuse("unspecified source v6", "::", kServer6, core::Drop::kMartianSource);
  refuse("link-local source v6", "fe80::1", kServer6, core::Drop::kMartianSource);
  return list;
}

MILLRACE_SCENARIOS(Addresses, addresses_scenarios());

}  // namespace
}  // namespace millrace::testing
