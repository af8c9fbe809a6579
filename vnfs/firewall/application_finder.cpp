// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/application_finder.h"

#include <algorithm>
#include <stdexcept>

namespace millrace::firewall {
namespace {

constexpr std::size_t kRoomBytes = 8192;  // headers, and what the detector looks at behind them

std::unique_ptr<dpi::ApplicationDetector> detector_of(const ApplicationFinderSize& size) {
  if (size.sessions == 0) return nullptr;
  auto made = dpi::ApplicationDetector::make(
      {.flows = size.sessions + 1, .memory_bytes = size.memory_bytes, .most_packets = size.packets});
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

}  // namespace

void ApplicationCounts::add(const Session& session) noexcept {
  const dpi::Application named = session.named();
  const auto number = static_cast<std::size_t>(
      named.service != dpi::ApplicationId::kUnknown ? named.service : named.protocol);
  const std::size_t place = session.naming == Naming::kNamed ? number : kOther;
  if (place < sessions_.size()) sessions_[place].add(1);
}

ApplicationFinder::ApplicationFinder(const ApplicationFinderSize& size)
    : detector_(detector_of(size)),
      kept_(size.sessions == 0 ? 0 : size.sessions + 1),
      said_(size.sessions == 0 ? 0 : size.sessions + 1),
      most_packets_(size.packets),
      room_(size.sessions == 0 ? 0 : kRoomBytes),
      counts_(size.sessions != 0) {}

void ApplicationFinder::give_back(const Session& session) noexcept {
  if (session.naming != Naming::kUndecided || session.application == 0) return;
  detector_->give_back(session.application - 1);
  undecided_.set(undecided_.read() - 1);
}

void ApplicationFinder::forget(Session& session) noexcept {
  give_back(session);
  if (session.naming == Naming::kUndecided) session.naming = Naming::kNone;
  if (session.naming == Naming::kNone) session.application = 0;
}

void ApplicationFinder::settle_as_other(Session& session) noexcept {
  give_back(session);
  session.naming = Naming::kOther;
  session.application = 0;
  counts_.add(session);
}

void ApplicationFinder::settle_as(Session& session, dpi::Application found) noexcept {
  give_back(session);
  session.name(found);
  counts_.add(session);
}

bool ApplicationFinder::take(Session& session, Tick now) noexcept {
  if (session.application != 0) return true;
  // One is left for look_at_all().
  const bool full = detector_ == nullptr || detector_->taken() + 1 >= kept_.size();
  const auto taken = full ? dpi::ApplicationDetector::kNone : detector_->take(session.key.protocol());
  if (taken == dpi::ApplicationDetector::kNone) {
    without_room_.add(1);
    return false;
  }
  kept_[taken] = {.since = now, .packets = 0, .given_up = false};
  said_.begin(taken);
  session.application = (taken + 1) & ((1U << 2 * Session::kApplicationBits) - 1);
  undecided_.add(1);
  return true;
}

// At what the sides have said, each as if it came in one packet, in the order given.
bool ApplicationFinder::look_at_all(std::uint32_t number, std::span<const unsigned> sides, Tick now,
                                    dpi::Application& found) noexcept {
  const auto again = detector_->take(net::protocol::kTcp);
  if (again == dpi::ApplicationDetector::kNone) return false;
  dpi::Detection all;
  for (const unsigned side : sides) {
    const Bytes bytes = said_.as_packet(number, side, room());
    if (bytes.empty()) continue;
    all = detector_->look(again, {.ip = bytes,
                                  .transport = said_.transport(number, side),
                                  .tick_ms = now,
                                  .from_responder = side == 1});
  }
  found = all.found;
  detector_->give_back(again);
  return all.state == dpi::Detection::State::kKnown;
}

ApplicationFinder::Look ApplicationFinder::look(Session& session, const dpi::DetectedPacket& packet,
                                                std::size_t payload, Tick now) noexcept {
  if (!take(session, now)) return Look::kNoRoom;
  const std::uint32_t number = session.application - 1;
  Kept& kept = kept_[number];
  bool more_said = false;
  if (session.key.protocol() == net::protocol::kTcp) {
    const Bytes ip = packet.ip;
    const std::size_t header = std::min(payload, ip.size());
    more_said =
        said_.add(number, packet.from_responder, ip.first(header), packet.transport, ip.subspan(header));
  }
  dpi::Detection one;
  if (!kept.given_up) {
    one = detector_->look(number, packet);
    // A guess by port or address is no name: anybody may use them.
    kept.given_up = one.final && one.state != dpi::Detection::State::kKnown;
    if (one.final && !kept.given_up) {
      settle_as(session, one.found);
      return Look::kSettled;
    }
  }
  if (more_said && kept.packets != 0) {
    const unsigned first = said_.first(number);
    const unsigned sides[] = {first, first ^ 1U};
    dpi::Application found;
    if (look_at_all(number, sides, now, found) ||
        (said_.has_said(number, sides[1]) && look_at_all(number, std::span(sides).subspan(1), now, found))) {
      settle_as(session, found);
      return Look::kSettled;
    }
  }
  const bool more = session.key.protocol() == net::protocol::kTcp || !kept.given_up;
  if (++kept.packets < most_packets_ && more) return Look::kUndecided;
  if (one.state == dpi::Detection::State::kKnown) {
    settle_as(session, one.found);
  } else {
    settle_as_other(session);
  }
  return Look::kSettled;
}

void ApplicationFinder::lose_patience(Session& session, Tick now) noexcept {
  if (session.naming != Naming::kUndecided || session.application == 0) return;
  const auto number = static_cast<dpi::ApplicationDetector::Number>(session.application - 1);
  if (now - kept_[number].since < kPatience) return;
  const dpi::Detection best = detector_->give_up(number);
  if (best.state == dpi::Detection::State::kKnown) {
    settle_as(session, best.found);
  } else {
    settle_as_other(session);
  }
  session.unruled = 1;
}

std::uint64_t ApplicationFinder::without_memory() const noexcept {
  return detector_ == nullptr ? 0 : detector_->counts().without_memory.read();
}

std::size_t ApplicationFinder::memory_bytes() const noexcept {
  return kept_.bytes() + said_.memory_bytes() + room_.size() +
         (detector_ == nullptr ? 0 : detector_->memory_bytes());
}

}  // namespace millrace::firewall
