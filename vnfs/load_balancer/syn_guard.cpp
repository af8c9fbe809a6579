// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/syn_guard.h"

#include "common/core/receive_marks.h"
#include "vnfs/load_balancer/drops.h"

namespace millrace::load_balancer {

bool SynGuard::is_above(Pressure& pressure, std::uint32_t rate, Tick now) const noexcept {
  const Pace pace = Pace(rate).share(workers_);
  const std::uint32_t burst = rate / workers_ + (rate % workers_ != 0 ? 1 : 0);
  if (pressure.rate.ready(pace, burst, now)) {
    pressure.rate.take(pace);
    pressure.above = pressure.above && tick_after(pressure.last_above + kStays, now);
  } else {
    pressure.above = true;
    pressure.last_above = now;
  }
  return pressure.above;
}

bool SynGuard::answer(core::Batch& batch, core::Packet& packet, const flow::FlowLookup& lookup, ServiceId id,
                      const Protection& protection, core::Originator& originator) noexcept {
  using Answer = core::SynProxy::Answer;
  if (!protection.syn_proxy || !core::may_get_cookie(packet)) return false;
  const std::uint32_t rate = protection.syn_proxy_above;
  if (rate != 0 && !is_above(pressure_[id], rate, batch.now)) return false;
  // No backend is chosen yet, so it is the client's link that tells what fits.
  const core::Network& network = *batch.network;
  const std::uint16_t size = core::segment_size_of(packet, network.interfaces[packet.ingress.value()].mtu);
  switch (cookies_.answer(packet, lookup, size, network, originator, batch.now)) {
    case Answer::kSent:
      batch.drop(packet, Drop::kSynCookie);
      break;
    case Answer::kBadOption:
      batch.drop(packet, Drop::kTcpBadOption);
      break;
    case Answer::kNoMemory:
      batch.drop(packet, core::Drop::kNoMemory);
      break;
  }
  return true;
}

std::optional<core::SynProxy::Proof> SynGuard::redeem(core::Batch& batch, core::Packet& packet,
                                                      const flow::FlowLookup& lookup) const noexcept {
  using namespace net::tcp_flag;
  const bool acknowledges =
      core::has_tcp(packet) && (packet.headers.tcp_flags & (kSyn | kAck | kRst)) == kAck;
  auto proof = acknowledges ? cookies_.redeem(packet, lookup, batch.now) : std::nullopt;
  if (!proof) {
    batch.drop(packet, Drop::kBadCookie);
    return std::nullopt;
  }
  // It opens a connection as a SYN does, which ingress has seen to.
  if (!core::checksum_believed(packet)) {
    batch.drop(packet, core::Drop::kBadTransportChecksum);
    return std::nullopt;
  }
  return proof;
}

}  // namespace millrace::load_balancer
