// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/alarms.h"

#include <vector>

#include <fmt/format.h>

namespace millrace::vpn {

std::string_view name_of(AlarmKind kind) noexcept {
  switch (kind) {
    case AlarmKind::kTunnelDown:
      return "tunnel_down";
    case AlarmKind::kAuthenticationFailed:
      return "authentication_failed";
    case AlarmKind::kReplays:
      break;
  }
  return "replays";
}

void Alarms::raise(const std::string& tunnel, AlarmKind kind, std::string text, Time now) {
  const auto [alarm, is_new] = raised_.try_emplace({tunnel, kind}, Alarm{.since = now, .text = text});
  if (is_new) {
    report_(fmt::format("alarm {} of {}: {}", name_of(kind), tunnel, text), true);
  } else {
    alarm->second.text = std::move(text);
  }
}

void Alarms::clear(const std::string& tunnel, AlarmKind kind) {
  if (raised_.erase({tunnel, kind}) != 0)
    report_(fmt::format("alarm {} of {} is over", name_of(kind), tunnel), false);
}

void Alarms::look(std::span<const Tunnel> tunnels, Time now) {
  for (auto& [name, watched] : watched_) watched.seen = false;
  for (const Tunnel& tunnel : tunnels) {
    Watched& watched = watched_[tunnel.name];
    watched.seen = true;
    const bool down = tunnel.wanted && !tunnel.up;
    if (down && !watched.down) watched.down_since = now;
    watched.down = down;
    if (down && now - watched.down_since >= kDownTime) {
      raise(tunnel.name, AlarmKind::kTunnelDown,
            tunnel.trouble.empty()
                ? "it is to be there always, and nobody says why it is not: look into charon's log"
                : tunnel.trouble,
            now);
    } else if (!down) {
      clear(tunnel.name, AlarmKind::kTunnelDown);
    }

    if (tunnel.authentication_failed) {
      watched.last_failure = now;
      raise(tunnel.name, AlarmKind::kAuthenticationFailed, tunnel.trouble, now);
    } else if (now - watched.last_failure >= kQuietTime) {
      clear(tunnel.name, AlarmKind::kAuthenticationFailed);
    }

    if (now - watched.replay_begin >= kReplayTime) {
      watched.replay_begin = now;
      watched.replayed = 0;
    }
    watched.replayed += tunnel.replayed;
    if (watched.replayed >= kReplays) {
      watched.last_replays = now;
      raise(tunnel.name, AlarmKind::kReplays,
            fmt::format("{} packets came a second time, or too late for replay_window, within {} s: somebody "
                        "sends them "
                        "again, or the network puts them out of order",
                        watched.replayed, kReplayTime.count()),
            now);
    } else if (now - watched.last_replays >= kQuietTime) {
      clear(tunnel.name, AlarmKind::kReplays);
    }
  }
  std::erase_if(watched_, [&](const auto& one) {
    if (one.second.seen) return false;
    for (const auto kind : {AlarmKind::kTunnelDown, AlarmKind::kAuthenticationFailed, AlarmKind::kReplays})
      clear(one.first, kind);
    return true;
  });
}

}  // namespace millrace::vpn
