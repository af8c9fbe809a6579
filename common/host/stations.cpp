// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/stations.h"

#include <algorithm>

#include "common/core/decapsulate.h"
#include "common/core/note.h"

namespace millrace::host {

bool StationTable::learn(rte_mbuf& frame, const core::Network& network) {
  const core::Note& note = core::note(&frame);
  if (note.outer_length == 0 || note.interface.value() >= network.interfaces.size() ||
      rte_pktmbuf_headroom(&frame) < note.outer_length || frame.data_len < sizeof(net::EthernetHeader))
    return false;
  const core::Interface& interface = network.interfaces[note.interface.value()];
  const net::MacAddress& mac = rte_pktmbuf_mtod(&frame, const net::EthernetHeader*)->source;
  if (!interface.overlay || mac.is_group() || mac.is_zero()) return false;
  auto& known = stations_[note.interface];
  const net::IpAddress behind = core::far_end(frame, note.outer_length);
  const auto found = known.find(mac);
  if (found != known.end()) {
    if (found->second == behind) return false;
    found->second = behind;
    return true;
  }
  if (known.size() == kMostPerInterface) known.erase(known.begin());
  known.emplace(mac, behind);
  return true;
}

void StationTable::match(const core::Network& network) {
  for (auto at = stations_.begin(); at != stations_.end();) {
    const bool there = at->first.value() < network.interfaces.size();
    const auto* overlay = there ? &network.interfaces[at->first.value()].overlay : nullptr;
    if (overlay == nullptr || !*overlay) {
      at = stations_.erase(at);
      continue;
    }
    const core::Overlay& now = **overlay;
    if (!now.learns) {
      std::erase_if(at->second, [&](const auto& station) {
        return std::ranges::find(now.peers, station.second) == now.peers.end();
      });
    }
    ++at;
  }
}

}  // namespace millrace::host
